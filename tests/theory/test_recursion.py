"""S_m and D_m agree with literal recursions within 5 standard errors; bounds are never violated beyond that.

The literal recursion draws every token by itself and counts it. Every check runs over 24 random settings; seeds are printed
with what failed.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from summ_collapse.theory import recursion, sources
from summ_collapse.theory.recursion_simulation import simulate

SETTINGS = 24
REPETITIONS = 1000
# The one-sided chance of five standard errors of a normal law, for counts that are no such thing.
FIVE_ERRORS = 2.9e-7


def tokens(models: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Empirical distributions of so many tokens of each model, (repetitions, s), drawn one by one."""
    levels = np.cumsum(models, axis=1)[:, None, :-1]
    drawn = (rng.random((len(models), draws, 1)) > levels).sum(axis=-1)
    return (drawn[..., None] == np.arange(models.shape[1])).mean(axis=1)


def literal(source, real: int, synthetic: int, generations: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Models of every generation, (repetitions, s) each, as the text defines them."""
    models = [tokens(np.tile(source, (REPETITIONS, 1)), real or synthetic, rng)]
    for _ in range(generations):
        drawn = tokens(models[-1], synthetic, rng)
        models.append((real * models[0] + synthetic * drawn) / (real + synthetic))
    return models


def literal_mixture(source, real, synthetic, generations, mixed, rng) -> list[np.ndarray]:
    """Each token of a new generation is drawn from one of the latest `mixed` models, picked for it alone."""
    models = [tokens(np.tile(source, (REPETITIONS, 1)), real, rng)]
    for _ in range(generations):
        window = models[-mixed:]
        counts = np.zeros_like(models[0])
        for _ in range(synthetic):
            picked = np.array(window)[rng.integers(len(window), size=REPETITIONS), np.arange(REPETITIONS)]
            counts += tokens(picked, 1, rng)
        models.append(counts / synthetic)
    return models


def random_source(rng: np.random.Generator) -> np.ndarray:
    symbols = int(rng.integers(2, 12))
    return [sources.zipf(symbols, 0.0), sources.zipf(symbols, 1.2), rng.dirichlet(np.ones(symbols))][rng.integers(3)]


def close(values: np.ndarray, expected: float, largest: float = 1.0) -> bool:
    """Whether a mean is within 5 standard errors. Values lie in [0, largest].

    Near collapse nearly all values are one, and their spread says nothing of the rare others: there the largest variance
    that such values can have about the expected mean stands in for it.
    """
    rare = np.sum(values != np.median(values)) < 30
    spread = np.sqrt(expected * (largest - expected)) if rare else values.std()
    return abs(values.mean() - expected) <= 5 * spread / np.sqrt(len(values)) + 1e-12


@pytest.mark.parametrize("fully", [True, False], ids=["fully synthetic", "partially synthetic"])
def test_collision_drift_and_their_bound_agree_with_a_literal_recursion(fully: bool) -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([20, seed, fully])
        source, synthetic, generations = random_source(rng), int(rng.integers(2, 25)), int(rng.integers(1, 8))
        real = 0 if fully else int(rng.integers(1, 25))
        models = literal(source, real, synthetic, generations, rng)
        first = recursion.first_collision(source, real, synthetic)
        collision = recursion.collision(first, real, synthetic, generations)
        drift = recursion.drift(first, real, synthetic, generations)
        bound = recursion.l1_bound(drift, len(source))
        told = f"seed {[20, seed, fully]}: {len(source)} symbols, N {real}, n {synthetic}"
        for m, model in enumerate(models):
            assert close((model**2).sum(axis=1), collision[m]), told
            assert close(((model - models[0]) ** 2).sum(axis=1), drift[m], 2), told
            l1 = np.abs(model - models[0]).sum(axis=1)
            assert l1.mean() <= bound[m] + 5 * l1.std() / np.sqrt(REPETITIONS), told


def test_closed_forms_solve_the_recursions_of_the_paper() -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([21, seed])
        real, synthetic, first = int(rng.integers(0, 300)), int(rng.integers(2, 300)), float(rng.uniform(0.01, 0.99))
        alpha = synthetic / (real + synthetic)
        s, d = recursion.collision(first, real, synthetic, 50), recursion.drift(first, real, synthetic, 50)
        beta = alpha**2 * (1 - 1 / synthetic)
        assert s[1:] == pytest.approx((1 - alpha**2) * first + alpha**2 / synthetic + beta * s[:-1], abs=1e-14)
        assert d[1:] == pytest.approx(alpha**2 * (d[:-1] + (1 - s[:-1]) / synthetic), abs=1e-14)
        assert recursion.drift(first, real, synthetic, 1_000_000)[-1] == pytest.approx(
            recursion.drift_limit(first, real, synthetic), rel=1e-9
        )
        if real == 0:
            assert 1 - s == pytest.approx((1 - 1 / synthetic) ** np.arange(51) * (1 - first))


@pytest.mark.parametrize("real", [0, 1])
def test_closed_forms_keep_their_digits_for_many_draws(real: int) -> None:
    n, generations = 10**15, 3
    beta = Fraction(n, n + real) ** 2 * (1 - Fraction(1, n))
    limit = Fraction(n, 2) / (real**2 + n * (2 * real + 1))
    exact = [float(limit * (1 - beta**m)) for m in range(1, generations + 1)]
    assert recursion.drift(0.5, real, n, generations)[1:] == pytest.approx(exact, rel=1e-12, abs=0)


def test_a_model_with_a_rare_second_symbol_has_not_collapsed() -> None:
    # About 2.3 draws in 10^13 fall on the second symbol: a sum of squares cannot tell such a model from a Dirac mass.
    found = simulate(sources.zipf(2, 42), 0, 10**13, 0, 2000, seed=4)
    alone = float(np.exp(-(10**13) * sources.zipf(2, 42)[1]))
    assert abs(found.collapsed.mean() - alone) < 5 * np.sqrt(alone * (1 - alone) / 2000), "seed 4"


def test_survival_never_exceeds_its_bound() -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([22, seed])
        source, synthetic, generations = random_source(rng), int(rng.integers(2, 8)), int(rng.integers(5, 40))
        models = literal(source, 0, synthetic, generations, rng)
        alive = np.array([(model.max(axis=1) < 1).sum() for model in models])
        bound = recursion.survival_bound(recursion.first_collision(source, 0, synthetic), synthetic, generations)
        told = f"seed {[22, seed]}: n {synthetic}"
        assert np.all(alive <= stats.binom.isf(FIVE_ERRORS, REPETITIONS, bound)), told
        by_then = recursion.collapse_time_bound(recursion.first_collision(source, 0, synthetic), synthetic, 0.5)
        bound = recursion.survival_bound(recursion.first_collision(source, 0, synthetic), synthetic, by_then)
        assert bound[by_then] <= 0.5 + 1e-12, told
        assert by_then == 0 or bound[by_then - 1] > 0.5, told


def test_mixed_generations_agree_with_a_literal_recursion() -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([23, seed])
        source, synthetic, real = random_source(rng), int(rng.integers(2, 10)), int(rng.integers(2, 20))
        generations, count = 5, int(rng.integers(1, 7))
        window = recursion.every if count == 6 else recursion.latest(count)
        models = literal_mixture(source, real, synthetic, generations, count, rng)
        first = recursion.first_collision(source, real, synthetic)
        collision, drift = recursion.mixed_collision(first, synthetic, generations, window)
        for m, model in enumerate(models):
            assert close((model**2).sum(axis=1), collision[m]), f"seed {[23, seed]}, generation {m}"
            assert close(((model - models[0]) ** 2).sum(axis=1), drift[m], 2), f"seed {[23, seed]}, generation {m}"


@pytest.mark.parametrize("regime", ["fully", "partially", "latest", "every"])
def test_our_simulation_agrees_with_the_closed_forms(regime: str) -> None:
    for seed in range(SETTINGS):
        rng = np.random.default_rng([24, seed])
        source, synthetic, real = random_source(rng), int(rng.integers(2, 60)), int(rng.integers(2, 60))
        window = {"latest": recursion.latest(int(rng.integers(1, 5))), "every": recursion.every}.get(regime)
        real = 0 if regime == "fully" else real
        first = recursion.first_collision(source, real, synthetic)
        found = simulate(source, real, synthetic, 12, REPETITIONS, seed, window)
        if window:
            collision, drift = recursion.mixed_collision(first, synthetic, 12, window)
        else:
            collision, drift = (form(first, real, synthetic, 12) for form in (recursion.collision, recursion.drift))
        told = f"seed {[24, seed]}: {regime}, N {real}, n {synthetic}"
        for m in range(13):
            assert close(found.collision[:, m], collision[m]), told
            assert close(found.drift[:, m], drift[m], 2), told


def test_mixing_older_generations_delays_collapse() -> None:
    first = recursion.first_collision(sources.zipf(50), 100, 100)
    alone, some, everything = (
        recursion.mixed_collision(first, 100, 60, window)[0]
        for window in (recursion.latest(1), recursion.latest(5), recursion.every)
    )
    assert alone == pytest.approx(1 - (1 - 1 / 100) ** np.arange(61) * (1 - first))
    assert alone[-1] > some[-1] > everything[-1]


def test_a_window_of_one_is_fully_synthetic_and_total_collapse_is_absorbing() -> None:
    found = simulate(sources.zipf(5, 0.0), 0, 4, 60, 300, seed=3)
    collapsed = found.collapsed
    assert collapsed[:, -1].mean() > 0.99
    assert np.all(collapsed[:, 1:] >= collapsed[:, :-1])
    means = found.means()
    assert means["S"][-1] == pytest.approx(found.collision[:, -1].mean())
    assert len(means["S_se"]) == 61


def test_safe_amount_is_the_largest_that_keeps_the_limit_under_the_tolerance() -> None:
    unbounded = 0
    for seed in range(SETTINGS):
        rng = np.random.default_rng([25, seed])
        real, symbols = int(rng.integers(5, 10_000)), int(rng.integers(2, 200))
        first = recursion.first_collision(sources.zipf(symbols, 0.0), real, 2)
        saturated = math.sqrt(symbols * (1 - first) / (2 * real + 1))
        tolerance = saturated * rng.uniform(0.3, 1.2)
        safe = recursion.safe_synthetic(first, real, symbols, tolerance)

        def limit(n, first=first, real=real, symbols=symbols):
            return float(recursion.l1_bound(recursion.drift_limit(first, real, n), symbols))

        if math.isinf(safe):
            unbounded += 1
            assert limit(10**12) <= tolerance, f"seed {[25, seed]}"
        else:
            assert safe < 2 or limit(int(safe)) <= tolerance * (1 + 1e-12), f"seed {[25, seed]}"
            assert limit(max(2, int(safe) + 1)) > tolerance * (1 - 1e-12), f"seed {[25, seed]}"
    assert 0 < unbounded < SETTINGS
    assert recursion.logarithmic_synthetic(1000, 10) == pytest.approx(math.log(100))
    assert recursion.logarithmic_synthetic(10, 1000) == 0


def test_equal_seeds_give_equal_simulations() -> None:
    source = sources.zipf(300)
    one, other = (simulate(source, 100, 50, 5, 40, seed=9) for _ in range(2))
    assert np.array_equal(one.collision, other.collision)
    assert not np.array_equal(one.collision, simulate(source, 100, 50, 5, 40, seed=10).collision)


def test_a_corpus_gives_its_own_next_token_counts() -> None:
    lines = ["the cat and the dog", "the cat sat", "on the mat"]
    assert sources.from_corpus(lines, "the").tolist() == [0.5, 0.25, 0.25]
    assert sources.from_corpus(lines).sum() == pytest.approx(1)
    assert sources.zipf(3).tolist() == pytest.approx([6 / 11, 3 / 11, 2 / 11])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: recursion.collision(0.5, 10, 1, 3), "synthetic is at least 2 and at most 1,000,000,000,000,000, got 1"),
        (lambda: recursion.collision(1.5, 10, 5, 3), "lies in (0, 1]"),
        (lambda: recursion.collision(0.5, -1, 5, 3), "real is at least 0"),
        (lambda: recursion.drift(0.5, 10, 5, -1), "generations lies in [0, 1,000,000]"),
        (lambda: recursion.l1_bound(0.5, 0), "symbols is at least 1"),
        (lambda: recursion.safe_synthetic(0.5, 0, 10, 0.1), "needs real data, and real is 0"),
        (lambda: recursion.safe_synthetic(0.5, 10, 10, 0), "positive tolerance"),
        (lambda: recursion.collapse_time_bound(0.5, 10, 1), "probability"),
        (lambda: recursion.latest(0), "at least 1 generation"),
        (lambda: recursion.first_collision([0.5, 0.6], 10, 5), "sum is 1"),
        (lambda: recursion.collision(0.5, 10**400, 5, 3), "real is at least 0 and at most"),
        (lambda: recursion.safe_synthetic(0.5, 10**400, 5, 3), "real is at least 0 and at most"),
        (lambda: simulate(sources.zipf(3, 0.0), 10, 5, 1_000_000, 1000, 0), "GiB"),
        (lambda: simulate(sources.zipf(10**7, 0.0), 10, 5, 100, 1, 0, recursion.latest(50)), "GiB"),
        (lambda: sources.zipf(0), "symbols lies in [1, 10,000,000]"),
        (lambda: sources.zipf(5, math.nan), "Zipf exponent"),
        (lambda: sources.from_corpus(["a b"], "b"), "no word after 'b'"),
        (lambda: simulate(sources.zipf(3, 0.0), 10, 5, 3, 0, 0), "repetitions >= 1"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(call, told) -> None:
    with pytest.raises(ValueError) as refused:
        call()
    assert told in str(refused.value)
