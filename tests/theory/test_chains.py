"""A Markov chain with Zipf's shares, and models that count: S_m and D_m hold of the law of first words to the letter."""

from itertools import pairwise

import numpy as np
import pytest

from summ_collapse.theory import recursion
from summ_collapse.theory.chains import Chain, Measured, Regime, simulate
from summ_collapse.theory.normal import Floats
from summ_collapse.theory.sources import chain, walks, zipf

SYMBOLS, LENGTH, REAL = 12, 5, 60
GENERATIONS, REPETITIONS = 8, 2000
REGIMES = {
    "replace": Regime(REAL),
    "more": Regime(3 * REAL),
    "accumulate": Regime(REAL, mixture="accumulate"),
    "real": Regime(2 * REAL, real=REAL),
}


@pytest.fixture(scope="module")
def source() -> Chain:
    shares = zipf(SYMBOLS)
    return Chain(shares, chain(shares, 1.0, 0))


@pytest.fixture(scope="module")
def found(source: Chain) -> dict[str, tuple[Measured, Measured]]:
    return dict(zip(REGIMES, simulate(source, LENGTH, REAL, GENERATIONS, list(REGIMES.values()), REPETITIONS, 0), strict=True))


@pytest.mark.parametrize("spread", [0.0, 1.0, 3.0])
def test_words_of_a_chain_have_their_shares_at_every_place(spread: float) -> None:
    shares = zipf(30, 1.2)
    following = chain(shares, spread, 7)
    assert np.allclose(following.sum(axis=1), 1, atol=1e-12)
    assert np.allclose(shares @ following, shares, atol=1e-12)
    assert np.allclose(following, shares[None, :]) == (spread == 0)
    texts = walks(shares, following, 20_000, 4, np.random.default_rng(0))
    for place in range(4):
        counted = np.bincount(texts[:, place], minlength=30) / len(texts)
        assert (np.abs(counted - shares) <= 5 * np.sqrt(shares * (1 - shares) / len(texts))).all()
    pairs = np.zeros((30, 30))
    np.add.at(pairs, (texts[:, 2], texts[:, 3]), 1 / len(texts))
    expected = shares[:, None] * following
    assert (np.abs(pairs - expected) <= 5 * np.sqrt(expected / len(texts)) + 5 / len(texts)).all()


def test_many_chains_are_walked_as_one_by_one(source: Chain) -> None:
    """A word that cannot follow never does, and each chain has its own law."""
    never = Chain(np.array([[1.0, 0, 0], [0, 0, 1.0]]), np.array([np.roll(np.eye(3), 1, 1), np.roll(np.eye(3), 2, 1)]))
    texts = never.texts(4, 4, np.random.default_rng(0))
    assert (texts[0] == [0, 1, 2, 0]).all()
    assert (texts[1] == [2, 1, 0, 2]).all()


def expected(name: str, source: Chain) -> tuple[Floats, Floats]:
    """S and D by the closed forms."""
    regime = REGIMES[name]
    first = recursion.first_collision(source.first, REAL, regime.synthetic)
    if regime.mixture == "accumulate":
        collision = recursion.accumulated_collision(first, REAL, regime.synthetic, GENERATIONS)
    else:
        collision = recursion.collision(first, regime.real, regime.synthetic, GENERATIONS)
    return collision, collision - first


@pytest.mark.parametrize("name", REGIMES)
def test_first_words_collapse_as_the_closed_forms_say(
    name: str, source: Chain, found: dict[str, tuple[Measured, Measured]]
) -> None:
    singles, pairs = found[name]
    for law, what in ((singles.collision, 0), (singles.drift, 1)):
        errors = law.std(axis=0, ddof=1) / np.sqrt(REPETITIONS)
        off = np.abs(law.mean(axis=0) - expected(name, source)[what])
        assert (off <= 5 * errors + 1e-12).all(), f"{name}: {off / np.maximum(errors, 1e-12)} standard errors"
    assert (pairs.total_variation >= singles.total_variation - 1e-12).all()  # two words say more than the first of them
    assert (singles.moved[:, 0] == 0).all()
    assert (singles.moved**2 * 4 <= SYMBOLS * singles.drift + 1e-12).all()  # the bound on L1


def test_regimes_are_ordered_as_the_theory_says(source: Chain, found: dict[str, tuple[Measured, Measured]]) -> None:
    lost = {name: pairs.total_variation.mean(axis=0)[-1] for name, (_, pairs) in found.items()}
    assert lost["real"] < lost["replace"]
    assert lost["accumulate"] < lost["more"] < lost["replace"]
    # Of generation 0 nothing depends on the regime.
    starts = {name: pairs.collision[:, 0] for name, (_, pairs) in found.items()}
    assert all((start == starts["replace"]).all() for start in starts.values())


def test_what_accumulates_errs_at_most_by_the_sum_of_inverse_squares(source: Chain) -> None:
    q = float(source.first @ source.first)
    first = recursion.first_collision(source.first, 500, 500)
    collision = recursion.accumulated_collision(first, 500, 500, 5000)
    ratios = (collision - q) / (first - q)
    assert (np.diff(ratios) > 0).all()
    assert ratios[:4] == pytest.approx(np.cumsum([1, 1 / 4, 1 / 9, 1 / 16]), rel=0.01)
    assert 1.6 < ratios[-1] < np.pi**2 / 6
    replaced = (recursion.collision(first, 0, 500, 50) - q) / (first - q)
    assert replaced[:4] == pytest.approx([1, 2, 3, 4], rel=0.01)


def test_a_learner_counts_what_it_sees(source: Chain) -> None:
    """Against counting by hand, for one repetition whose texts are drawn again with the same seed."""
    rng = np.random.default_rng(np.random.SeedSequence(3, spawn_key=(0,)))
    texts = Chain(source.first[None], source.following[None]).texts(20, 4, rng)[0]
    pairs = [pair for text in texts.tolist() for pair in pairwise(text)]
    law = np.zeros((SYMBOLS, SYMBOLS))
    for word in range(SYMBOLS):
        after = [second for first, second in pairs if first == word]
        started = sum(text[0] == word for text in texts.tolist()) / 20
        for second in after:
            law[word, second] += started / len(after)
    ((_, measured),) = simulate(source, 4, 20, 0, [Regime(20)], 1, 3)
    assert measured.collision[0, 0] == pytest.approx((law**2).sum())
    assert measured.total_variation[0, 0] == pytest.approx(np.abs(law - source.pairs).sum() / 2)


def test_what_cannot_be_is_refused(source: Chain) -> None:
    with pytest.raises(ValueError, match="at least 2 words"):
        simulate(source, 1, 10, 1, [Regime(10)], 1, 0)
    with pytest.raises(ValueError, match="texts take"):
        simulate(source, 100_000, 10_000_000, 1, [Regime(10_000_000)], 1, 0)
    with pytest.raises(ValueError, match="begins with real draws"):
        recursion.accumulated_collision(0.5, 0, 10, 3)


def test_mixtures_of_one_size_lie_between_replacing_and_accumulating(source: Chain) -> None:
    mixtures = {
        "replace": Regime(REAL),
        "latest": Regime(REAL, mixture="latest", window=3),
        "uniform": Regime(REAL, mixture="uniform"),
        "subsample": Regime(REAL, mixture="subsample"),
        "accumulate": Regime(REAL, mixture="accumulate"),
    }
    found = simulate(source, LENGTH, REAL, 10, list(mixtures.values()), 400, 1)
    lost = {name: pairs.total_variation[:, -1] for name, (_, pairs) in zip(mixtures, found, strict=True)}
    for worse, better in (("replace", "latest"), ("latest", "uniform"), ("subsample", "accumulate"), ("uniform", "accumulate")):
        difference = lost[worse] - lost[better]
        assert difference.mean() > 5 * difference.std() / np.sqrt(400), (worse, better)
    # The latest one alone is what replaces; both learn from as many texts.
    (_, alone), (_, replaced) = simulate(source, LENGTH, REAL, 6, [Regime(REAL, mixture="latest"), Regime(REAL)], 400, 2)
    gap = alone.total_variation.mean(axis=0) - replaced.total_variation.mean(axis=0)
    assert (np.abs(gap) <= 5 * np.sqrt(2) * alone.total_variation.std(axis=0) / np.sqrt(400) + 1e-12).all()


def test_every_generation_draws_anew_from_what_there_is() -> None:
    """Against a literal recursion that draws its rows from all of those before, again in every generation."""
    symbols, rows, rounds, repetitions = 8, 40, 6, 1500
    shares = zipf(symbols)
    alone = Chain(shares, np.tile(shares, (symbols, 1)))  # words that do not depend on each other
    ((found, _),) = simulate(alone, 2, rows, rounds, [Regime(rows, mixture="subsample")], repetitions, 4)
    rng = np.random.default_rng(9)
    drifts = np.zeros((repetitions, rounds + 1))
    for repetition in range(repetitions):
        so_far = rng.choice(symbols, rows, p=shares)
        begun = model = np.bincount(so_far, minlength=symbols) / rows
        for generation in range(1, rounds + 1):
            so_far = np.concatenate([so_far, rng.choice(symbols, rows, p=model)])
            model = np.bincount(rng.choice(so_far, rows, replace=False), minlength=symbols) / rows
            drifts[repetition, generation] = ((model - begun) ** 2).sum()
    # There each part gives its share to the row, here what chance gives it: within a tenth, where drawing once is off by half.
    assert found.drift.mean(axis=0)[1:] == pytest.approx(drifts.mean(axis=0)[1:], rel=0.1)
