"""How much data a method is worth: error against the number of problems, and how many times as many SFT would need.

Every method's errors are fitted by a power of the number of problems, error = exp(a) N^b, by least squares of the logarithms.
At a number of problems N the multiplier is N' / N, where N' is what the baseline's curve needs for the method's fitted error
(Setlur et al. 2024, section 5); in the whole range it is the geometric mean over the sizes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from summ_collapse.experiment.arms import VERDICT_BASELINE, Arm
from summ_collapse.stages.prepare import Counts, slice_rows
from summ_collapse.store import Artifact

LEVEL, RESAMPLES = 0.95, 2000
FEWEST_SIZES = 3  # through two any curve goes
SFT, DRAWN = "sft", "pass@1"
LEAST = 0.5  # errors of no row at all are taken as half a row's


@dataclass(frozen=True)
class Efficiency:
    """How many times the data of `against` a method's is worth; None of `low` and `high` under one seed.

    `beyond` is the share of sizes at which the answer lies outside of the sizes that were measured.
    """

    method: str
    against: str
    metric: str
    problems: float | None  # None over all sizes
    error: float  # of the method, fitted, 0-100
    multiplier: float
    low: float | None
    high: float | None
    beyond: float
    seeds: int


@dataclass(frozen=True)
class Errors:
    """One method's errors, (sizes, seeds, rows) float64 between 0 and 1, and the number of problems at each size."""

    problems: np.ndarray
    errors: np.ndarray


def errors_of(arms: Sequence[Arm], inputs: Mapping[str, Artifact], metric: str) -> dict[str, Errors]:
    """By method, SFT among them; those that were measured at so many sizes or more under every seed."""
    counts = Counts.of(inputs["examples"])
    found: dict[str, dict[float, dict[int, np.ndarray]]] = {}
    for arm in arms:
        method = arm.method or (SFT if arm.control == VERDICT_BASELINE else None)
        if method is not None and arm.slice is not None and inputs[arm.evaluate].failed is None:
            found.setdefault(method, {}).setdefault(arm.slice, {})[arm.seed] = 1 - _scores(arm, inputs, metric)
    seeds = {arm.seed for arm in arms}
    whole = {
        method: {share: by_seed for share, by_seed in sorted(sizes.items()) if by_seed.keys() == seeds}
        for method, sizes in found.items()
    }
    return {
        method: Errors(
            np.array([slice_rows(counts.train, share) for share in sizes], dtype=np.float64),
            np.array([[by_seed[seed] for seed in sorted(seeds)] for by_seed in sizes.values()]),
        )
        for method, sizes in whole.items()
        if len(sizes) >= FEWEST_SIZES
    }


def measured(arms: Sequence[Arm], inputs: Mapping[str, Artifact], metric: str) -> dict[str, dict[str, Errors]]:
    """`errors_of` by metric: of the likeliest answers, and where several were drawn of these."""
    names = [metric, *([DRAWN] if any(arm.attempts is not None for arm in arms) else [])]
    found = {name: errors_of(arms, inputs, name) for name in names}
    return {name: errors for name, errors in found.items() if SFT in errors and len(errors) > 1}


def _scores(arm: Arm, inputs: Mapping[str, Artifact], metric: str) -> np.ndarray:
    """Of every test row, 0-1."""
    if metric != DRAWN:
        scores: np.ndarray = inputs[arm.evaluate].table("predictions", [metric])[metric].to_numpy()
        return scores
    assert arm.attempts is not None
    drawn = inputs[arm.attempts].table("attempts", ["attempts", "right"])
    share: np.ndarray = drawn["right"].to_numpy() / drawn["attempts"].to_numpy()
    return share


def efficiencies(found: Mapping[str, Errors], metric: str, seed: int = 0) -> list[Efficiency]:
    """Every method against SFT, and against every method before it; at every size, and over all of them."""
    methods = [SFT, *(method for method in found if method != SFT)]
    return [
        one
        for place, method in enumerate(methods)
        for other in methods[:place]
        for one in _against(method, other, found[method], found[other], metric, seed)
    ]


def _against(method: str, against: str, ours: Errors, theirs: Errors, metric: str, seed: int) -> Iterator[Efficiency]:
    rng = np.random.default_rng([seed, 0])
    seeds, rows = ours.errors.shape[1:]
    value = _multipliers(ours, theirs, np.arange(seeds), np.arange(rows))
    # One seed less than there are: their variance is then that of a mean over seeds, and not short by a part of it.
    drawn = [
        (rng.integers(seeds, size=(seeds - 1,)), rng.integers(rows, size=(rows,))) for _ in range(RESAMPLES if seeds > 1 else 0)
    ]
    draws = np.array([_multipliers(ours, theirs, *one) for one in drawn])
    line = curve(ours.problems, _mean(ours, np.arange(seeds), np.arange(rows)))
    there = np.exp(value) * ours.problems
    beyond = (there < theirs.problems.min()) | (there > theirs.problems.max())
    single = [[place] for place in range(len(value))]
    for places in [*single, list(range(len(value)))]:
        low, high = _interval(draws[:, places].mean(axis=1)) if len(draws) else (None, None)
        yield Efficiency(
            method,
            against,
            metric,
            float(ours.problems[places[0]]) if len(places) == 1 else None,
            100 * float(np.exp(np.polyval(line, np.log(ours.problems[places])).mean())),
            float(np.exp(value[places].mean())),
            low,
            high,
            float(beyond[places].mean()),
            seeds,
        )


def _interval(logarithms: np.ndarray) -> tuple[float, float]:
    low, high = np.exp(np.quantile(logarithms, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return float(low), float(high)


def _multipliers(ours: Errors, theirs: Errors, seeds: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Logarithms of the multiplier at each of our sizes, (sizes,)."""
    line, other = (curve(one.problems, _mean(one, seeds, rows)) for one in (ours, theirs))
    sizes = np.log(ours.problems)
    wanted = np.polyval(line, sizes)
    found: np.ndarray = (wanted - other[1]) / other[0] - sizes
    return found


def _mean(of: Errors, seeds: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Mean errors at each size, (sizes,), over these seeds and rows."""
    drawn = of.errors[:, seeds][:, :, rows]
    found: np.ndarray = np.maximum(drawn.mean(axis=(1, 2)), LEAST / drawn[0].size)
    return found


def curve(problems: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """The power b and the logarithm a of error = exp(a) N^b, (2,)."""
    found: np.ndarray = np.polyfit(np.log(problems), np.log(errors), 1)
    return found
