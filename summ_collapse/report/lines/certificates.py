"""What can be promised of each selection: at most so large a share of what it keeps is wrong (`selection.certify`).

The labels are the judge's verdicts on what is kept, where there is a reference: references are taken to be there for documents
drawn at random. Of several candidates of a document one counts, drawn by hash, so that labels are independent. What a verifier
has learnt from is not counted for it, and of an oracle, which has read the references, nothing is promised.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from summ_collapse.experiment.arms import Arm
from summ_collapse.predict.certificate import Drawn, certified
from summ_collapse.records import keys_of, tie_break
from summ_collapse.report.contents import Contents
from summ_collapse.report.results import Promise
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
    drawn = [_drawn(rate, arm, inputs, contents.wrong.below) for rate, arm in by_rate.items()]
    for found in certified(drawn, limit, confidence):
        arm = by_rate[found.rate]
        yield Promise(
            arm.name,
            str(arm.verifier),
            arm.variant,
            found.rate,
            arm.seed,
            limit,
            confidence,
            found.labels,
            found.wrong,
            found.bound,
            found.certified,
            found.more_labels,
        )


def _drawn(rate: float, arm: Arm, inputs: Mapping[str, Artifact], wrong_below: float) -> Drawn:
    assert arm.rows is not None
    assert arm.judge is not None
    assert arm.scores is not None
    judged = inputs[arm.judge].table("scores", ["id", "sample", "score"])
    verdicts, keys = judged["score"].to_numpy(), keys_of(judged)
    scores = inputs[arm.scores].table("scores")
    learnt = scores[LABELLED].to_numpy() if LABELLED in scores.column_names else np.zeros(len(keys), dtype=bool)
    usable = {key: verdict for key, verdict, known in zip(keys, verdicts, ~np.isnan(verdicts) & ~learnt, strict=True) if known}
    kept = [key for key in keys_of(inputs[arm.rows].table("rows", ["id", "sample"])) if key in usable]
    first: dict[str, float] = {}
    for place in np.argsort(tie_break("certificate", kept)) if kept else ():
        identifier, _ = kept[place]
        first.setdefault(identifier, usable[kept[place]])
    return Drawn(rate, len(first), sum(bool(verdict < wrong_below) for verdict in first.values()))


def told(found: Sequence[Promise]) -> str | None:
    """What is promised, in a sentence; None where nothing was asked."""
    if not found:
        return None
    limit = f"at most {100 * found[0].wrong_below:g}% wrong"
    seeds = len({one.seed for one in found})
    names = [name for verifier in dict.fromkeys(one.verifier for one in found) if (name := _widest(found, verifier, seeds))]
    if names:
        return f"Certified, {limit}: {', '.join(names)}."
    lacking = min((one for one in found if one.more_labels is not None), key=lambda one: one.more_labels or 0, default=None)
    more = "" if lacking is None else f"; {lacking.arm} would take {lacking.more_labels} more labels, all of them right"
    return f"No selection can be certified ({limit}){more}."


def _widest(found: Sequence[Promise], verifier: str, seeds: int) -> str | None:
    """The rate up to which a verifier's selections are certified under every seed that certifies any."""
    rates: dict[int, float] = {}
    for one in found:
        if one.verifier == verifier and one.certified:
            rates[one.seed] = max(one.rate, rates.get(one.seed, 0.0))
    if not rates:
        return None
    under = "" if len(rates) == seeds else f" (under {len(rates)} of {seeds} seeds)"
    return f"{verifier} up to {100 * min(rates.values()):g}%{under}"
