"""Simulations agree with literal sampling, in distribution; solvers agree with scikit-learn; the transition is where it must be.

The literal experiments draw every x and y in all dimensions, about a mean in a random direction, label and keep them, and
fit with textbook code. Both sides are random: their difference is judged by its own standard error, five of them, over
24 random settings each. Seeds are printed with what failed.
"""

import time
import warnings

import numpy as np
import pytest
from scipy import special, stats
from sklearn.linear_model import LogisticRegression, Ridge

from summ_collapse.theory import draws, gaussian, learners, simulation
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
    misses = []
    for seed in range(SETTINGS):
        rng = np.random.default_rng([7, seed])
        setting, mean, label_and_keep = random_setting(kind, learner, rng)
        drawn = [literal(setting, mean, label_and_keep, rng) for _ in range(REPETITIONS[learner])]
        accuracy, counts = np.array([draw[0] for draw in drawn]), np.array([draw[1] for draw in drawn])
        ours = simulate([setting], REPETITIONS[learner], seed, workers=1)[0]
        told = f"seed {[7, seed]}: {setting}"
        for theirs, mine in ((accuracy, ours.accuracy), *zip(counts.T, ours.counts.T, strict=True)):
            error = np.sqrt((theirs.var() + mine.var()) / len(theirs))
            assert abs(theirs.mean() - mine.mean()) <= 5 * error + 1e-9, told
        error = np.sqrt((accuracy.var(ddof=1) + ours.accuracy.var(ddof=1)) / len(accuracy))
        misses.append((accuracy.mean() - ours.mean) / error if error else 0.0)
        # Not only the mean: the whole distribution. 1e-6 is what five standard errors are to a normal law.
        assert stats.ks_2samp(accuracy, ours.accuracy).pvalue > 1e-6, told
    # All settings together see what one with few repetitions does not.
    assert abs(np.sum(misses)) < 5 * np.sqrt(SETTINGS), f"seeds [7, 0 to {SETTINGS - 1}]"


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
        ours = learners.logistic((label[:, None] * x)[None], penalty)[0]
        theirs = LogisticRegression(C=1 / penalty, fit_intercept=False, tol=1e-12, max_iter=1000, solver="newton-cholesky")
        exact = theirs.fit(x, label).coef_[0]
        assert np.linalg.norm(ours - exact) <= 1e-5 * np.linalg.norm(exact), told


def test_logistic_regression_is_exact_where_data_are_separable_and_the_penalty_small() -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([9, seed])
        mu, penalty = rng.uniform(0.5, 2), 10.0 ** rng.uniform(-6, 0)
        (data,) = draws.full_rows(draws.linear_plane(Angled("oracle", 1.0), mu, 20, 500, 1, rng), 20, rng)
        kept = data[data.any(axis=1)]
        both, labels = np.concatenate([kept, -kept]), np.repeat([1.0, -1.0], len(kept))
        model = LogisticRegression(C=0.5 / penalty, fit_intercept=False, solver="newton-cholesky", tol=1e-12, max_iter=1000)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a warning would mean that it fell back to the solver under test
            exact = model.fit(both, labels).coef_[0]
        ours = learners.logistic(data[None], penalty)[0]
        accuracies = [special.ndtr(mu * weights[0] / np.linalg.norm(weights)) for weights in (ours, exact)]
        assert accuracies[0] == pytest.approx(accuracies[1], abs=2e-5), f"seed {[9, seed]}: penalty {penalty}"


def test_logistic_regression_of_one_row_and_of_none() -> None:
    # One row v: w = c v with c = sigmoid(-c |v|^2) / penalty.
    row, penalty = np.array([1.0, 2.0]), 0.5
    (weights,) = learners.logistic(np.stack([row, np.zeros(2)])[None], penalty)
    assert weights == pytest.approx(special.expit(-weights @ row) / penalty * row, rel=1e-6)
    assert learners.logistic(np.zeros((1, 3, 2)), 1.0).tolist() == [[0, 0]]


def cosines(*vectors: np.ndarray) -> np.ndarray:
    units = np.array([vector / np.linalg.norm(vector) for vector in vectors])
    return (units @ units.T)[np.triu_indices(len(vectors), 1)]


def test_classifiers_are_drawn_at_the_angles_that_were_asked_for() -> None:
    mean = np.array([1.0, 0.0, 0.0])
    for seed in range(SETTINGS):
        rng = np.random.default_rng([16, seed])
        wanted = cosines(mean, *rng.standard_normal((2, 3)))
        selection = Angled("weak", *np.arccos(wanted))
        generator, verifier = draws.directions(selection, 1.0, 10, 2, rng)
        for repetition in range(2):
            assert cosines(mean, generator[repetition], verifier[repetition]) == pytest.approx(wanted), f"seed {[16, seed]}"
    generator, verifier = draws.directions(Angled("weak", 0.0, 0.4, 0.4), 1.0, 10, 1, rng)
    assert cosines(mean, generator[0], verifier[0]) == pytest.approx([1, np.cos(0.4), np.cos(0.4)])


def test_axes_are_turned_without_changing_lengths_or_angles() -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([17, seed])
        pair = rng.standard_normal((2, 5, int(rng.integers(3, 30))))
        turned = np.stack(draws._in_plane(*pair))
        assert turned.shape == (2, 5, 3)
        assert turned[..., 0] == pytest.approx(pair[..., 0])
        for first, second in ((0, 0), (0, 1), (1, 1)):
            assert np.sum(turned[first] * turned[second], axis=-1) == pytest.approx(np.sum(pair[first] * pair[second], axis=-1))


def test_trained_classifiers_average_true_samples() -> None:
    """Of n samples: N(mean, I / n), by the mean and the variance of every coordinate over 20,000 of them."""
    rng = np.random.default_rng(18)
    for samples in (1, 7, 400):
        found = draws._averaged(samples, 1.5, 4, 20_000, rng) - [1.5, 0, 0, 0]
        # The standard error of a variance is sqrt(2 / repetitions) of it; eight checks a size.
        assert np.abs(found.mean(axis=0)).max() < 5 / np.sqrt(20_000 * samples), "seed 18"
        assert np.abs(samples * found.var(axis=0) - 1).max() < 5 * np.sqrt(2 / 20_000), "seed 18"


def test_rows_have_standard_noise_beside_the_plane_and_none_where_nothing_is_kept() -> None:
    rng = np.random.default_rng(19)
    plane = draws.linear_plane(Angled("weak", 1.0, 0.8, 0.9), 1.5, 8, 2000, 20, rng)
    rows = draws.full_rows(plane, 8, rng)
    noise = []
    for data, in_plane, kept in zip(rows, plane.rows, plane.kept, strict=True):
        count = int(kept.sum())
        assert np.array_equal(data[:count, :3], in_plane[kept])
        assert not data[count:].any()
        noise.append(data[:count, 3:])
    noise = np.concatenate(noise)
    moments = noise.T @ noise / len(noise)
    # Entries off the diagonal have standard error 1 / sqrt(rows), those on it sqrt(2) of that.
    assert np.abs(moments - np.eye(5)).max() < 5 * np.sqrt(2 / len(noise)), "seed 19"
    assert np.abs(noise.mean(axis=0)).max() < 5 / np.sqrt(len(noise)), "seed 19"


def test_counts_of_many_samples_agree_with_the_exact_shares() -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([19, seed])
        mu, angles = rng.uniform(0.5, 2), np.arccos(cosines(np.eye(3)[0], *rng.standard_normal((2, 3))))
        counts = draws.linear_plane(Angled("weak", *angles), mu, 5, 100_000, 1, rng).counts[0]
        margins = (mu * np.cos(angles[0]), mu * np.cos(angles[1]), np.cos(angles[2]))
        p, phi, psi = (float(share) for share in gaussian.selection_from_margins(*margins))
        for count, whole, share in ((counts[1], 100_000, p), (counts[2], counts[0], phi), (counts[3], counts[1], psi)):
            # A normal law is no judge of rare events; the binomial's own tails at 5 standard errors are.
            chance = stats.binomtest(int(count), int(whole), share).pvalue if whole else 1.0
            assert chance > 5.7e-7, f"seed {[19, seed]}: {share}"


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
        (lambda: Trained("weak", 10), "the verifier is trained on 1 to"),
        (lambda: Trained("none", 0), "the generator is trained on 1 to"),
        (lambda: Setting(2, 50, 1, Independent(0.5, 1, 0)), "n, the number of samples, is at least 2"),
        (lambda: Setting(0, 50, 10, Independent(0.5, 1, 0)), "mu is a positive"),
        (lambda: Setting(2, 2, 10, Angled("none", 1.0)), "d, the dimension, is at least 3"),
        (lambda: Setting(2, 50, 10, Independent(0.5, 1, 0), "perceptron"), "one of averaging, ridge, logistic"),
        (lambda: Setting(2, 50, 10, Independent(0.5, 1, 0), "ridge", 0), "penalty lies in [1e-12, 1e+12], got 0"),
        (lambda: Trained("weak", 10, 10**20), "the verifier is trained on 1 to"),
        (lambda: Setting(1e200, 50, 10, Independent(0.5, 1, 0)), "mu is a positive number up to"),
        (lambda: simulate([], 0, 0), "repetitions is at least 1"),
        (lambda: simulate([Setting(2, 50, 10, Independent(0.5, 1, 0))], 10**12, 0), "repetitions in all"),
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
