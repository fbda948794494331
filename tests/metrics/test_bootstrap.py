"""Intervals hold what they promise on data whose truth is planted; corrections agree with hand calculations.

Tolerances are five standard errors of the number that is estimated, so that a right implementation fails by chance about
once in a million runs; everything is seeded all the same.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from summ_collapse.metrics.bootstrap import Resampling, difference, holm, interval, share_interval

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
        found = interval(scores, Resampling(ROWS, 1, RESAMPLES, repetition).means(scores[None]), LEVEL)
        covered += found.low <= truth <= found.high
    assert abs(covered / REPETITIONS - LEVEL) < TOLERANCE, f"seed {SEED}: {covered} of {REPETITIONS}"


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.0, 0.02])
def test_interval_of_a_paired_difference_covers_the_effect_and_its_p_value_errs_as_often(effect) -> None:
    rng = np.random.default_rng(SEED)
    covered = significant = 0
    for repetition in range(REPETITIONS):
        theirs = rng.beta(0.5, 2.0, ROWS)
        ours = theirs + effect + rng.normal(0, 0.1, ROWS)
        draws = Resampling(ROWS, 1, RESAMPLES, repetition).many_means(np.stack([ours, theirs])[:, None])
        found = difference(ours, theirs, draws[0] - draws[1], LEVEL)
        covered += found.low <= effect <= found.high
        significant += found.p < 1 - LEVEL
    assert abs(covered / REPETITIONS - LEVEL) < TOLERANCE, f"seed {SEED}: {covered} of {REPETITIONS}"
    # An effect of 0.02 stands 3.2 standard errors from zero: power is Phi(3.2 - 1.96).
    expected = stats.norm.cdf(effect / 0.1 * math.sqrt(ROWS) - 1.96) if effect else 1 - LEVEL
    tolerance = 5 * math.sqrt(expected * (1 - expected) / REPETITIONS)
    assert abs(significant / REPETITIONS - expected) < tolerance, f"seed {SEED}: {significant} of {REPETITIONS}"


def test_pairing_takes_out_what_the_rows_have_in_common() -> None:
    rng = np.random.default_rng(SEED)
    theirs = rng.beta(0.5, 2.0, ROWS)
    ours = theirs + rng.normal(0, 0.02, ROWS)
    draws = Resampling(ROWS, 1, 2000).many_means(np.stack([ours, theirs])[:, None])
    paired = difference(ours, theirs, draws[0] - draws[1])
    unpaired = difference(ours, theirs, draws[0] - np.roll(draws[1], 1))
    assert paired.high - paired.low < 0.25 * (unpaired.high - unpaired.low)


def test_arm_does_not_differ_from_itself() -> None:
    scores = np.random.default_rng(SEED).random(40)
    found = difference(scores, scores, np.zeros(RESAMPLES))
    draws = Resampling(40, 1, RESAMPLES).many_means(np.stack([scores, scores])[:, None])
    assert np.array_equal(draws[0], draws[1])
    assert (found.delta, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_difference_that_every_row_shows_has_the_smallest_p_value() -> None:
    theirs = np.random.default_rng(SEED).random(40)
    ours = theirs + 0.25
    draws = Resampling(40, 1, 999).many_means(np.stack([ours, theirs])[:, None])
    above, below = difference(ours, theirs, draws[0] - draws[1]), difference(theirs, ours, draws[1] - draws[0])
    assert (above.delta, above.low, above.high) == pytest.approx((0.25, 0.25, 0.25))
    assert (below.delta, below.low, below.high) == pytest.approx((-0.25, -0.25, -0.25))
    assert above.p == below.p == 2 / 1000


def test_variance_of_resampled_means_has_a_part_for_rows_and_one_for_seeds() -> None:
    rng = np.random.default_rng(SEED)
    rows, seeds, resamples = 200, 5, 20_000
    of_row, of_seed = rng.normal(0, 0.3, rows), rng.normal(0, 0.05, seeds)
    draws = Resampling(rows, seeds, resamples).means(of_row[None, :] + of_seed[:, None])
    expected = of_row.var() / rows + of_seed.var() / seeds
    assert abs(draws.var() - expected) < 5 * expected * math.sqrt(2 / resamples)
    assert abs(draws.mean() - (of_row.mean() + of_seed.mean())) < 5 * math.sqrt(expected / resamples)


def test_seeds_that_differ_widen_the_interval() -> None:
    rng = np.random.default_rng(SEED)
    rows = rng.random(ROWS)
    alike, apart = np.stack([rows] * 3), np.stack([rows - 0.1, rows, rows + 0.1])
    one = interval(rows, Resampling(ROWS, 1, RESAMPLES).means(rows[None]))
    three_alike = interval(alike, Resampling(ROWS, 3, RESAMPLES).means(alike))
    three_apart = interval(apart, Resampling(ROWS, 3, RESAMPLES).means(apart))
    assert (three_alike.low, three_alike.high) == pytest.approx((one.low, one.high))
    assert three_apart.mean == pytest.approx(one.mean)
    assert three_apart.high - three_apart.low > 1.5 * (one.high - one.low)


def test_equal_scores_have_equal_intervals() -> None:
    scores = np.random.default_rng(SEED).random((2, 3, 50))
    first, second = (Resampling(50, 3, RESAMPLES).many_means(scores.copy()) for _ in range(2))
    assert np.array_equal(first, second)
    assert interval(scores[0], first[0]) == interval(scores[0], second[0])
    assert not np.array_equal(first, Resampling(50, 3, RESAMPLES, seed=1).many_means(scores))


def test_arm_has_the_same_interval_whoever_stands_beside_it() -> None:
    scores = np.random.default_rng(SEED).random((4, 2, 60))
    resampling = Resampling(60, 2, RESAMPLES)
    together = resampling.many_means(scores)
    for arm in range(4):
        np.testing.assert_allclose(resampling.means(scores[arm]), together[arm], rtol=1e-12)


def test_more_resamples_begin_with_the_fewer() -> None:
    """Also where there are so many rows that resamples are drawn in several blocks."""
    scores = np.random.default_rng(SEED).random((2, 40_000))
    few, many = (Resampling(40_000, 2, resamples).means(scores) for resamples in (100, 300))
    np.testing.assert_allclose(few, many[:100], rtol=1e-12)
    assert len(np.unique(many)) == 300


def test_scores_that_do_not_vary_leave_nothing_open() -> None:
    found = interval(np.full(30, 0.5), Resampling(30, 2, RESAMPLES).means(np.full((2, 30), 0.5)))
    assert (found.mean, found.low, found.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("shape", [(3, 10), (2, 11), (10,)])
def test_scores_of_another_shape_are_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected scores of shape \(2, 10\)"):
        Resampling(10, 2, 100).means(np.zeros(shape))


@pytest.mark.parametrize("sizes", [(0, 1, 100), (1, 0, 100), (1, 1, 0)])
def test_nothing_to_resample_is_an_error(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="at least one row, seed and resample"):
        Resampling(*sizes)


def test_holm_agrees_with_a_calculation_by_hand() -> None:
    # In order: 4 x 0.005, 3 x 0.01, 2 x 0.03, 1 x 0.04, and none below its predecessor.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.2, 0.2, 0.2]) == pytest.approx([0.6, 0.6, 0.6])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


def test_holm_keeps_the_rate_of_any_false_alarm() -> None:
    rng = np.random.default_rng(SEED)
    repetitions = 4000
    families = rng.random((repetitions, 6))
    wrong = sum(min(holm(family.tolist())) < 0.05 for family in families)
    expected = 1 - (1 - 0.05 / 6) ** 6
    assert abs(wrong / repetitions - expected) < 5 * math.sqrt(expected * (1 - expected) / repetitions), f"seed {SEED}"


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
    mean, delta = interval(np.zeros(3), draws, level), difference(np.zeros(3), np.ones(3), draws, level)
    assert (mean.low, mean.high) == (delta.low, delta.high) == (pytest.approx(low), pytest.approx(high))
    assert delta.delta == -1
