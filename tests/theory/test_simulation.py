"""Simulations agree with literal sampling, in distribution; solvers agree with scikit-learn; the transition is where it must be.

The literal experiments draw every x and y in all dimensions, about a mean in a random direction, label and keep them, and
fit with textbook code. Both sides are random: their difference is judged by its own standard error, five of them, over
24 random settings each. Seeds are printed with what failed.
"""

import time

import numpy as np
import pytest
from scipy import special, stats
from sklearn.linear_model import LogisticRegression, Ridge

from summ_collapse.theory import gaussian, learners, simulation
from summ_collapse.theory.settings import Angled, Independent, Setting, Trained
from summ_collapse.theory.simulation import simulate

SETTINGS = 24
REPETITIONS = {"averaging": 300, "ridge": 200, "logistic": 25}


def fit(learner: str, x: np.ndarray, label: np.ndarray, penalty: float) -> np.ndarray:
    if learner == "averaging" or len(x) == 0:
        return (label[:, None] * x).sum(axis=0)
    if learner == "ridge":
        return np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ label)
    # scikit-learn wants two classes: a row and its mirror image weigh the same in the loss.
    both, labels = np.concatenate([x, -x]), np.concatenate([label, -label])
    return LogisticRegression(C=0.5 / penalty, fit_intercept=False, tol=1e-8, solver="newton-cholesky").fit(both, labels).coef_[0]


def literal(setting: Setting, mean: np.ndarray, label_and_keep, rng: np.random.Generator) -> tuple[float, list[int]]:
    """Accuracy and counts of one repetition, sample by sample in all dimensions."""
    y = rng.choice([-1, 1], setting.samples)
    x = y[:, None] * mean + rng.standard_normal((setting.samples, setting.dimension))
    label, kept = label_and_keep(x, y, rng)
    weights = fit(setting.learner, x[kept], label[kept], setting.penalty)
    norm = np.linalg.norm(weights)
    right = label == y
    counts = [right.sum(), (~right).sum(), (right & kept).sum(), (~right & kept).sum()]
    return float(special.ndtr(mean @ weights / norm)) if norm else 0.5, counts


def independent(selection: Independent):
    def label_and_keep(x, y, rng):
        wrong = rng.random(len(y)) < selection.p
        return np.where(wrong, -y, y), rng.random(len(y)) < np.where(wrong, selection.psi, selection.phi)

    return label_and_keep


def linear(supervision: str, rate: float, classifiers):
    def label_and_keep(x, y, rng):
        generator, verifier = classifiers(rng)
        label = np.where(x @ generator > 0, 1, -1)
        kept = {
            "oracle": label == y,
            "weak": label == np.where(x @ verifier > 0, 1, -1),
            "random": rng.random(len(y)) < rate,
        }.get(supervision, np.ones(len(y), dtype=bool))
        return label, kept

    return label_and_keep


def random_setting(kind: str, learner: str, rng: np.random.Generator):
    """A setting, the mean's vector, and how to label and keep literal samples."""
    dimension, samples = int(rng.integers(3, 10)), int(rng.integers(4, 80))
    mean = rng.standard_normal(dimension)
    mean *= rng.uniform(0.5, 2) / np.linalg.norm(mean)
    mu = float(np.linalg.norm(mean))
    shape = (mu, dimension, samples)
    learning = (learner, float(rng.uniform(0.2, 5)))
    if kind == "independent":
        selection = Independent(*rng.uniform(0.05, 0.95, 3))
        return Setting(*shape, selection, *learning), mean, independent(selection)
    supervision, rate = str(rng.choice(["oracle", "weak", "weak", "self", "random", "none"])), float(rng.uniform(0.3, 1))
    if kind == "trained":
        sizes = [int(size) for size in rng.integers(1, 12, 2)]

        def averages(rng):
            return [mean + rng.standard_normal((size, dimension)).mean(axis=0) for size in sizes]

        return Setting(*shape, Trained(supervision, *sizes, rate), *learning), mean, linear(supervision, rate, averages)
    pair = mean + rng.standard_normal((2, dimension)) * mu
    cosines = [pair[0] @ mean / mu, pair[1] @ mean / mu, pair[0] @ pair[1]]
    norms = np.linalg.norm(pair, axis=1)
    angles = np.arccos([cosines[0] / norms[0], cosines[1] / norms[1], cosines[2] / norms.prod()])
    return Setting(*shape, Angled(supervision, *angles, rate), *learning), mean, linear(supervision, rate, lambda _: pair)


@pytest.mark.parametrize("learner", REPETITIONS)
@pytest.mark.parametrize("kind", ["independent", "angled", "trained"])
def test_simulation_agrees_with_literal_sampling(kind: str, learner: str) -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([7, seed])
        setting, mean, label_and_keep = random_setting(kind, learner, rng)
        draws = [literal(setting, mean, label_and_keep, rng) for _ in range(REPETITIONS[learner])]
        accuracy, counts = np.array([draw[0] for draw in draws]), np.array([draw[1] for draw in draws])
        ours = simulate([setting], REPETITIONS[learner], seed, workers=1)[0]
        told = f"seed {[7, seed]}: {setting}"
        for theirs, mine in ((accuracy, ours.accuracy), *zip(counts.T, ours.counts.T, strict=True)):
            error = np.sqrt((theirs.var() + mine.var()) / len(theirs))
            assert abs(theirs.mean() - mine.mean()) <= 5 * error + 1e-9, told
        # Not only the mean: the whole distribution. 1e-6 is what five standard errors are to a normal law.
        assert stats.ks_2samp(accuracy, ours.accuracy).pvalue > 1e-6, told


def test_solvers_agree_with_scikit_learn_on_the_same_rows() -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([8, seed])
        n, d, penalty = int(rng.integers(5, 200)), int(rng.integers(1, 40)), float(10 ** rng.uniform(-2, 2))
        label, x = rng.choice([-1, 1], n), rng.standard_normal((n, d))
        x[:, 0] += label * rng.uniform(0, 5) * rng.choice([-1, 1], n, p=[0.1, 0.9])
        label[0], label[-1] = 1, -1
        told = f"seed {[8, seed]}: {n} rows, {d} dimensions, penalty {penalty}"
        ours = learners.ridge((x.T @ x)[None], (label @ x)[None], penalty)[0]
        assert ours == pytest.approx(Ridge(alpha=penalty, fit_intercept=False).fit(x, label).coef_, rel=1e-8), told
        ours = learners.logistic((label[:, None] * x)[None], penalty, tolerance=1e-10)[0]
        theirs = LogisticRegression(C=1 / penalty, fit_intercept=False, tol=1e-12, max_iter=1000, solver="newton-cholesky")
        assert ours == pytest.approx(theirs.fit(x, label).coef_[0], rel=1e-5, abs=1e-8), told


def test_logistic_regression_converges_on_separable_badly_scaled_rows() -> None:
    rng = np.random.default_rng(9)
    rows = rng.standard_normal((3, 200, 5)) * np.logspace(-2, 3, 5)
    rows[..., 0] = np.abs(rows[..., 0]) + 1
    for weights, data in zip(learners.logistic(rows, 1e-3), rows, strict=True):
        gradient = 1e-3 * weights - special.expit(-data @ weights) @ data
        assert np.linalg.norm(gradient) <= 1e-5 * np.linalg.norm(data.sum(axis=0)) / 2


@pytest.mark.parametrize("ratio", [0.1, 0.25, 0.5, 0.8, 1.0])
def test_transition_is_sharp_at_the_breakdown_point(ratio: float) -> None:
    """A million kept samples: nearly perfect 0.03 below p*, nearly perfectly wrong 0.03 above."""
    mu, best = 2.0, float(special.ndtr(2.0))
    p_star = float(gaussian.breakdown_point(1.0, ratio))
    for p in (p_star - 0.03, p_star + 0.03):
        samples = round(1e6 / float(gaussian.kept_fraction(p, 1.0, ratio)))
        found = simulate([Setting(mu, 50, samples, Independent(p, 1.0, ratio))], 50, seed=10, workers=1)[0]
        if p < p_star:
            assert found.accuracy.min() >= 0.99 * best, f"seed 10: {found.accuracy.min()}"
        else:
            assert found.accuracy.max() <= 1 - 0.99 * best, f"seed 10: {found.accuracy.max()}"


@pytest.mark.parametrize("signal", [0.0, 1.0, 2.0, 6.0, 12.0])
def test_approximations_are_as_close_as_they_say(signal: float) -> None:
    """Held against 1,000 repetitions a setting, `signal` = a sqrt(n kappa) away from p*; so the tolerance is little else."""
    for seed in range(SETTINGS):
        rng = np.random.default_rng([15, seed])
        phi, psi = rng.uniform(0.3, 1), rng.uniform(0.2, 1)
        mu, dimension, kept = rng.uniform(0.3, 3), int(rng.integers(5, 300)), float(rng.uniform(200, 20_000))
        error = (1 - min(signal / np.sqrt(kept), 0.9)) / 2
        p = error * phi / (error * phi + (1 - error) * psi)
        n = round(kept / float(gaussian.kept_fraction(p, phi, psi)))
        found = simulate([Setting(mu, dimension, n, Independent(p, phi, psi))], 1000, seed, workers=1)[0]
        where, luck = (p, phi, psi, mu, dimension, n), 5 * found.standard_error
        told = f"seed {[15, seed]}: {where}"
        assert abs(found.mean - gaussian.expected_accuracy(*where)) < 0.01 + luck, told
        closely = 0.005 if signal >= 6 else 0.025 if mu**2 <= np.sqrt(dimension) / 3 else 0.18
        assert abs(found.mean - gaussian.finite_sample_accuracy(*where)) < closely + luck, told


def test_results_do_not_depend_on_the_number_of_workers(monkeypatch) -> None:
    monkeypatch.setattr(simulation, "SECONDS_ALONE", 0.0)
    settings = [
        Setting(1.5, 20, 3000, Independent(0.3, 0.8, 0.4), "ridge"),
        Setting(1.5, 20, 300, Angled("weak", 1.0, 0.8, 0.9), "logistic"),
        Setting(1.5, 20, 60_000, Trained("weak", 5, 20)),
    ]
    alone, shared = (simulate(settings, 12, seed=11, workers=workers) for workers in (1, 2))
    for one, other in zip(alone, shared, strict=True):
        assert np.array_equal(one.accuracy, other.accuracy)
        assert np.array_equal(one.counts, other.counts)


def test_more_repetitions_begin_with_the_same_ones() -> None:
    setting = Setting(1.5, 20, 60_000, Angled("weak", 1.0, 0.8, 0.9))
    few, many = (simulate([setting], count, seed=12, workers=1)[0] for count in (8, 12))
    assert np.array_equal(few.accuracy, many.accuracy[:8])


def test_a_grid_of_20_by_20_cells_is_simulated_100_times_well_under_two_minutes() -> None:
    cells = [
        Setting(2.0, 200, 4000, Independent(float(p), 0.9, 0.9 * float(ratio)))
        for p in np.linspace(0.025, 0.975, 20)
        for ratio in np.linspace(0.05, 1, 20)
    ]
    started = time.perf_counter()
    found = simulate(cells, 100, seed=13, workers=1)
    assert time.perf_counter() - started < 30
    for cell in found:
        shares = (cell.setting.selection.p, cell.setting.selection.phi, cell.setting.selection.psi)
        expected = gaussian.finite_sample_accuracy(*shares, 2.0, 200, 4000)
        assert abs(cell.mean - expected) < 0.02 + 5 * cell.standard_error, f"seed 13: {cell.setting}"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Independent(1.5, 0.5, 0.5), "p is a share"),
        (lambda: Independent(0.5, 0, 0), "both 0"),
        (lambda: Angled("weak", 1.0), "needs the verifier's angles"),
        (lambda: Angled("weak", 0.1, 0.1, 1.0), "no three vectors"),
        (lambda: Angled("perfect", 0.1), "one of oracle, weak, self, random, none"),
        (lambda: Angled("random", 0.1, rate=0), "rate of random selection"),
        (lambda: Trained("weak", 10), "the verifier is trained"),
        (lambda: Trained("none", 0), "the generator is trained"),
        (lambda: Setting(2, 50, 1, Independent(0.5, 1, 0)), "n, the number of samples, is at least 2"),
        (lambda: Setting(0, 50, 10, Independent(0.5, 1, 0)), "mu is a positive"),
        (lambda: Setting(2, 2, 10, Angled("none", 1.0)), "d, the dimension, is at least 3"),
        (lambda: Setting(2, 50, 10, Independent(0.5, 1, 0), "perceptron"), "one of averaging, ridge, logistic"),
        (lambda: Setting(2, 50, 10, Independent(0.5, 1, 0), "ridge", 0), "penalty is a positive"),
        (lambda: simulate([], 0, 0), "repetitions is at least 1"),
        (lambda: simulate([Setting(2, 50, 10**9, Angled("none", 1.0))], 1, 0), "GiB"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_the_reason(make, told) -> None:
    with pytest.raises(ValueError) as refused:
        make()
    assert told in str(refused.value)


def test_without_anything_kept_the_classifier_is_a_coin() -> None:
    for learner in REPETITIONS:
        found = simulate([Setting(2.0, 10, 20, Independent(1.0, 1.0, 0.0), learner)], 5, seed=14, workers=1)[0]
        assert found.accuracy.tolist() == [0.5] * 5
