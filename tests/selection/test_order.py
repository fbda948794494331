"""Orders of candidates: what each keeps, that selections nest, and that nothing depends on chance."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from summ_collapse.selection.near_duplicates import near_duplicates
from summ_collapse.selection.order import Order, by_hash, ordered, ranking

ROWS, SAMPLES = 600, 4
KEYS = [(f"doc-{row // SAMPLES}", row % SAMPLES) for row in range(ROWS)]
SCORES = np.random.default_rng(11).normal(size=ROWS)
STRATA = np.random.default_rng(12).choice(5, size=ROWS, p=[0.5, 0.2, 0.15, 0.1, 0.05])
# A verifier that loves one stratum, as perplexity loves what is easy.
BIASED = SCORES + 5 * (STRATA == 1)


def places(scores: np.ndarray = SCORES, seed: int = 0, **how: Any) -> np.ndarray:
    return ordered(scores, KEYS, Order(**how), seed, STRATA)


@pytest.mark.parametrize(
    "how", [{}, {"across": "document"}, {"across": "strata"}, {"temperature": 0.5}, {"across": "strata", "temperature": 2.0}]
)
def test_every_order_is_a_permutation_and_the_same_again(how: dict[str, Any]) -> None:
    found = places(**how)
    assert sorted(found) == list(range(ROWS))
    assert (found == places(**how)).all()


def test_a_share_of_one_over_samples_is_the_best_of_each_document() -> None:
    kept = places(across="document") < ROWS // SAMPLES
    best = SCORES.reshape(-1, SAMPLES).argmax(axis=1)
    assert (np.flatnonzero(kept) == np.arange(ROWS // SAMPLES) * SAMPLES + best).all()


def test_half_of_that_is_the_better_half_of_the_bests() -> None:
    kept = places(across="document") < ROWS // SAMPLES // 2
    best = np.sort(SCORES.reshape(-1, SAMPLES).max(axis=1))
    assert np.sort(SCORES[kept]) == pytest.approx(best[len(best) // 2 :])


@pytest.mark.parametrize("rate", [0.05, 0.125, 0.25, 0.5, 0.9])
def test_strata_keep_their_mixture_to_one_row_at_every_rate(rate: float) -> None:
    count = round(rate * ROWS)
    kept = np.bincount(STRATA[places(BIASED, across="strata") < count], minlength=5)
    assert np.abs(kept - rate * np.bincount(STRATA)).max() <= 1
    plain = np.bincount(STRATA[places(BIASED) < count], minlength=5)
    assert np.abs(plain - rate * np.bincount(STRATA)).max() > 5


def test_within_a_stratum_the_best_come_first() -> None:
    found = places(BIASED, across="strata")
    for stratum in range(5):
        ours = np.flatnonzero(stratum == STRATA)
        assert (np.diff(BIASED[ours[np.argsort(found[ours])]]) <= 0).all()


def test_a_cold_draw_takes_the_best_and_a_hot_one_anything() -> None:
    assert (places(temperature=1e-9) == ranking(SCORES, KEYS)).all()
    hot = places(temperature=1e9)
    # Uniform: the mean rank of the kept third is that of all rows, within 5 standard errors.
    kept = ranking(SCORES, KEYS)[hot < 200]
    error = np.sqrt((ROWS**2 / 12) / 200 * (1 - 200 / ROWS))
    assert abs(kept.mean() - (ROWS - 1) / 2) < 5 * error


def test_a_draw_follows_the_softmax() -> None:
    """The first place of many draws, one a seed, has softmax frequencies, within 5 standard errors each."""
    scores, keys, draws = np.array([0.0, 1.0, 2.0]), KEYS[:3], 4000
    first = [int(ordered(scores, keys, Order(temperature=1.0), seed, None).argmin()) for seed in range(draws)]
    weights = np.exp(scores / scores.std())
    expected = weights / weights.sum()
    error = np.sqrt(expected * (1 - expected) / draws)
    assert (np.abs(np.bincount(first, minlength=3) / draws - expected) < 5 * error).all()


@pytest.mark.parametrize("how", [{}, {"across": "document"}, {"across": "strata"}, {"temperature": 1.0}])
def test_rows_without_a_score_come_last(how: dict[str, Any]) -> None:
    scores = SCORES.copy()
    scores[::7] = np.nan
    found = places(scores, **how)
    assert found[np.isnan(scores)].min() == (~np.isnan(scores)).sum()


def test_near_duplicates_of_a_better_candidate_are_passed_over() -> None:
    texts = [
        "the board of acme named a new chief today in paris",
        "a storm cut power to nine thousand homes in the north",
        "the board of acme named a new chief today in rome",
        "The board of acme named a new chief today in Paris",
        "short one",
    ]
    ranks = np.array([1, 0, 2, 3, 4])
    assert near_duplicates(texts, ranks, 0.7).tolist() == [False, False, True, True, False]
    assert near_duplicates(texts, ranks, 1.0).tolist() == [False, False, False, True, False]
    assert near_duplicates(texts, ranks[::-1].copy(), 0.7).tolist() == [True, False, True, False, False]


def test_near_duplicates_agree_with_all_pairs_compared() -> None:
    rng = np.random.default_rng(5)
    words = [f"w{index}" for index in range(12)]
    texts = [" ".join(rng.choice(words, size=6)) for _ in range(60)] + [" ".join(words[:6])] * 3
    texts += [text + " more" for text in texts[:20]]
    ranks = rng.permutation(len(texts))
    kept: list[set[tuple[str, ...]]] = []
    expected = np.zeros(len(texts), dtype=bool)
    for row in np.argsort(ranks):
        ours = set(zip(*(texts[row].split()[start:] for start in range(3)), strict=False))
        expected[row] = any(len(ours & theirs) / len(ours | theirs) >= 0.8 for theirs in kept)
        if not expected[row]:
            kept.append(ours)
    assert expected.sum() > 10
    assert (near_duplicates(texts, ranks, 0.8) == expected).all()


def test_orders_do_not_depend_on_the_rate() -> None:
    found = places(BIASED, across="strata")
    kept = [set(np.flatnonzero(found < round(rate * ROWS)).tolist()) for rate in (0.1, 0.2, 0.5)]
    assert all(small < large for small, large in pairwise(kept))


def test_rows_without_a_score_take_no_places_of_their_stratum() -> None:
    """Half of one stratum has no score: what is kept has the mixture of those that have one."""
    scores = SCORES.copy()
    scores[np.flatnonzero(STRATA == 0)[::2]] = np.nan
    known = np.bincount(STRATA[~np.isnan(scores)], minlength=5)
    count = 100
    kept = np.bincount(STRATA[places(scores, across="strata") < count], minlength=5)
    assert np.abs(kept - count * known / known.sum()).max() <= 1


def test_every_purpose_has_a_draw_of_its_own() -> None:
    one, other = by_hash("split 0", KEYS), by_hash("slices 0", KEYS)
    assert sorted(one) == sorted(other) == list(range(ROWS))
    assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(ROWS - 1)
    shuffled = np.random.default_rng(0).permutation(ROWS)
    found = by_hash("split 0", [KEYS[row] for row in shuffled])
    assert (found == one[shuffled]).all()
