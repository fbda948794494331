"""Intervals of differences hold what they promise where trainings are a matter of luck; all randomness is seeded.

Tables are drawn with an effect of every training (standard deviation SEED_EFFECTS, in points), of every row and of both
together, of the sizes that the built-in corpus shows. Bounds allow five standard errors beyond what is promised.
"""

import math

import numpy as np
import pytest
from scipy import stats

from summ_collapse.metrics.contrasts import Contrasts, around_means, contrasts, training_noise

SEED = 7
ARMS, ROWS, TABLES = 14, 200, 500
ROW, BOTH, SHARED = 8.0, 20.0, 1.0  # points
SEED_EFFECTS = (0.0, 1.0, 2.0)


def drawn(rng: np.random.Generator, seeds: int, spread: np.ndarray, effects: np.ndarray | float = 0.0) -> np.ndarray:
    """Scores of the baseline and then of all arms, (1 + ARMS, seeds, ROWS)."""
    arms = ARMS + 1
    rows = rng.normal(0, ROW, (arms, 1, ROWS)) + rng.normal(0, 1.5 * ROW, (1, 1, ROWS))
    trained = rng.normal(0, 1, (arms, seeds, 1)) * spread[:, None, None] + rng.normal(0, SHARED, (1, seeds, 1))
    scores = rows + trained + rng.normal(0, BOTH, (arms, seeds, ROWS))
    scores[1:] += np.broadcast_to(effects, ARMS)[:, None, None]
    return scores


BETWEEN = pytest.param(3, marks=pytest.mark.nightly)  # two seeds and five stand on either side of it


def found_in(scores: np.ndarray) -> Contrasts:
    return contrasts(scores[1:], scores[0], training_noise(scores.mean(axis=2)))


def tables(seeds: int, spread: float | np.ndarray, effects: np.ndarray | float = 0.0, count: int = TABLES) -> list[Contrasts]:
    rng = np.random.default_rng([SEED, seeds])
    return [found_in(drawn(rng, seeds, np.broadcast_to(spread, ARMS + 1), effects)) for _ in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("spread", SEED_EFFECTS)
@pytest.mark.parametrize("seeds", [2, BETWEEN, 5, 10])
def test_intervals_cover_and_no_verdict_is_false_more_often_than_promised(seeds: int, spread: float) -> None:
    found = tables(seeds, spread)
    covered = float(np.mean([np.abs(table.delta) <= table.alone() for table in found]))
    any_false = float(np.mean([(np.abs(table.delta) > table.together()).any() for table in found]))
    print(f"{seeds} seeds, {spread:g} points: coverage {covered:.3f}, any false verdict {any_false:.3f}")
    assert 0.93 <= covered <= 0.98
    assert any_false <= 0.05 + 5 * math.sqrt(0.05 * 0.95 / TABLES)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_arms_that_vary_more_than_others_are_covered_nearly_as_often(seeds: int) -> None:
    """The pooled variance is not theirs; the prior's weight is what bounds the harm."""
    spread = np.ones(ARMS + 1)
    spread[:3] = 2.0
    covered = np.mean([np.abs(table.delta) <= table.alone() for table in tables(seeds, spread)], axis=0)
    print(f"{seeds} seeds: coverage by arm {np.round(covered, 3)}")
    assert covered.mean() >= 0.92


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, BETWEEN, 5])
@pytest.mark.parametrize("spread", SEED_EFFECTS)
def test_smallest_callable_difference_is_called_as_often_as_it_says(seeds: int, spread: float) -> None:
    """Planted in all arms at once: what one arm differs by changes nothing of another's interval."""
    reach = float(np.median([table.callable_difference() for table in tables(seeds, spread, count=50)]))
    called = float(np.mean([table.delta > table.together() for table in tables(seeds, spread, reach)]))
    print(f"{seeds} seeds, {spread:g} points: {reach:.2f} points are called in {called:.3f} of tables")
    assert 0.75 <= called <= 0.85


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.0, 0.02])
def test_one_seed_covers_what_its_rows_show_and_its_p_value_errs_as_often(effect: float) -> None:
    """Skewed scores with small paired differences, as those of texts are."""
    rng = np.random.default_rng(SEED)
    rows, repetitions = 250, 1000
    covered = significant = 0
    for _ in range(repetitions):
        theirs = rng.beta(0.5, 2.0, rows)
        found = contrasts((theirs + effect + rng.normal(0, 0.1, rows))[None, None], theirs[None], None)
        covered += abs(found.delta[0] - effect) <= found.alone()[0]
        significant += found.p[0] < 0.05
    tolerance = 5 * math.sqrt(0.95 * 0.05 / repetitions)
    assert abs(covered / repetitions - 0.95) < tolerance, f"seed {SEED}: {covered} of {repetitions}"
    # An effect of 0.02 stands 3.2 standard errors from zero: power is Phi(3.2 - 1.96).
    expected = stats.norm.cdf(effect / 0.1 * math.sqrt(rows) - 1.96) if effect else 0.05
    tolerance = 5 * math.sqrt(expected * (1 - expected) / repetitions)
    assert abs(significant / repetitions - expected) < tolerance, f"seed {SEED}: {significant} of {repetitions}"


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.0, 2.0])
@pytest.mark.parametrize("seeds", [2, 3, 10])
def test_intervals_of_means_cover(seeds: int, spread: float) -> None:
    """The luck that all arms of a seed share is part of a mean, and known from the seeds alone."""
    rng = np.random.default_rng([SEED, seeds])
    covered = []
    for _ in range(TABLES):
        scores = drawn(rng, seeds, np.full(ARMS + 1, spread))
        covered.append(np.abs(scores.mean(axis=(1, 2))) <= around_means(scores))
    # All arms of a table are covered or missed together: the tolerance is that of so many tables.
    found = float(np.mean(covered))
    print(f"{seeds} seeds, {spread:g} points: coverage of means {found:.3f}")
    assert abs(found - 0.95) < 5 * math.sqrt(0.95 * 0.05 / TABLES)


def test_means_are_as_uncertain_as_their_seeds_where_these_are_all_that_differs() -> None:
    """One arm: Student's interval of its seeds' means. What all arms share is not known better from many of them."""
    of_seed = np.array([1.0, 2.0, 4.0])
    expected = stats.t.isf(0.025, 2) * stats.sem(of_seed)
    one = np.repeat(of_seed[None, :, None], 50, axis=2)
    assert around_means(one) == pytest.approx([expected])
    assert around_means(np.repeat(one, 9, axis=0)) == pytest.approx([expected] * 9)


def test_p_of_all_arms_together_does_not_end_where_draws_do() -> None:
    scores = drawn(np.random.default_rng(SEED), 3, np.ones(ARMS + 1), 300.0)
    found = found_in(scores)
    assert (found.p_together >= found.p).all()
    assert (found.p_together <= np.minimum(1, ARMS * found.p)).all()
    assert found.p_together.max() < 1e-4


def test_smallest_callable_difference_is_that_of_the_arms_it_is_asked_about() -> None:
    scores = drawn(np.random.default_rng(SEED), 3, np.ones(ARMS + 1))
    scores[1] += np.random.default_rng(SEED).normal(0, 500, ROWS)
    found = found_in(scores)
    others = np.arange(ARMS) > 0
    assert found.callable_difference() > 5 * found.callable_difference(among=others)


def test_one_arm_and_one_seed_give_students_paired_t() -> None:
    ours, theirs = np.random.default_rng(SEED).normal(0, 1, (2, 40))
    found = contrasts(ours[None, None], theirs[None], None)
    expected = stats.ttest_rel(ours, theirs)
    interval = expected.confidence_interval()
    assert found.delta == pytest.approx(ours.mean() - theirs.mean())
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.delta - found.alone(), found.delta + found.alone()) == (
        pytest.approx(interval.low),
        pytest.approx(interval.high),
    )


def test_pairing_takes_out_what_rows_and_seeds_share() -> None:
    rng = np.random.default_rng(SEED)
    scores = drawn(rng, 3, np.ones(ARMS + 1))
    shared = scores + rng.normal(0, 50, (1, 1, ROWS)) + rng.normal(0, 50, (1, 3, 1))
    plain, paired = found_in(scores), found_in(shared)
    np.testing.assert_allclose(paired.delta, plain.delta)
    np.testing.assert_allclose(paired.error, plain.error, rtol=1e-6)


def test_a_positive_difference_is_one_that_the_arm_is_above_its_baseline() -> None:
    scores = drawn(np.random.default_rng(SEED), 3, np.ones(ARMS + 1), 30.0)
    found = found_in(scores)
    assert (found.delta > found.together()).all()
    assert found.p_together.max() < 0.01


def test_all_arms_together_take_wider_intervals_than_each_alone_but_no_wider_than_bonferroni() -> None:
    found = found_in(drawn(np.random.default_rng(SEED), 3, np.ones(ARMS + 1)))
    assert (found.together() > found.alone()).all()
    bonferroni = stats.t.isf(0.025 / ARMS, found.freedom) * found.error
    assert (found.together() <= bonferroni).all()
    assert (found.p_together >= found.p - 0.01).all()


def test_one_arm_alone_needs_no_correction() -> None:
    scores = drawn(np.random.default_rng(SEED), 4, np.ones(ARMS + 1))[:2]
    found = found_in(scores)
    assert found.together() == pytest.approx(found.alone(), rel=0.03)


def test_noise_of_trainings_is_what_arms_and_seeds_leave() -> None:
    rng = np.random.default_rng(SEED)
    means = rng.normal(0, 2, (400, 3)) + rng.normal(0, 9, (400, 1)) + rng.normal(0, 9, (1, 3))
    noise = training_noise(means)
    assert noise is not None
    assert noise.freedom == 798
    assert abs(noise.variance - 4) < 5 * 4 * math.sqrt(2 / 798)
    assert training_noise(means[:, :1]) is None


def test_an_arm_that_is_its_baseline_does_not_differ() -> None:
    scores = np.random.default_rng(SEED).random((3, 40))
    found = contrasts(scores[None], scores, None)
    assert (found.delta[0], found.error[0], found.p[0], found.p_together[0]) == (0.0, 0.0, 1.0, 1.0)


def test_equal_scores_have_equal_intervals() -> None:
    scores = drawn(np.random.default_rng(SEED), 2, np.ones(ARMS + 1))
    assert np.array_equal(found_in(scores).together(), found_in(scores.copy()).together())


def test_shapes_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(ValueError, match="expected arms of shape"):
        contrasts(np.zeros((2, 3, 10)), np.zeros((3, 11)), None)


def test_the_squared_error_is_on_average_the_variance_of_the_difference() -> None:
    """Rows, trainings and what is of both each count once, whatever each of them is; within 5 standard errors."""
    rng = np.random.default_rng(SEED)
    seeds, rows, tables = 3, 40, 1500
    for of_row, of_seed, of_both in ((8.0, 0.0, 0.0), (0.0, 2.0, 0.0), (8.0, 2.0, 10.0)):
        found = []
        for _ in range(tables):
            scores = rng.normal(0, of_row, (5, 1, rows)) + rng.normal(0, of_seed, (5, seeds, 1))
            scores = scores + rng.normal(0, of_both, (5, seeds, rows))
            found.append((found_in(scores).error ** 2).mean())
        expected = 2 * (of_row**2 / rows + of_seed**2 / seeds + of_both**2 / (seeds * rows))
        assert abs(np.mean(found) - expected) < 5 * np.std(found) / math.sqrt(tables), (of_row, of_seed, of_both)


def test_arms_of_one_baseline_share_its_luck() -> None:
    """Where trainings alone vary, half of each difference's variance is the baseline's."""
    means = np.random.default_rng(SEED).normal(0, 2, (6, 4, 1)) * np.ones(30)
    found = found_in(means)
    assert found.correlation == pytest.approx(np.where(np.eye(5), 1.0, 0.5))


@pytest.mark.parametrize(("power", "errors"), [(0.5, 0.0), (0.8, 0.8416), (0.9, 1.2816)])
def test_callable_difference_of_one_arm_is_that_of_the_textbook(power: float, errors: float) -> None:
    """Of thousands of rows Student's t is the normal; draws say where 5% end to a few hundredths of a standard error."""
    ours, theirs = np.random.default_rng(SEED).normal(0, 1, (2, 4000))
    found = contrasts(ours[None, None], theirs[None], None)
    assert found.callable_difference(power) / found.error[0] == pytest.approx(1.96 + errors, abs=0.1)
