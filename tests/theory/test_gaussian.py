"""The closed forms agree with literal sampling: identities within 5 standard errors, approximations as closely as stated.

Identities are checked over 24 random settings each, by simulations written from the definitions (draw x, label it, keep it).
Approximations need more repetitions than that allows: theirs draw sums of inputs, which are held against literal samples too.
Tolerances come from the number of draws; seeds are printed with what failed.
"""

import time

import numpy as np
import pytest
from scipy import integrate, special, stats

from summ_collapse.theory import gaussian
from summ_collapse.theory.gaussian import Selection
from summ_collapse.theory.normal import bivariate_cdf

SETTINGS = 24
DRAWS = 100_000


def beyond(found: float, expected: float, draws: float) -> float:
    """How many standard errors a share that was found in so many draws lies from what was expected."""
    return abs(found - expected) / max(np.sqrt(expected * (1 - expected) / draws), 1 / draws)


def check_counts(right: np.ndarray, kept: np.ndarray, expected: Selection, told: str) -> None:
    """Shares of literal samples against p, phi and psi."""
    p, phi, psi = (float(value) for value in expected)
    assert beyond((~right).mean(), p, len(right)) < 5, told
    assert beyond(kept[right].mean(), phi, right.sum()) < 5, told
    assert beyond(kept[~right].mean(), psi, (~right).sum()) < 5, told


def random_covariance(rng: np.random.Generator, dimension: int) -> np.ndarray:
    factor = rng.standard_normal((dimension, dimension))
    return factor @ factor.T / dimension + 0.1 * np.eye(dimension)


@pytest.mark.parametrize("isotropic", [True, False])
def test_orthants_agree_with_labelling_and_keeping_samples(isotropic: bool) -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([1, seed])
        dimension = int(rng.integers(2, 6))
        generator, verifier, truth = rng.standard_normal((3, dimension))
        covariance = np.eye(dimension) if isotropic else random_covariance(rng, dimension)
        x = rng.multivariate_normal(np.zeros(dimension), covariance, DRAWS, method="cholesky")
        label = np.sign(x @ generator)
        angles = gaussian.angles_of(generator, verifier, truth, None if isotropic else covariance)
        expected = gaussian.selection_from_angles(*angles)
        check_counts(label == np.sign(x @ truth), label == np.sign(x @ verifier), expected, f"seed {[1, seed]}")


def test_mixtures_agree_with_labelling_and_keeping_samples() -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([2, seed])
        dimension = int(rng.integers(2, 6))
        generator, verifier = rng.standard_normal((2, dimension))
        mean, covariance = rng.standard_normal(dimension) / 2, random_covariance(rng, dimension)
        y = rng.choice([-1, 1], DRAWS)
        x = y[:, None] * mean + rng.multivariate_normal(np.zeros(dimension), covariance, DRAWS, method="cholesky")
        label = np.sign(x @ generator)
        expected = gaussian.mixture_selection(generator, verifier, mean, covariance)
        check_counts(label == y, label == np.sign(x @ verifier), expected, f"seed {[2, seed]}")


def test_kept_error_kept_fraction_and_breakdown_agree_with_keeping_labels() -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([3, seed])
        p, phi, psi = rng.uniform(0.05, 0.95, 3)
        wrong = rng.random(DRAWS) < p
        kept = rng.random(DRAWS) < np.where(wrong, psi, phi)
        told = f"seed {[3, seed]}: p {p}, phi {phi}, psi {psi}"
        assert beyond(kept.mean(), float(gaussian.kept_fraction(p, phi, psi)), DRAWS) < 5, told
        assert beyond(wrong[kept].mean(), float(gaussian.kept_error(p, phi, psi)), kept.sum()) < 5, told
        # At the breakdown point exactly half of what is kept is wrong: the majority turns over there.
        at_breakdown = rng.random(DRAWS) < gaussian.breakdown_point(phi, psi)
        kept = rng.random(DRAWS) < np.where(at_breakdown, psi, phi)
        assert beyond(at_breakdown[kept].mean(), 0.5, kept.sum()) < 5, told


def averaging_accuracies(rng, p, phi, psi, mu, dimension, n, repetitions) -> np.ndarray:
    """Of averaging classifiers, tested exactly: labels are drawn and kept one kind at a time, their inputs as sums.

    Signed inputs sum to N((right - wrong) mean, count I), so that the part along the mean is normal and the squared length
    of the rest a chi square times the count. `test_sums_are_what_literal_samples_sum_to` holds that against samples.
    """
    wrong = rng.binomial(n, p, repetitions)
    kept_wrong, kept_right = rng.binomial(wrong, psi), rng.binomial(n - wrong, phi)
    count = kept_wrong + kept_right
    along = (kept_right - kept_wrong) * mu + np.sqrt(count) * rng.standard_normal(repetitions)
    length = np.sqrt(along**2 + count * rng.chisquare(dimension - 1, repetitions))
    return special.ndtr(mu * np.divide(along, length, out=np.zeros(repetitions), where=count > 0))


def literal_accuracy(rng, p, phi, psi, mu, dimension, n) -> float:
    """Of one averaging classifier, trained on literal samples and tested exactly."""
    y = rng.choice([-1, 1], n)
    x = rng.standard_normal((n, dimension))
    x[:, 0] += y * mu
    wrong = rng.random(n) < p
    kept = rng.random(n) < np.where(wrong, psi, phi)
    weights = (np.where(wrong, -y, y)[:, None] * x)[kept].sum(axis=0)
    return float(special.ndtr(mu * weights[0] / np.linalg.norm(weights))) if kept.any() else 0.5


def test_sums_are_what_literal_samples_sum_to() -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([4, seed])
        where = (*rng.uniform(0.2, 0.9, 3), rng.uniform(0.3, 3), int(rng.integers(2, 20)), int(rng.integers(20, 100)))
        literal = [literal_accuracy(rng, *where) for _ in range(400)]
        # 1e-6 is what five standard errors are to a normal law.
        assert stats.ks_2samp(literal, averaging_accuracies(rng, *where, 4000)).pvalue > 1e-6, f"seed {[4, seed]}: {where}"


# (d, |mu|) at the ends of what the docstrings state; other settings lie inside.
CORNERS = [(5, 0.3), (5, 0.85), (5, 3.0), (1000, 0.3), (1000, 3.0)]


@pytest.mark.parametrize("signal", [0.0, 0.4, 1.0, 2.0, 6.0, 12.0])
def test_approximations_are_as_close_as_they_say(signal: float) -> None:
    """`signal` = a sqrt(n kappa) away from p*; 100,000 repetitions leave little else than the closeness that is stated."""
    for seed in range(SETTINGS):
        rng = np.random.default_rng([15, seed])
        dimension, mu = CORNERS[seed] if seed < len(CORNERS) else (int(5 * 200 ** rng.random()), rng.uniform(0.3, 3))
        phi, psi, kept = rng.uniform(0.3, 1), rng.uniform(0.2, 1), 200 * 100 ** rng.random()
        error = (1 - min(signal / np.sqrt(kept), 0.9)) / 2
        p = error * phi / (error * phi + (1 - error) * psi)
        where = (p, phi, psi, mu, dimension, round(kept / float(gaussian.kept_fraction(p, phi, psi))))
        found = averaging_accuracies(rng, *where, DRAWS)
        luck, told = 5 * found.std() / np.sqrt(DRAWS), f"seed {[15, seed]}: {where}"
        assert abs(found.mean() - gaussian.expected_accuracy(*where)) < 0.01 + luck, told
        closely = 0.006 if signal >= 6 else 0.025 if mu**2 <= np.sqrt(dimension) / 3 else 0.29
        assert abs(found.mean() - gaussian.finite_sample_accuracy(*where)) < closely + luck, told


def test_the_approximation_can_be_off_by_more_than_a_quarter() -> None:
    found = averaging_accuracies(np.random.default_rng(16), 0.486, 1, 1, 3.0, 5, 200, DRAWS)
    luck = 5 * found.std() / np.sqrt(DRAWS)
    assert gaussian.finite_sample_accuracy(0.486, 1, 1, 3.0, 5, 200) - found.mean() > 0.25 + luck
    assert gaussian.expected_accuracy(0.486, 1, 1, 3.0, 5, 200) == pytest.approx(found.mean(), abs=0.01 + luck)


def test_accuracy_turns_over_at_the_breakdown_point_and_finite_samples_approach_it() -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([5, seed])
        phi, psi, mu = rng.uniform(0.2, 1), rng.uniform(0.2, 1), rng.uniform(0.5, 3)
        p_star = gaussian.breakdown_point(phi, psi)
        grid = np.array([p_star - 0.05, p_star, p_star + 0.05])
        infinite = gaussian.infinite_sample_accuracy(grid, phi, psi, mu)
        assert infinite.tolist() == pytest.approx([special.ndtr(mu), 0.5, special.ndtr(-mu)], abs=1e-15)
        assert gaussian.finite_sample_accuracy(grid, phi, psi, mu, 30, 1e12) == pytest.approx(infinite, abs=1e-6)


def test_supervisions_of_the_paper_have_the_breakdown_points_it_states() -> None:
    angle = np.linspace(0.1, 3, 20)
    oracle = gaussian.selection_from_angles(angle, 0, angle)
    itself = gaussian.selection_from_angles(angle, angle, 0)
    unrelated = gaussian.selection_from_angles(*gaussian.angles_of([np.cos(0.7), np.sin(0.7), 0], [0, 0, 1], [1, 0, 0]))
    assert gaussian.breakdown_point(oracle.phi, oracle.psi) == pytest.approx(np.ones(20))
    assert gaussian.breakdown_point(itself.phi, itself.psi) == pytest.approx(np.full(20, 0.5))
    assert (float(unrelated.phi), float(unrelated.psi)) == pytest.approx((0.5, 0.5))


def test_a_better_verifier_does_worse_when_its_errors_are_the_generators() -> None:
    generator = np.radians(60)
    better = gaussian.selection_from_angles(generator, np.radians(45), np.radians(15))
    worse = gaussian.selection_from_angles(generator, np.radians(60), np.radians(110))
    assert gaussian.breakdown_point(better.phi, better.psi) < gaussian.breakdown_point(worse.phi, worse.psi)


def test_bivariate_normal_agrees_with_integration_and_with_scipy() -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([6, seed])
        h, k, rho = rng.uniform(-3, 3), rng.uniform(-3, 3), rng.uniform(-0.99, 0.99)
        spread = np.sqrt(1 - rho**2)
        by_integral, _ = integrate.quad(
            lambda x, k=k, rho=rho, spread=spread: stats.norm.pdf(x) * special.ndtr((k - rho * x) / spread),
            -12,
            h,
            epsabs=1e-13,
        )
        assert float(bivariate_cdf(h, k, rho)) == pytest.approx(by_integral, abs=1e-12), f"seed {[6, seed]}"
        reference = stats.multivariate_normal.cdf([h, k], cov=[[1, rho], [rho, 1]])
        assert float(bivariate_cdf(h, k, rho)) == pytest.approx(float(reference), abs=1e-5)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ((0, 0, 0.5), 1 / 3),
        ((0, 0, 1), 0.5),
        ((-0.0, 1.5, 0), 0.5 * special.ndtr(1.5)),
        ((1.5, -0.0, 0), 0.5 * special.ndtr(1.5)),
        ((0, 0, -1), 0),
        ((0, 1.5, 0), 0.5 * special.ndtr(1.5)),
        ((-1.5, 0, 0), 0.5 * special.ndtr(-1.5)),
        ((1, 2, 1), special.ndtr(1)),
        ((1, 2, -1), special.ndtr(1) + special.ndtr(2) - 1),
        ((-1, -2, -1), 0),
        ((np.inf, 1, 0.3), special.ndtr(1)),
    ],
)
def test_bivariate_normal_at_its_edges(point, expected) -> None:
    assert float(bivariate_cdf(*point)) == pytest.approx(expected, abs=1e-15)


def test_a_grid_of_200_by_200_points_takes_under_a_second() -> None:
    p, ratio = np.linspace(0.01, 0.99, 200)[:, None], np.linspace(0, 1, 200)
    started = time.perf_counter()
    accuracy = gaussian.finite_sample_accuracy(p, 0.9, 0.9 * ratio, 2, 200, 4000)
    angles = np.linspace(0.1, 1.4, 200)
    gaussian.selection_from_angles(angles[:, None], angles, np.abs(angles[:, None] - angles))
    gaussian.selection_from_margins(p, ratio, 0.3)
    seconds = time.perf_counter() - started
    assert accuracy.shape == (200, 200)
    assert seconds < 1


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: gaussian.breakdown_point(0, 0), "both 0"),
        (lambda: gaussian.breakdown_point(1.2, 0.5), "phi is a share"),
        (lambda: gaussian.breakdown_point(np.nan, 0.5), "phi is a share"),
        (lambda: gaussian.kept_error([0.2, -0.1], 0.5, 0.5), "p is a share and lies in [0, 1], got -0.1"),
        (lambda: gaussian.finite_sample_accuracy(0.2, 1, 0.5, 2, 50, 1), "n, the number of samples, is at least 2, got 1"),
        (lambda: gaussian.finite_sample_accuracy(0.2, 1, 0.5, 2, 0, 10), "d, the dimension, is at least 1"),
        (lambda: gaussian.infinite_sample_accuracy(0.2, 1, 0.5, 0), "mu is a positive number"),
        (lambda: gaussian.selection_from_angles(0.2, 0.2, 1.0), "no three vectors"),
        (lambda: gaussian.selection_from_angles(3.0, 3.0, 1.0), "no three vectors"),
        (lambda: gaussian.selection_from_angles(-0.1, 0.2, 0.2), "generator lies in [0, pi]"),
        (lambda: gaussian.selection_from_angles(0.2, 0.2, np.radians(60)), "(60 degrees)"),
        (lambda: gaussian.angles_of([np.inf, 0], [1, 0], [1, 1]), "finite"),
        (lambda: gaussian.selection_from_margins(np.nan, 0, 0), "nan"),
        (lambda: gaussian.expected_accuracy(0.2, 1, 0.5, 1e200, 5, 10), "mu is a positive number up to 1e+06"),
        (lambda: gaussian.angles_of([0, 0], [1, 0], [1, 1]), "other than zero"),
        (lambda: gaussian.angles_of([1, 0], [1, 0], [1, 1], [[1, 0.5], [0, 1]]), "symmetric"),
        (lambda: gaussian.angles_of([1, 0], [1, 0], [1, 1], [[1, 2], [2, 1]]), "positive definite"),
        (lambda: bivariate_cdf(0, 0, 1.5), "correlation"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(call, told) -> None:
    with pytest.raises(ValueError) as refused:
        call()
    assert told in str(refused.value)


def test_shares_of_next_to_nothing_are_none() -> None:
    # The exact psi is 0.9998, of one wrong sample in 10^15: float64 has no digits left for it.
    assert np.isnan(gaussian.selection_from_margins(8, 1, 0.5).psi)
    assert np.isnan(gaussian.selection_from_margins(-8, 1, 0.5).phi)
    # A generator that knows nothing is wrong half of the time, whatever the sign of its zero margin.
    for margin in (0.0, -0.0):
        useless = gaussian.selection_from_margins(margin, 1, 0.2)
        assert [float(share) for share in useless] == pytest.approx(
            [float(share) for share in gaussian.selection_from_margins(1e-14, 1, 0.2)]
        )
    # Opposite classifiers never agree, whatever the rounding of their cosines.
    opposite = gaussian.selection_from_margins(2 * np.cos(np.pi / 3), 2 * np.cos(2 * np.pi / 3), np.cos(np.pi))
    assert (opposite.phi, opposite.psi) == (0, 0)


def test_one_dimension_at_the_breakdown_point_is_a_coin() -> None:
    assert gaussian.expected_accuracy(0.5, 1, 1, 2, 1, 100) == pytest.approx(0.5)
    assert gaussian.side([0.2, 0.5, 0.8], 1, 1).tolist() == [1, 0, -1]


def test_nothing_wrong_and_nothing_kept_have_no_share() -> None:
    assert np.isnan(gaussian.kept_error(1, 1, 0))
    assert np.isnan(gaussian.selection_from_angles(0, 0.5, 0.5).psi)
    assert gaussian.finite_sample_accuracy(1, 1, 0, 2, 50, 100) == 0.5
