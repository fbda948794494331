"""Predicted against observed: how well what was said before retraining predicted what retraining gave.

Over the arms of one experiment, or of several pooled: rank correlations of the predicted difference, and of p* alone, with
the observed difference from the real slice; and how many of the decided verdicts were right.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from summ_collapse.metrics.bootstrap import share_interval

RESAMPLES = 1000
FEWEST_ARMS = 4  # below this a rank correlation says nothing
FEWEST_RUNS = 5  # below this arms are resampled one by one, else all arms of a run and seed together

DECIDED = ("helps", "hurts")

# What is held against the observed difference: the prediction, p* alone, and what any selection has for free.
LABELS = {
    "predicted_delta": "predicted Δ",
    "p_star": "p* alone",
    "n_train": "rows kept alone",
    "kept_score": "mean score alone",
    "informedness": "J = φ − ψ alone",
    "nearness": "MMD from real texts, negative",
    "likeness": "A-distance, negative",
}


@dataclass(frozen=True)
class Point:
    """An arm under one seed of a run: what was said of it, and what retraining gave. Differences are from real-slice, 0-100."""

    group: str  # its run and seed: arms that share their baselines are drawn together
    predicted_delta: float
    observed_delta: float
    p_star: float | None
    n_train: float
    kept_score: float | None
    informedness: float | None
    nearness: float | None
    likeness: float | None
    predicted: str | None
    observed: str | None


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Correlations:
    """Spearman's and Kendall's coefficients; None where there is too little."""

    spearman: Estimate | None = None
    kendall: Estimate | None = None


@dataclass(frozen=True)
class Tally:
    """How many verdicts are of either kind."""

    helps: int
    hurts: int

    @property
    def decided(self) -> int:
        return self.helps + self.hurts


@dataclass(frozen=True)
class Verdicts:
    """Verdicts by the prediction and by the observation; those of `both` are the observed ones where both decided."""

    arms: int
    predicted: Tally
    observed: Tally
    both: Tally
    right: Tally
    share: Estimate | None  # of the right ones among both


@dataclass(frozen=True)
class Agreement:
    """Over how many arms and groups of them; a correlation a predictor of `LABELS`; verdicts."""

    arms: int
    metric: str
    groups: int
    predicted_delta: Correlations
    p_star: Correlations
    n_train: Correlations
    kept_score: Correlations
    informedness: Correlations
    nearness: Correlations
    likeness: Correlations
    verdicts: Verdicts


def agreement(points: Sequence[Point], metric: str, shown: Sequence[Point] = ()) -> Agreement:
    """How well the differences in `metric` of `points` were predicted, an arm under one seed each, and the verdicts of `shown`.

    A verdict is over all seeds, so that its arms are not those of single seeds.
    """
    found = {}
    for name in LABELS:
        known = [(getattr(point, name), point) for point in points if getattr(point, name) is not None]
        values = np.array([value for value, _ in known], dtype=np.float64)
        observed = np.array([point.observed_delta for _, point in known], dtype=np.float64)
        found[name] = correlations(values, observed, [point.group for _, point in known])
    return Agreement(len(points), metric, len({point.group for point in points}), **found, verdicts=verdicts(shown))


def correlations(ours: np.ndarray, observed: np.ndarray, groups: Sequence[str]) -> Correlations:
    """Spearman's and Kendall's coefficients with 95% intervals of a seeded bootstrap; None where there is too little."""
    if len(ours) < FEWEST_ARMS or len(set(ours)) < 2 or len(set(observed)) < 2:
        return Correlations()
    # The first row is the sample itself, every arm once.
    weights = np.vstack([np.ones(len(ours)), _resampled(groups)])
    return Correlations(*(_with_interval(of(ours, observed, weights)) for of in (_spearman, _kendall)))


def _resampled(groups: Sequence[str]) -> np.ndarray:
    """How often each arm is drawn, (RESAMPLES, arms): whole groups where there are enough of them, else single arms."""
    rng = np.random.default_rng(0)
    names, belongs = np.unique(groups, return_inverse=True)
    if len(names) < FEWEST_RUNS:
        names, belongs = np.arange(len(groups)), np.arange(len(groups))
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    return drawn[:, belongs].astype(np.float64)


def _spearman(ours: np.ndarray, observed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The correlation of mid-ranks under each row of weights, (draws,); nan where a draw has no spread."""
    below = [(values > values[:, None]) + 0.5 * (values == values[:, None]) for values in (ours, observed)]
    total = weights.sum(axis=1, keepdims=True)
    ranks = [weights @ ahead for ahead in below]
    left, right = (rank - (weights * rank).sum(axis=1, keepdims=True) / total for rank in ranks)
    with np.errstate(invalid="ignore"):
        spread = np.sqrt((weights * left**2).sum(axis=1) * (weights * right**2).sum(axis=1))
        return (weights * left * right).sum(axis=1) / spread


def _kendall(ours: np.ndarray, observed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """tau-b under each row of weights, (draws,): concordant less discordant pairs over those that no side ties."""
    left, right = (np.sign(values[:, None] - values[None, :]) for values in (ours, observed))
    concordant, untied_left, untied_right = (
        ((weights @ pairs) * weights).sum(axis=1) for pairs in (left * right, left**2, right**2)
    )
    with np.errstate(invalid="ignore"):
        return concordant / np.sqrt(untied_left * untied_right)


def _with_interval(drawn: np.ndarray) -> Estimate:
    low, high = np.nanquantile(drawn[1:], [0.025, 0.975])
    return Estimate(float(drawn[0]), float(low), float(high))


def verdicts(points: Sequence[Point]) -> Verdicts:
    """Verdicts that both the prediction and the observation decided, and how many of them agree."""
    both = [point for point in points if point.predicted in DECIDED and point.observed in DECIDED]
    right = _tally(point.observed for point in both if point.predicted == point.observed)
    share = share_interval(right.decided, len(both))
    return Verdicts(
        arms=len(points),
        predicted=_tally(point.predicted for point in points),
        observed=_tally(point.observed for point in points),
        both=_tally(point.observed for point in both),
        right=right,
        share=Estimate(share.mean, share.low, share.high) if both else None,
    )


def _tally(given: Iterable[str | None]) -> Tally:
    found = list(given)
    return Tally(*(found.count(verdict) for verdict in DECIDED))


def sentences(found: Agreement) -> list[str]:
    """The agreement in plain lines."""
    if found.predicted_delta.spearman is None:
        return [f"{found.arms} arms with a prediction: too few for a rank correlation"]
    lines = [f"rank correlation with the observed Δ {found.metric} over {found.arms} arms (Spearman, 95% interval):"]
    if found.groups < FEWEST_RUNS:
        lines[0] += f" arms of {found.groups} seeds share their baselines, so the intervals are too narrow"
    for name, label in LABELS.items():
        rank = getattr(found, name).spearman
        if rank is not None:
            lines.append(f"  {label:29} {rank.value:+.2f} [{rank.low:+.2f}, {rank.high:+.2f}]")
    verdict, share = found.verdicts, found.verdicts.share
    if share is not None:
        lines.append(
            f"verdicts that both decided: {verdict.both.decided} of {verdict.arms} ({_told(verdict.both)}); right: "
            f"{verdict.right.decided} ({_told(verdict.right)}; {100 * share.value:.0f}% "
            f"[{100 * share.low:.0f}, {100 * share.high:.0f}])"
        )
    return lines


def _told(tally: Tally) -> str:
    return f"{tally.helps} helps, {tally.hurts} hurts"
