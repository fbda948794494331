"""Intervals hold what they promise on data whose truth is planted.

Tolerances are five standard errors of the number that is estimated, so that a right implementation fails by chance about
once in a million runs; everything is seeded all the same.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from summ_collapse.metrics.bootstrap import bootstrap_means, interval, share_interval

SEED = 4
LEVEL = 0.95
# Percentile intervals are a little too narrow: by the factor sqrt((n - 1) / n), and by what 400 resamples know of a tail.
# With 250 rows that is less than a point of coverage, which the tolerance (3.4 points) has room for.
ROWS, RESAMPLES, REPETITIONS = 250, 400, 1000
TOLERANCE = 5 * math.sqrt(LEVEL * (1 - LEVEL) / REPETITIONS)

PLANTED: dict[str, tuple[Callable[[np.random.Generator], np.ndarray], float]] = {
    "exact match": (lambda rng: (rng.random(ROWS) < 0.3).astype(float), 0.3),
    "skewed": (lambda rng: rng.beta(0.5, 2.0, ROWS), 0.2),
}


@pytest.mark.slow
@pytest.mark.parametrize(("draw", "truth"), PLANTED.values(), ids=PLANTED)
def test_interval_of_a_mean_covers_the_truth_as_often_as_it_says(draw, truth) -> None:
    rng = np.random.default_rng(SEED)
    covered = 0
    for repetition in range(REPETITIONS):
        scores = draw(rng)
        found = interval(scores, bootstrap_means(scores[None], RESAMPLES, repetition)[0], LEVEL)
        covered += found.low <= truth <= found.high
    assert abs(covered / REPETITIONS - LEVEL) < TOLERANCE, f"seed {SEED}: {covered} of {REPETITIONS}"


def test_variance_of_resampled_means_is_that_of_the_mean() -> None:
    resamples = 20_000
    scores = np.random.default_rng(SEED).normal(0, 0.3, 200)
    draws = bootstrap_means(scores[None], resamples)[0]
    expected = scores.var() / len(scores)
    assert abs(draws.var() - expected) < 5 * expected * math.sqrt(2 / resamples)
    assert abs(draws.mean() - scores.mean()) < 5 * math.sqrt(expected / resamples)


def test_equal_scores_have_equal_intervals() -> None:
    scores = np.random.default_rng(SEED).random((2, 50))
    first, second = (bootstrap_means(scores.copy(), RESAMPLES) for _ in range(2))
    assert np.array_equal(first, second)
    assert interval(scores[0], first[0]) == interval(scores[0], second[0])
    assert not np.array_equal(first, bootstrap_means(scores, RESAMPLES, seed=1))


def test_arm_has_the_same_interval_whoever_stands_beside_it() -> None:
    scores = np.random.default_rng(SEED).random((4, 60))
    together = bootstrap_means(scores, RESAMPLES)
    for arm in range(4):
        np.testing.assert_allclose(bootstrap_means(scores[arm : arm + 1], RESAMPLES)[0], together[arm], rtol=1e-12)


def test_more_resamples_begin_with_the_fewer() -> None:
    """Also where there are so many rows that resamples are drawn in several blocks."""
    scores = np.random.default_rng(SEED).random((1, 40_000))
    few, many = (bootstrap_means(scores, resamples)[0] for resamples in (100, 300))
    np.testing.assert_allclose(few, many[:100], rtol=1e-12)
    assert len(np.unique(many)) == 300


def test_scores_that_do_not_vary_leave_nothing_open() -> None:
    found = interval(np.full(30, 0.5), bootstrap_means(np.full((1, 30), 0.5), RESAMPLES))
    assert (found.mean, found.low, found.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(("rows", "resamples"), [(0, 100), (1, 0)])
def test_nothing_to_resample_is_an_error(rows: int, resamples: int) -> None:
    with pytest.raises(ValueError, match="at least one row and resample"):
        bootstrap_means(np.zeros((2, rows)), resamples)


@pytest.mark.parametrize(
    ("successes", "trials", "mean", "low", "high"),
    [
        (0, 10, 0.0, 0.0, 1 - 0.025 ** (1 / 10)),
        (10, 10, 1.0, 0.025 ** (1 / 10), 1.0),
        (0, 1, 0.0, 0.0, 0.975),
        (1, 1, 1.0, 0.025, 1.0),
        (5, 10, 0.5, 0.1870860, 0.8129140),
    ],
)
def test_share_intervals_that_are_known(successes, trials, mean, low, high) -> None:
    found = share_interval(successes, trials)
    assert (found.mean, found.low, found.high) == pytest.approx((mean, low, high), abs=1e-7)
    assert (found.low == 0) == (successes == 0)
    assert (found.high == 1) == (successes == trials)


def test_share_of_nothing_is_anything() -> None:
    found = share_interval(0, 0)
    assert math.isnan(found.mean)
    assert (found.low, found.high) == (0.0, 1.0)


@pytest.mark.parametrize("trials", [1, 7, 30])
def test_share_interval_never_covers_less_often_than_it_says(trials: int) -> None:
    intervals = [share_interval(successes, trials) for successes in range(trials + 1)]
    for truth in np.linspace(0.001, 0.999, 201):
        chances = stats.binom.pmf(np.arange(trials + 1), trials, truth)
        covered = sum(chance for chance, found in zip(chances, intervals, strict=True) if found.low <= truth <= found.high)
        assert covered >= LEVEL - 1e-9


@pytest.mark.parametrize(("level", "low", "high"), [(0.95, 0.025, 0.975), (0.8, 0.1, 0.9)])
def test_an_interval_leaves_out_half_of_the_rest_at_either_end(level: float, low: float, high: float) -> None:
    draws = np.random.default_rng(SEED).permutation(np.linspace(0, 1, 1001))
    mean = interval(np.zeros(3), draws, level)
    assert (mean.low, mean.high) == (pytest.approx(low), pytest.approx(high))
