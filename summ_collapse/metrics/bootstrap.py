"""Paired, hierarchical bootstrap of means and of their differences; Holm's correction; intervals of shares.

Every arm is resampled with the same test rows (paired) and, where there are several seeds, with the same seeds drawn
first (hierarchical). Everything is seeded: equal input, equal intervals.
"""

from collections.abc import Sequence
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


@dataclass(frozen=True)
class Difference:
    """A mean difference, its percentile interval, and a two-sided bootstrap p-value."""

    delta: float
    low: float
    high: float
    p: float


class Resampling:
    """Draws of test rows and of seeds, shared by all arms of an experiment."""

    def __init__(self, rows: int, seeds: int, resamples: int, seed: int = 0) -> None:
        if rows < 1 or seeds < 1 or resamples < 1:
            raise ValueError(f"expected at least one row, seed and resample, got {rows}, {seeds}, {resamples}")
        self.rows, self.seeds, self.resamples = rows, seeds, resamples
        self.entropy = seed
        seed_rng = np.random.default_rng([seed, 1])
        self.seed_weights = seed_rng.multinomial(seeds, np.full(seeds, 1 / seeds), resamples) / seeds

    def means(self, scores: np.ndarray) -> np.ndarray:
        """Bootstrap means, (resamples,), of scores that are (seeds, rows)."""
        if scores.shape != (self.seeds, self.rows):
            raise ValueError(f"expected scores of shape {(self.seeds, self.rows)}, got {scores.shape}")
        return self.many_means(scores[None])[0]

    def many_means(self, scores: np.ndarray) -> np.ndarray:
        """Bootstrap means, (arms, resamples), of scores that are (arms, seeds, rows)."""
        arms = scores.shape[0]
        flat = scores.reshape(arms * self.seeds, self.rows)
        rng = np.random.default_rng([self.entropy, 0])
        block = max(1, BLOCK_BYTES // (8 * self.rows))
        parts = []
        for start in range(0, self.resamples, block):
            count = min(block, self.resamples - start)
            # Row weights of a resample: how often each row was drawn. Drawing indices keeps memory in bounds.
            weights = np.zeros((count, self.rows))
            for draw in range(count):
                weights[draw] = np.bincount(rng.integers(self.rows, size=self.rows), minlength=self.rows)
            parts.append(weights @ flat.T / self.rows)
        by_seed = np.concatenate(parts).reshape(self.resamples, arms, self.seeds)
        return np.einsum("ras,rs->ar", by_seed, self.seed_weights)


def interval(scores: np.ndarray, draws: np.ndarray, level: float = 0.95) -> Interval:
    """The mean of `scores` with the percentile interval of its bootstrap means."""
    low, high = _percentiles(draws, level)
    return Interval(float(scores.mean()), low, high)


def difference(ours: np.ndarray, theirs: np.ndarray, draws: np.ndarray, level: float = 0.95) -> Difference:
    """mean(ours) - mean(theirs); `draws` are the differences of their paired bootstrap means."""
    low, high = _percentiles(draws, level)
    beyond = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return Difference(float(ours.mean() - theirs.mean()), low, high, min(1.0, 2 * (beyond + 1) / (len(draws) + 1)))


def _percentiles(draws: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values, in the given order (Holm 1979)."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def share_interval(successes: int, trials: int, level: float = 0.95) -> Interval:
    """A share with its Clopper-Pearson interval; (nan, 0, 1) where there was no trial."""
    if trials == 0:
        return Interval(float("nan"), 0.0, 1.0)
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else float(special.betaincinv(successes, trials - successes + 1, tail))
    high = 1.0 if successes == trials else float(special.betainccinv(successes + 1, trials - successes, tail))
    return Interval(successes / trials, low, high)
