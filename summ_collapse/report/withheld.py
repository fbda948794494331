"""Where a table gives no verdict, and why: under one seed, for arms on a floor, and where more real data does not help.

A difference between models that answer nothing, or one thing, or do not come to an end, is one of degrees of failure; and a
setting in which all real rows are no better than the slice has no room to see what synthetic ones are worth.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from summ_collapse.experiment.arms import ELSEWHERE, VERDICT_BASELINE, Arm
from summ_collapse.report.compare import Comparison
from summ_collapse.report.results import Outputs

# Half: from there on an arm's mean tells more of how often it fails than of what it answers.
MOST_EMPTY = MOST_CONSTANT = 0.5
# Less: what the limit of tokens cuts off is missing from every one of these answers, and weak models write on and on.
MOST_UNFINISHED = 0.2

SHOWN = 4  # arms that a warning names


@dataclass(frozen=True)
class Withheld:
    """What stands above the table, and by arm why it has no verdict."""

    warnings: list[str]
    reasons: dict[str, str]


def outputs(predictions: pa.Table, references: Sequence[str]) -> Outputs:
    """What an arm wrote for the test rows; `references` say how often one answer is right."""
    texts = [text.strip() for text in predictions["candidate"].to_pylist()]
    return Outputs(
        empty=texts.count("") / len(texts),
        constant=_commonest([text for text in texts if text]) / len(texts),
        expected=_commonest([text.strip() for text in references]) / len(references),
        unfinished=pc.sum(pc.equal(predictions["finish"], "length")).as_py() / len(texts),
    )


def _commonest(texts: Sequence[str]) -> int:
    """How many rows have the text that most have."""
    return Counter(texts).most_common(1)[0][1] if texts else 0


def floors(found: Outputs) -> dict[str, float]:
    """The shares that are too large, by what they are shares of."""
    # Where most references are one text, that answer is no sign of failure: half of what they leave is.
    limit = found.expected + (1 - found.expected) * MOST_CONSTANT
    over = {
        "empty": (found.empty, MOST_EMPTY),
        "one and the same": (found.constant, limit),
        "cut off at the limit of tokens": (found.unfinished, MOST_UNFINISHED),
    }
    return {name: share for name, (share, most) in over.items() if share > most}


def withheld(arms: Mapping[str, Arm], wrote: Mapping[str, Sequence[Outputs]], comparison: Comparison, metric: str) -> Withheld:
    """`wrote` are each arm's outputs, one a seed: one seed on a floor is enough."""
    on_floor = {name: _worst(several) for name, several in wrote.items()}
    own = {name: " and ".join(f"{share:.0%} of outputs are {kind}" for kind, share in on_floor[name].items()) for name in arms}
    ceilings = _ceilings(arms, comparison, metric)
    luck = None if comparison.knows_luck else f"{_lack(comparison.seeds)}: training's own luck is not in these intervals"
    warnings = [f"{luck}, so there is no verdict"] if luck else []
    warnings += _floor_warnings(on_floor) + list(dict.fromkeys(ceilings.values()))
    reasons = {}
    for name, arm in arms.items():
        baseline = arm.baselines.get(VERDICT_BASELINE, "")
        if baseline not in arms:
            continue
        of_baseline = own[baseline] and f"{baseline}: {own[baseline]}"
        elsewhere = f"{name}: one training made elsewhere, whose luck is not in its interval" if arm.method == ELSEWHERE else None
        reason = own[name] or of_baseline or ceilings.get(baseline) or luck or elsewhere
        if reason:
            reasons[name] = reason
    return Withheld(warnings, reasons)


def _lack(seeds: int) -> str:
    return "one seed" if seeds == 1 else "one trained arm"


def _worst(several: Sequence[Outputs]) -> dict[str, float]:
    """What is too large in any seed, as large as it is in the worst."""
    found: dict[str, float] = {}
    for one in several:
        found |= {kind: max(share, found.get(kind, 0.0)) for kind, share in floors(one).items()}
    return found


def _floor_warnings(on_floor: Mapping[str, Mapping[str, float]]) -> list[str]:
    """One a kind of floor, with the arms that stand on it."""
    lines = []
    for kind in dict.fromkeys(kind for found in on_floor.values() for kind in found):
        there = [f"{name} {found[kind]:.0%}" for name, found in on_floor.items() if kind in found]
        more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
        lines.append(f"outputs that are {kind}: {', '.join(there[:SHOWN])}{more}; no verdict on these arms, or against them")
    return lines


def _ceilings(arms: Mapping[str, Arm], comparison: Comparison, metric: str) -> dict[str, str]:
    """By real slice that all real rows are not above: what is said of it."""
    found = {}
    # A slice of all rows has nothing above it.
    slices = {name: arm for name, arm in arms.items() if arm.control == VERDICT_BASELINE and arm.slice != 1}
    for name, arm in slices.items():
        for full, other in arms.items():
            if other.control != "real-full" or other.slice not in (None, arm.slice):
                continue
            one = comparison.alone(full, name, metric)
            if one.low <= 0:
                found[name] = (
                    f"{full} is not above {name} (Δ {metric} {one.mean:+.1f} [{one.low:+.1f}, {one.high:+.1f}]): more real data "
                    "does not help here, so nothing can be told of synthetic data; no verdicts"
                )
    return found
