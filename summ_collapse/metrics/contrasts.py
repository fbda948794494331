"""Differences of several arms from one baseline, with intervals that know of training's luck and of how many arms there are.

A difference is uncertain for two reasons: which test rows were drawn, and how the trainings of both arms turned out. Rows are
paired, and so are seeds. How much trainings vary is learnt from all arms of a table: two or three seeds say next to nothing
of one arm alone. Each arm's own variance over seeds and the pooled one are averaged as in Smyth's moderated t (2004), with
a prior of PRIOR degrees of freedom: enough for two seeds to be of use, little enough for an arm that varies more than others
(coverage of both is simulated in `tests/metrics/test_contrasts.py`). Intervals are Student's with Satterthwaite's degrees of
freedom; those of all arms together take their joint distribution into account (Dunnett 1955), by seeded draws.

    found = contrasts(arms, baseline, training_noise(means))
    found.delta, found.together(0.95)
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import optimize, special, stats

PRIOR = 4.0
DRAWS, QUANTILES = 10_000, 256


@dataclass(frozen=True)
class Noise:
    """The variance of one training's mean score over seeds, as all arms of a table show it, and its degrees of freedom."""

    variance: float
    freedom: float


def training_noise(means: np.ndarray) -> Noise | None:
    """From mean scores, (arms, seeds): what is left once arms and seeds have their own means. None under one seed or arm."""
    arms, seeds = means.shape
    freedom = (arms - 1) * (seeds - 1)
    if freedom < 1:
        return None
    left = means - means.mean(axis=1, keepdims=True) - means.mean(axis=0, keepdims=True) + means.mean()
    return Noise(float((left**2).sum()) / freedom, freedom)


@dataclass(frozen=True)
class Contrasts:
    """Differences in the scores' unit, their standard errors and degrees of freedom, (arms,); their correlations."""

    delta: np.ndarray
    error: np.ndarray
    freedom: np.ndarray
    correlation: np.ndarray

    @cached_property
    def p(self) -> np.ndarray:
        """Two-sided p-value of each difference on its own, (arms,); 1 where nothing differs."""
        return _p(self._ratio, self.freedom)

    @cached_property
    def p_together(self) -> np.ndarray:
        """The chance that any of all differences would be so small in p, were none real, (arms,).

        Draws do not reach far into the tail; there Bonferroni's bound is nearer.
        """
        drawn = (np.searchsorted(self._smallest, self.p, side="right") + 1) / (len(self._smallest) + 1)
        return np.clip(drawn, self.p, np.minimum(1, len(self.p) * self.p))

    def alone(self, level: float = 0.95) -> np.ndarray:
        """Half widths of intervals that each hold at `level`, (arms,)."""
        return np.asarray(stats.t.isf((1 - level) / 2, self.freedom)) * self.error

    def together(self, level: float = 0.95) -> np.ndarray:
        """Half widths of intervals that all hold at `level`, (arms,)."""
        return self._critical(level) * self.error

    def callable_difference(self, power: float = 0.8, level: float = 0.95, among: np.ndarray | slice = slice(None)) -> float:
        """The true difference of a typical arm, of those `among`, that `together` would tell from zero with this probability."""
        error = float(np.sqrt((self.error[among] ** 2).mean()))
        return error * _reach(float(np.median(self._critical(level))), float(np.median(self.freedom)), power)

    @property
    def _ratio(self) -> np.ndarray:
        return np.divide(self.delta, self.error, out=np.where(self.delta == 0, 0.0, np.inf), where=self.error > 0)

    def _critical(self, level: float) -> np.ndarray:
        tail = float(np.quantile(self._smallest, 1 - level))
        return np.asarray(stats.t.isf(tail / 2, self.freedom))

    @cached_property
    def _smallest(self) -> np.ndarray:
        """The smallest p-value of all arms in draws without any difference, sorted, (DRAWS,)."""
        rng = np.random.default_rng(0)
        values, vectors = np.linalg.eigh(self.correlation)
        # The symmetric root: unlike another it does not turn with the last digits of the correlations.
        root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
        drawn = rng.standard_normal((DRAWS, len(values))) @ root
        # One draw serves all arms' variances: most of what is known of each is known from all.
        share = (np.arange(QUANTILES) + 0.5) / QUANTILES
        spread = np.sqrt(2 * special.gammaincinv(self.freedom / 2, share[:, None]) / self.freedom)
        return np.sort(_p(drawn / spread[rng.integers(QUANTILES, size=DRAWS)], self.freedom).min(axis=1))


def contrasts(arms: np.ndarray, baseline: np.ndarray, noise: Noise | None) -> Contrasts:
    """Mean differences of `arms`, (arms, seeds, rows), from `baseline`, (seeds, rows); `noise` is None under one seed.

    Under one seed errors are those of the rows alone. ValueError where shapes differ or there are fewer than two rows.
    """
    if arms.shape[1:] != baseline.shape or baseline.shape[1] < 2:
        raise ValueError(
            f"expected arms of shape (arms, seeds, rows) beside {baseline.shape}, two rows at least, got {arms.shape}"
        )
    difference = arms - baseline
    seeds, rows = baseline.shape
    by_row, by_seed = difference.mean(axis=1), difference.mean(axis=2)
    of_rows = np.atleast_2d(np.cov(by_row)) / rows
    if noise is None:
        return _contrasts(by_seed.mean(axis=1), of_rows, np.zeros(len(arms)), np.ones(len(arms)), rows)
    # What is of neither row nor seed is part of both means, and is counted with the seeds.
    left = difference - by_row[:, None] - by_seed[:, :, None] + by_seed.mean(axis=1)[:, None, None]
    left = left.reshape(len(arms), -1)
    of_rows = of_rows - left @ left.T / ((seeds - 1) * (rows - 1) * seeds * rows)
    own, freedom = by_seed.var(axis=1, ddof=1), seeds - 1
    prior = min(PRIOR, noise.freedom)
    moderated = (prior * 2 * noise.variance + freedom * own) / (prior + freedom)
    known = np.full(len(arms), min(prior + freedom, noise.freedom))
    return _contrasts(by_seed.mean(axis=1), of_rows, moderated / seeds, known, rows)


def around_means(arms: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Half widths of intervals of the mean scores of `arms`, (arms,), from (arms, seeds, rows) with two seeds at least.

    A mean's luck is its training's and what all arms of a seed share, such as their generator: the latter is known from the
    seeds alone, and so the pooled variance has its own degrees of freedom (Satterthwaite).
    """
    count, seeds, _ = arms.shape
    means = arms.mean(axis=2)
    apart = training_noise(means)
    of_all = float(means.mean(axis=0).var(ddof=1))
    parts = [(of_all, seeds - 1.0)]
    if apart is not None:
        parts.append((apart.variance * (count - 1) / count, apart.freedom))
    variance = sum(part for part, _ in parts)
    spread = sum(part**2 / freedom for part, freedom in parts)
    # A mean is a difference from nothing, which has no luck: each of the two sides is given half.
    noise = Noise(variance / 2, variance**2 / spread if spread > 0 else seeds - 1.0)
    return contrasts(arms, np.zeros(arms.shape[1:]), noise).alone(level)


def _contrasts(delta: np.ndarray, of_rows: np.ndarray, of_seeds: np.ndarray, freedom: np.ndarray, rows: int) -> Contrasts:
    """From the covariance that rows give and the variances that seeds give; arms share their baseline's luck."""
    row_variance = np.clip(np.diag(of_rows), 0, None)
    variance = row_variance + of_seeds
    apart = np.sqrt(np.outer(of_seeds, of_seeds)) / 2
    covariance = np.where(np.eye(len(delta), dtype=bool), variance, of_rows + apart)
    scale = np.sqrt(np.where(variance > 0, variance, 1))
    correlation = np.clip(covariance / np.outer(scale, scale), -1, 1)
    np.fill_diagonal(correlation, 1)
    parts = of_seeds**2 / freedom + row_variance**2 / (rows - 1)
    together = np.divide(variance**2, parts, out=np.full(len(delta), float(rows - 1)), where=parts > 0)
    return Contrasts(delta, np.sqrt(variance), together, correlation)


def _p(ratio: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    return 2 * special.stdtr(freedom, -np.abs(ratio))


def _reach(critical: float, freedom: float, power: float) -> float:
    """The difference, in standard errors, whose noncentral t exceeds the critical value with probability `power`."""

    def short(center: float) -> float:
        return float(stats.nct.sf(critical, freedom, center)) - power

    return float(optimize.brentq(short, 0, 10 * critical + 10))
