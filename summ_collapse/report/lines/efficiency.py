"""How much data a method is worth: error against the number of problems, and how many times as many SFT would need.

Every method's errors are fitted by a power of the number of problems, error = exp(a) N^b, by least squares of the logarithms.
At a number of problems N the multiplier is N' / N, where N' is what the baseline's curve needs for the method's fitted error
(Setlur et al. 2024, section 5); in the whole range it is the geometric mean over the sizes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from summ_collapse.experiment.arms import MIXTURE, VERDICT_BASELINE, Arm
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
        if method not in (None, MIXTURE) and arm.slice is not None and inputs[arm.evaluate].failed is None:
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
    """Every method against SFT, and against every method before it; at every size, and over all of them.

    Intervals are of resampled seeds and test rows, the same for all methods.
    """
    methods = [SFT, *(method for method in found if method != SFT)]
    draws = _Draws.of(found[SFT], seed)
    lines = {method: _curves(found[method], draws) for method in methods}
    return [
        one
        for place, method in enumerate(methods)
        for other in methods[:place]
        for one in _against((method, other), found, lines, metric)
    ]


@dataclass(frozen=True)
class _Draws:
    """How often each seed, (draws, seeds), and each row, (draws, rows), is drawn; once each in the first draw."""

    seeds: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, errors: Errors, seed: int) -> "_Draws":
        """RESAMPLES more under several seeds, of one seed less than there are: the variance of a mean over seeds would else
        come out short by a part of it.
        """
        seeds, rows = errors.errors.shape[1:]
        rng = np.random.default_rng([seed, 0])
        times = RESAMPLES if seeds > 1 else 0
        drawn = (
            rng.multinomial(seeds - 1, np.full(seeds, 1 / seeds), times),
            rng.multinomial(rows, np.full(rows, 1 / rows), times),
        )
        return cls(*(np.vstack([np.ones(one.shape[1]), one]) for one in drawn))


def _curves(of: Errors, draws: _Draws) -> np.ndarray:
    """`curve` of the mean errors at each size, of every draw, (2, draws)."""
    weights = draws.seeds / draws.seeds.sum(axis=1, keepdims=True)
    means = np.array([((weights @ one) * draws.rows).sum(axis=1) for one in of.errors]) / draws.rows.sum(axis=1)
    return curve(of.problems, np.maximum(means, LEAST / of.errors[0].size))


def _against(
    methods: tuple[str, str], found: Mapping[str, Errors], lines: Mapping[str, np.ndarray], metric: str
) -> Iterator[Efficiency]:
    """The first of both methods against the second."""
    (ours, theirs), (line, other) = (found[one] for one in methods), (lines[one] for one in methods)
    sizes = np.log(ours.problems)
    fitted = line[0] * sizes[:, None] + line[1]
    # Logarithms of the multiplier at each of our sizes, of every draw, (sizes, draws).
    values = (fitted - other[1]) / other[0] - sizes[:, None]
    there = np.exp(sizes + values[:, 0])
    beyond = (there < theirs.problems.min()) | (there > theirs.problems.max())
    for places in [*([place] for place in range(len(sizes))), list(range(len(sizes)))]:
        means = values[places].mean(axis=0)
        low, high = _interval(means[1:]) if len(means) > 1 else (None, None)
        yield Efficiency(
            *methods,
            metric,
            float(ours.problems[places[0]]) if len(places) == 1 else None,
            100 * float(np.exp(fitted[places, 0].mean())),
            float(np.exp(means[0])),
            low,
            high,
            float(beyond[places].mean()),
            ours.errors.shape[1],
        )


def _interval(logarithms: np.ndarray) -> tuple[float, float]:
    low, high = np.exp(np.quantile(logarithms, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return float(low), float(high)


def curve(problems: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """The power b and the logarithm a of error = exp(a) N^b, (2,); of several columns of errors, (2, columns)."""
    found: np.ndarray = np.polyfit(np.log(problems), np.log(errors), 1)
    return found
