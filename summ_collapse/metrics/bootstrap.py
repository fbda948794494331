"""Bootstrap of means over rows, and intervals of shares. Everything is seeded: equal input, equal intervals."""

from dataclasses import dataclass

import numpy as np
from scipy import special

BLOCK_BYTES = 64 << 20


@dataclass(frozen=True)
class Interval:
    """A mean with its percentile interval, in the units of the scores."""

    mean: float
    low: float
    high: float


def bootstrap_means(scores: np.ndarray, resamples: int, seed: int = 0) -> np.ndarray:
    """Means of `scores`, (arms, rows), over rows drawn anew, the same for all arms: (arms, resamples)."""
    rows = scores.shape[1]
    if rows < 1 or resamples < 1:
        raise ValueError(f"expected at least one row and resample, got {rows} and {resamples}")
    rng = np.random.default_rng([seed, 0])
    block = max(1, BLOCK_BYTES // (8 * rows))
    parts = []
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        # Row weights of a resample: how often each row was drawn. Drawing indices keeps memory in bounds.
        weights = np.zeros((count, rows))
        for draw in range(count):
            weights[draw] = np.bincount(rng.integers(rows, size=rows), minlength=rows)
        parts.append(weights @ scores.T / rows)
    return np.concatenate(parts).T


def interval(scores: np.ndarray, draws: np.ndarray, level: float = 0.95) -> Interval:
    """The mean of `scores` with the percentile interval of its bootstrap means."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(scores.mean()), float(low), float(high))


def share_interval(successes: int, trials: int, level: float = 0.95) -> Interval:
    """A share with its Clopper-Pearson interval; (nan, 0, 1) where there was no trial."""
    if trials == 0:
        return Interval(float("nan"), 0.0, 1.0)
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else float(special.betaincinv(successes, trials - successes + 1, tail))
    high = 1.0 if successes == trials else float(special.betainccinv(successes + 1, trials - successes, tail))
    return Interval(successes / trials, low, high)
