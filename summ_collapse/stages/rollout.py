"""`rollout`: what a model makes of the beginnings of samples that went wrong, several times from every step on.

Their scores tell what was to be expected before each step (`selection/credit.py`). A rollout is a candidate like any other, the
whole text with the beginning that it was continued from, so that every verifier can score it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa
from pydantic import Field, JsonValue

from summ_collapse import store
from summ_collapse.metrics import steps
from summ_collapse.plugins import plugin
from summ_collapse.recipe.preference import StepKind
from summ_collapse.records import CANDIDATE, check, keys_of
from summ_collapse.selection.credit import worst
from summ_collapse.selection.order import by_hash
from summ_collapse.stages.chunks import in_chunks
from summ_collapse.stages.completing import Completing, chunk_seed
from summ_collapse.stages.reading import MODELS, Reading
from summ_collapse.stages.size import Lengths, Size, Work, parts
from summ_collapse.stages.stage import Context, Outcome, Stage

if TYPE_CHECKING:
    from summ_collapse.models.encoder import Encoder
    from summ_collapse.models.engines import Beginnings, Engine, Tokens

ROLLOUT = pa.schema([*CANDIDATE, ("of", pa.int32()), ("boundary", pa.int32())])
MEAN_STEPS = 4  # what a plan takes a text to have, which nobody has read yet


class Rollout(Stage):
    """Candidates of those documents, numbered anew: `of` is the sample gone through, `boundary` how many of its steps stand."""

    kind: ClassVar[str] = "rollout"
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples", "candidates": "candidates", "scores": "scores"}
    further: ClassVar[Mapping[str, str]] = MODELS
    gives: ClassVar[str] = "candidates"
    launch: ClassVar[str | None] = "generate"
    preload: ClassVar[tuple[str, ...]] = ("summ_collapse.models.engines.transformers", "summ_collapse.models.generation")
    completing: Completing = Field(description="its chunks are so many samples that are gone through")
    steps: StepKind
    margin: float = Field(description="how far below its document's others a sample has to score to be gone through")
    each: int = Field(description="the most samples of a document that are gone through, the worst first")
    most: int | None = Field(None, description="the most samples that are gone through, drawn by hash of their keys")

    @property
    def reads(self) -> Reading:
        return self.completing.reading

    def size(self, of: Mapping[str, Size]) -> Size:
        """At most: how many samples go wrong, and how many steps they have, nobody knows before."""
        candidates = of["candidates"]
        through = self._through(candidates)
        rows = None if through is None else through * (MEAN_STEPS - 1) * self.completing.decoding.samples
        return Size(rows, completion=candidates.completion)

    def chunks(self, of: Mapping[str, Size]) -> int | None:
        through = self._through(of["candidates"])
        return None if through is None else parts(through, self.completing.documents_a_chunk(through))

    def work(self, of: Mapping[str, Size], lengths: Lengths) -> Work:
        through = self._through(of["candidates"])
        return self.completing.work(None if through is None else through * (MEAN_STEPS - 1), lengths)

    def _through(self, candidates: Size) -> int | None:
        if candidates.rows is None:
            return None
        through = candidates.rows // candidates.samples * min(self.each, candidates.samples)
        return through if self.most is None else min(through, self.most)

    def run(self, context: Context) -> Outcome:
        """Write `candidates.parquet`: the candidates' columns, `of` and `boundary`."""
        examples = context.inputs["examples"].table("train", ["id", "document"])
        document_of = dict(zip(examples["id"].to_pylist(), examples["document"].to_pylist(), strict=True))
        candidates = context.inputs["candidates"].table("candidates", ["id", "sample", "candidate"])
        keys, texts = keys_of(candidates), candidates["candidate"].to_pylist()
        scores = context.inputs["scores"].table("scores", ["score"])["score"].to_numpy()
        wrong = worst([key for key, _ in keys], scores, self.margin, self.each)
        through = wrong if self.most is None else wrong[by_hash("rollout", [keys[row] for row in wrong]) < self.most]
        source = self.reads.source(context.inputs)
        encoder = self.reads.encoder(source, self.completing.decoding.max_new_tokens)
        opened: list[Engine] = []

        def work_on(rows: range, index: int) -> pa.Table:
            from summ_collapse.models.engines import continued

            if not opened:  # a stage that finds all its chunks made needs no model
                opened.append(plugin("engines", self.completing.engine)(source, encoder))
            ours = [int(through[row]) for row in rows]
            begun = [self._beginnings(encoder, document_of[keys[row][0]], texts[row]) for row in ours]
            seed = chunk_seed(context.seed, context.name, index)
            written = continued(opened[0], [one for _, one in begun], self.completing.decoding, seed)
            made = zip(ours, begun, written, strict=True)
            return pa.concat_tables([_table(encoder, *keys[row], places, one, found) for row, (places, one), found in made])

        size = self.completing.documents_a_chunk(len(through))
        rollouts = _numbered(in_chunks(context, len(through), size, work_on, ROLLOUT))
        store.write_table(context.out / "candidates.parquet", check(rollouts, CANDIDATE, "rollouts"))
        rejected = {
            "not that far below its document's others": len(keys) - len(wrong),
            "beyond `most`": len(wrong) - len(through),
        }
        tokens = sum(rollouts["n_tokens"].to_pylist())
        notes: dict[str, JsonValue] = {
            "rollouts": rollouts.num_rows,
            "hit_the_limit": rollouts["finish"].to_pylist().count("length"),
        }
        return Outcome(len(keys), len(through), {reason: rows for reason, rows in rejected.items() if rows}, tokens, notes)

    def _beginnings(self, encoder: "Encoder", document: str, text: str) -> "tuple[list[int], Beginnings]":
        """Behind how many steps a text is gone on from, and its tokens. A place that is inside of a token is none."""
        from summ_collapse.models.engines import Beginnings

        (whole,) = encoder.encode([document], [text])
        # A text can be longer in the tokenizer's own tokens than in those that it was written in.
        room, start = self.completing.decoding.max_new_tokens, whole.prompt_length
        ids = whole.ids[:-1][: start + room]
        prefixes = encoder.beginnings([text[:place].rstrip() for place in steps.boundaries(text, self.steps)])
        cuts = {
            number: start + len(prefix)
            for number, prefix in enumerate(prefixes, 1)
            if len(prefix) < room and ids[start : start + len(prefix)] == prefix
        }
        return list(cuts), Beginnings(ids, start, list(cuts.values()))


def _table(
    encoder: "Encoder", identifier: str, sample: int, places: list[int], of: "Beginnings", found: "list[list[Tokens]]"
) -> pa.Table:
    """The rollouts of one sample, all numbered 0."""
    rows = [
        {
            "id": identifier,
            "sample": 0,
            "candidate": encoder.decode([[*of.ids[of.prompt_length : cut], *tokens.ids]])[0],
            "n_tokens": len(tokens.ids) + tokens.ended,
            "finish": "stop" if tokens.ended else "length",
            "of": sample,
            "boundary": place,
        }
        for place, cut, several in zip(places, of.cuts, found, strict=True)
        for tokens in several
    ]
    return pa.Table.from_pylist(rows, schema=ROLLOUT)


def _numbered(rollouts: pa.Table) -> pa.Table:
    """With samples numbered from 0 within each document, whose rows stand together."""
    counts: dict[str, int] = {}
    numbers = []
    for identifier in rollouts["id"].to_pylist():
        numbers.append(counts.get(identifier, 0))
        counts[identifier] = numbers[-1] + 1
    return rollouts.set_column(rollouts.schema.get_field_index("sample"), "sample", pa.array(numbers, pa.int32()))
