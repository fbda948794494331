"""`pair`: for a document, what is better beside what is worse: whole samples, or the step at which one of them went wrong.

Both sides go on from one prefix. Of whole samples that is empty; of steps it is what stands before the first step whose advantage
is clearly negative (Setlur et al. 2024), and the better side is how a rollout from there went on that ended well.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, JsonValue

from summ_collapse import store
from summ_collapse.metrics import steps
from summ_collapse.recipe.preference import StepKind
from summ_collapse.records import PAIR, check, keys_of
from summ_collapse.selection.credit import advantages, pit
from summ_collapse.selection.order import by_hash
from summ_collapse.stages.size import Size
from summ_collapse.stages.stage import Context, Outcome, Stage


@dataclass(frozen=True)
class Text:
    """A sample or a rollout, with its score and its place in an order by hash of keys."""

    text: str
    score: float
    turn: int
    ended: bool  # by itself, and not at the limit of tokens


@dataclass(frozen=True)
class Found:
    """Two ways to go on from a prefix; `gain` is how much better the first is than the second."""

    prefix: str
    chosen: str
    rejected: str
    gain: float
    ends: tuple[bool, bool]


class Pair(Stage):
    """One row a pair. Documents without one are counted, by why they have none."""

    kind: ClassVar[str] = "pair"
    inputs: ClassVar[Mapping[str, str]] = {"candidates": "candidates", "scores": "scores"}
    further: ClassVar[Mapping[str, str]] = {"rollouts": "candidates", "scores of rollouts": "scores"}
    gives: ClassVar[str] = "pairs"
    margin: float = Field(description="least difference of score between both sides")
    each: int = Field(description="the most pairs of a document; no sample stands in two, and of each that is gone through one")
    right: float = Field(description="least score of what is right: why documents without a pair have none")
    weights: Literal["equal", "advantage"]
    steps: StepKind | None = Field(None, description="of steps, by rollouts; of whole samples where absent")
    fall: float | None = Field(None, description="of steps: an advantage of minus this, or less, is clearly negative")
    until: Literal["step", "end"] | None = Field(None, description="of steps: how far both sides go")

    def size(self, of: Mapping[str, Size]) -> Size:
        """At most: who has a pair nobody knows before."""
        candidates = of["candidates"]
        documents = None if candidates.rows is None else candidates.rows // candidates.samples
        most = min(self.each, candidates.samples // 2 if self.steps is None else candidates.samples)
        return Size(None if documents is None else documents * most, completion=candidates.completion)

    def run(self, context: Context) -> Outcome:
        """Write `pairs.parquet`."""
        samples = _texts(context, "candidates", "scores")
        rollouts = self._rollouts(context) if self.steps is not None else {}
        reasons: Counter[str] = Counter()
        rows: list[dict[str, Any]] = []
        gone_through: Counter[str] = Counter()
        for identifier, ours in samples.items():
            known = [(number, one) for number, one in ours if not np.isnan(one.score)]
            texts = [one for _, one in known]
            if self.steps is None:
                found = list(self._of_samples(texts))
            else:
                kept = ((one, rollouts.get((identifier, number))) for number, one in known)
                through = [self._of_steps(one, texts, ways) for one, ways in kept if ways is not None]
                gone_through.update(one if isinstance(one, str) else "a pair" for one in through)
                found = [one for one in through if isinstance(one, Found)]
            rows += [self._row(identifier, number, one) for number, one in enumerate(found[: self.each])]
            if not found:
                reasons[self._why(texts)] += 1
        pairs = pa.Table.from_pylist(rows, schema=PAIR)
        store.write_table(context.out / "pairs.parquet", check(pairs, PAIR, "pairs"))
        notes: dict[str, JsonValue] = {"pairs": pairs.num_rows}
        if self.steps is not None:
            notes["gone_through"] = dict(sorted(gone_through.items()))
        return Outcome(len(samples), len(samples) - reasons.total(), dict(sorted(reasons.items())), notes=notes)

    def _why(self, known: Sequence[Text]) -> str:
        """Why a document has no pair."""
        if not known:
            return "no score"
        right = sum(one.score >= self.right for one in known)
        if right in (0, len(known)):
            return "only right samples" if right else "only wrong samples"
        return "no two that are that far apart" if self.steps is None else "no step from which another way on was better"

    def _of_samples(self, known: Sequence[Text]) -> Iterator[Found]:
        """The best beside the worst, the second best beside the second worst, and so on; by hash where they tie."""
        best = sorted(known, key=lambda one: (-one.score, one.turn))
        worst = sorted(known, key=lambda one: (one.score, one.turn))
        for chosen, rejected in zip(best, worst, strict=True):
            if chosen.score - rejected.score < self.margin:
                return
            if steps.bare(chosen.text) != steps.bare(rejected.text):
                yield Found("", chosen.text, rejected.text, chosen.score - rejected.score, (chosen.ended, rejected.ended))

    def _of_steps(self, one: Text, known: Sequence[Text], rollouts: Mapping[int, Sequence[Text]]) -> Found | str:
        """Where a sample went wrong, and a better way on from there; or why there is none."""
        assert self.steps is not None
        assert self.fall is not None
        ways = {0: [other for other in known if other is not one], **rollouts}
        # A boundary without rollouts stood inside a token; its steps are taken together.
        places = sorted(number for number, found in ways.items() if found)
        expected = [float(np.mean([way.score for way in ways[number]])) for number in places]
        worse = pit(advantages([*expected, one.score]), self.fall)
        if worse is None:
            return "no step with a clearly negative advantage"
        begins = steps.boundaries(one.text, self.steps)
        start = 0 if places[worse] == 0 else begins[places[worse] - 1]
        behind = [*expected, one.score][worse + 1]
        prefix = one.text[:start].rstrip()
        rejected, ends = self._side(one, len(prefix), start)
        # Of ways that ended as well, that which shares most with the one that went wrong says most of where it did.
        for way in sorted(ways[places[worse]], key=lambda way: (-way.score, -_shared(way.text, one.text), way.turn)):
            if way.score - behind < self.margin:
                break
            if way.text[: len(prefix)] != prefix:
                continue
            chosen, also = self._side(way, len(prefix), start)
            if steps.bare(chosen) != steps.bare(rejected) or (also != ends):
                return Found(prefix, chosen, rejected, way.score - behind, (also, ends))
        return "no way on that ended better"

    def _side(self, way: Text, prefix: int, start: int) -> tuple[str, bool]:
        """What follows a prefix of so many characters: the step that begins at `start`, or all; and whether that is its end."""
        assert self.steps is not None
        ends = [place for place in steps.boundaries(way.text, self.steps) if place > start]
        whole = self.until == "end" or not ends
        side = way.text[prefix:] if whole else way.text[prefix : ends[0]].rstrip()
        return side, whole and way.ended

    def _rollouts(self, context: Context) -> dict[tuple[str, int], dict[int, list[Text]]]:
        """By document and sample gone through, and by boundary."""
        table = context.inputs["rollouts"].table("candidates", ["of", "boundary"])
        places = zip(table["of"].to_pylist(), table["boundary"].to_pylist(), strict=True)
        found: dict[tuple[str, int], dict[int, list[Text]]] = {}
        texts = [(key, one) for key, ours in _texts(context, "rollouts", "scores of rollouts").items() for _, one in ours]
        for (of, boundary), (identifier, one) in zip(places, texts, strict=True):
            if not np.isnan(one.score):
                found.setdefault((identifier, of), {}).setdefault(boundary, []).append(one)
        return found

    def _row(self, identifier: str, number: int, one: Found) -> dict[str, Any]:
        return {
            "id": identifier,
            "pair": number,
            "prefix": one.prefix,
            "chosen": one.chosen,
            "rejected": one.rejected,
            "weight": one.gain if self.weights == "advantage" else 1.0,
            "chosen_ends": one.ends[0],
            "rejected_ends": one.ends[1],
        }


def _shared(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next(
        (place for place, (ours, theirs) in enumerate(zip(one, other, strict=False)) if ours != theirs), min(len(one), len(other))
    )


def _texts(context: Context, candidates: str, scores: str) -> dict[str, list[tuple[int, Text]]]:
    """By document, with each one's number; in source order."""
    table = context.inputs[candidates].table("candidates", ["id", "sample", "candidate", "finish"])
    values = context.inputs[scores].table("scores", ["score"])["score"].to_pylist()
    keys = keys_of(table)
    turns = by_hash(f"pair {context.seed}", keys)
    found: dict[str, list[tuple[int, Text]]] = {}
    columns = (table["candidate"].to_pylist(), values, turns.tolist(), table["finish"].to_pylist())
    for (identifier, number), text, score, turn, finish in zip(keys, *columns, strict=True):
        found.setdefault(identifier, []).append((number, Text(text, score, turn, finish == "stop")))
    return found
