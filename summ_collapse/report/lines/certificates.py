"""What can be promised of each selection: at most so large a share of what it keeps is wrong (`selection.certify`).

The labels are the judge's verdicts on what is kept, where there is a reference: references are taken to be there for documents
drawn at random. They are independent only where a selection keeps one candidate a document; of others nothing is promised. What a
verifier, or the generator, has learnt from is not counted, and of an oracle, which has read the references, nothing is promised.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from summ_collapse.experiment.arms import Arm
from summ_collapse.predict.certificate import Drawn, certified
from summ_collapse.records import keys_of
from summ_collapse.report.contents import Contents
from summ_collapse.report.results import Promise
from summ_collapse.stages.prepare import slice_of
from summ_collapse.store import Artifact

LABELLED = "labelled"  # the column of scores that says what a verifier has learnt from


def promises(contents: Contents, inputs: Mapping[str, Artifact]) -> list[Promise]:
    """Of every verifier and way to select, the strictest rate first; nothing where the recipe asks for no certificate."""
    asked = contents.certify
    if asked is None:
        return []
    arms = [
        arm
        for arm in contents.arms
        if arm.verifier in asked.verifiers and arm.rate is not None and arm.method is None and arm.generation is None
        if arm.rows is not None and inputs[arm.rows].failed is None
    ]
    # Ways to select and generators are questions of their own, as verifiers are: all of them share the error.
    questions = {seed: len({_question(arm) for arm in arms if arm.seed == seed}) for seed in {arm.seed for arm in arms}}
    arms.sort(key=lambda arm: (arm.seed, _question(arm)))
    return [
        one
        for (seed, _), same in groupby(arms, key=lambda arm: (arm.seed, _question(arm)))
        for one in _of_question(list(same), inputs, contents, 1 - (1 - asked.promise.confidence) / questions[seed])
    ]


def _question(arm: Arm) -> tuple[str, ...]:
    return tuple(str(part) for part in (arm.verifier, arm.variant or "", arm.pool or "", arm.slice or ""))


def _of_question(arms: Sequence[Arm], inputs: Mapping[str, Artifact], contents: Contents, confidence: float) -> Iterator[Promise]:
    assert contents.certify is not None
    limit = contents.certify.promise.wrong_below
    by_rate = {arm.rate: arm for arm in arms if arm.rate is not None}
    learnt = contents.certify.verifiers[str(arms[0].verifier)]
    drawn = [_drawn(rate, arm, inputs, contents.wrong.below, learnt) for rate, arm in by_rate.items()]
    # A rate that keeps several candidates of a document ends the sequence: of it, and of wider ones, nothing is promised.
    single = [one for one in sorted(drawn, key=lambda one: one[0].rate) if one[1]]
    tested = {one.rate: one for one in certified([one for one, _ in single], limit, confidence)}
    for one, _ in sorted(drawn, key=lambda one: one[0].rate):
        arm, found = by_rate[one.rate], tested.get(one.rate)
        bound = found.bound if found else None
        yield Promise(
            arm.name,
            str(arm.verifier),
            arm.variant,
            one.rate,
            arm.seed,
            limit,
            confidence,
            one.labels,
            one.wrong,
            bound,
            bool(found and found.certified),
            found.more_labels if found and bound is not None else None,
            _why(found is not None, bound, limit),
        )


def _why(independent: bool, bound: float | None, limit: float) -> str | None:
    """Why nothing is promised; None where it is."""
    if not independent:
        return "it keeps several candidates of a document, whose labels are not independent"
    if bound is None:
        return "a stricter rate was not certified, so it was not tested"
    return None if bound <= limit else f"as much as {100 * bound:.1f}% may be wrong"


def _drawn(rate: float, arm: Arm, inputs: Mapping[str, Artifact], wrong_below: float, learnt: float) -> tuple[Drawn, bool]:
    """The labels of one selection, and whether each is of another document."""
    assert arm.rows is not None
    assert arm.judge is not None
    assert arm.scores is not None
    judged = inputs[arm.judge].table("scores", ["id", "sample", "score"])
    verdicts, keys = judged["score"].to_numpy(), keys_of(judged)
    scores = inputs[arm.scores].table("scores")
    seen = scores[LABELLED].to_numpy() if LABELLED in scores.column_names else np.zeros(len(keys), dtype=bool)
    share = max(learnt, arm.slice or 0.0)
    known = set(slice_of(inputs["examples"].table("train", ["id", "slice_rank"]), share)["id"].to_pylist()) if share else set()
    usable = {
        key: bool(verdict < wrong_below)
        for key, verdict, counts in zip(keys, verdicts, ~np.isnan(verdicts) & ~seen, strict=True)
        if counts and key[0] not in known
    }
    kept = keys_of(inputs[arm.rows].table("rows", ["id", "sample"]))
    wrong = [usable[key] for key in kept if key in usable]
    return Drawn(rate, len(wrong), sum(wrong)), len({identifier for identifier, _ in kept}) == len(kept)


def told(found: Sequence[Promise]) -> str | None:
    """What is promised, in a sentence; None where nothing was asked."""
    if not found:
        return None
    limit = f"at most {100 * found[0].wrong_below:g}% wrong"
    seeds = len({one.seed for one in found})
    under: dict[str, int] = {}
    for one in found:
        under[one.arm] = under.get(one.arm, 0) + one.certified
    names = [arm + ("" if count == seeds else f" (under {count} of {seeds} seeds)") for arm, count in under.items() if count]
    if names:
        return f"Certified, {limit}: {', '.join(names)}."
    lacking = min((one for one in found if one.more_labels), key=lambda one: one.more_labels or 0, default=None)
    if lacking is not None:
        more = f"{lacking.arm} would take {lacking.more_labels} more labels, all of them right"
    else:
        more = "; ".join(dict.fromkeys(f"{one.arm}: {one.why}" for one in found[:1]))
    return f"No selection can be certified ({limit}); {more}."
