"""Verifiers that need no model: what each of them prefers, and what it says where it cannot tell."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from summ_collapse.errors import InputError
from summ_collapse.plugins import plugin
from summ_collapse.verifiers.ensemble import rank_shares
from summ_collapse.verifiers.request import Request, Scored

DOCUMENTS = ["the cat sat on the mat", "a dog ran far", "profit rose by nine percent"]


def score(
    options: Mapping[str, Any],
    candidates: Sequence[str],
    documents: Sequence[str] = DOCUMENTS,
    keys: Sequence[tuple[str, int]] | None = None,
    scores: Mapping[str, np.ndarray] | None = None,
    seed: int = 0,
) -> Scored:
    verifier = plugin("verifiers", options["kind"]).model_validate(options)
    keys = keys or [(f"id{row}", 0) for row in range(len(candidates))]
    return verifier.score(Request(keys, candidates, documents, ["a dog ran"] * len(candidates), seed, 1, None, scores or {}))


def test_length_counts_words_either_way() -> None:
    assert score({"kind": "length"}, ["", "one", "one two three"]).score.tolist() == [0, 1, 3]
    assert score({"kind": "length", "prefer": "short"}, ["", "one", "one two three"]).score.tolist() == [0, -1, -3]


def test_copy_rate_is_the_share_of_words_that_the_document_has() -> None:
    assert score({"kind": "copy-rate"}, ["The cat slept", "", "profit rose"]).score.tolist() == [2 / 3, 0, 1]
    assert score({"kind": "copy-rate", "n": 2}, ["cat sat on", "dog ran off", "rose"]).score.tolist() == [1, 0.5, 0]


def test_exact_is_the_reference_itself() -> None:
    assert score({"kind": "exact"}, ["a dog ran", " a dog ran ", "a dog runs"]).score.tolist() == [1, 1, 0]


def test_agreement_is_the_mean_rouge_with_the_other_samples() -> None:
    keys = [("a", 0), ("a", 1), ("b", 0), ("a", 2)]
    found = score({"kind": "agreement"}, ["x y", "x z", "alone", "x y"], ["d"] * 4, keys).score
    assert found[[0, 1, 3]] == pytest.approx([0.75, 0.5, 0.75])
    assert np.isnan(found[2])


def test_ensemble_is_the_mean_rank_whatever_the_units() -> None:
    scores = {"one": np.array([1.0, 2.0, 3.0, np.nan]), "other": np.array([-500.0, -900.0, -100.0, 0.0])}
    found = score({"kind": "ensemble", "of": ["one", "other"]}, ["c"] * 4, ["d"] * 4, scores=scores).score
    assert found[:3] == pytest.approx([(0 + 1 / 3) / 2, (1 / 2 + 0) / 2, (1 + 2 / 3) / 2])
    assert np.isnan(found[3])
    assert rank_shares(np.array([5.0, 5.0, 1.0])).tolist() == [0.75, 0.75, 0.0]


ROWS = 2000
MANY = [f"c{row}" for row in range(ROWS)]
TOPICS = ["sport" if row % 4 == 0 else "news" for row in range(ROWS)]
HONEST = {"honest": np.random.default_rng(3).normal(size=ROWS)}


@pytest.mark.parametrize("how", ["flip", "bias", "poison"])
def test_corrupted_touches_exactly_its_share_and_nothing_else(how: str) -> None:
    found = score({"kind": "corrupted", "of": "honest", "share": 0.3, "how": how}, MANY, TOPICS, scores=HONEST)
    touched = found.columns["tampered"]
    assert touched.sum() == 600
    assert (found.score[~touched] == HONEST["honest"][~touched]).all()


def test_flip_mirrors_ranks_bias_shifts_poison_goes_to_the_top() -> None:
    def tampered(how: str, **more: object) -> np.ndarray:
        return score({"kind": "corrupted", "of": "honest", "share": 1.0, "how": how, **more}, MANY, TOPICS, scores=HONEST).score

    honest = HONEST["honest"]
    assert (np.argsort(tampered("flip")) == np.argsort(-honest)).all()
    assert sorted(tampered("flip")) == sorted(honest)
    assert tampered("bias", strength=-2.0) == pytest.approx(honest - 2 * honest.std())
    some = score({"kind": "corrupted", "of": "honest", "share": 0.1, "how": "poison"}, MANY, TOPICS, scores=HONEST)
    touched = some.columns["tampered"]
    assert some.score[touched].min() > honest.max()
    assert (np.argsort(some.score[touched]) == np.argsort(honest[touched])).all()


def test_corruption_of_a_topic_stays_on_it_and_takes_all_of_it_at_most() -> None:
    some = score({"kind": "corrupted", "of": "honest", "share": 0.1, "topic": "^sport"}, MANY, TOPICS, scores=HONEST)
    on_topic = np.array([topic == "sport" for topic in TOPICS])
    assert some.columns["tampered"].sum() == 200
    assert not (some.columns["tampered"] & ~on_topic).any()
    everything = score({"kind": "corrupted", "of": "honest", "share": 0.5, "topic": "^sport"}, MANY, TOPICS, scores=HONEST)
    assert (everything.columns["tampered"] == on_topic).all()


def test_a_larger_share_corrupts_what_a_smaller_one_did_and_seeds_differ() -> None:
    def touched(share: float, seed: int = 0) -> np.ndarray:
        options = {"kind": "corrupted", "of": "honest", "share": share}
        return score(options, MANY, TOPICS, scores=HONEST, seed=seed).columns["tampered"]

    assert not (touched(0.1) & ~touched(0.2)).any()
    assert (touched(0.1) != touched(0.1, seed=1)).any()


def test_nan_stays_nan_under_corruption() -> None:
    scores = {"honest": np.array([1.0, np.nan, 3.0])}
    found = score({"kind": "corrupted", "of": "honest", "share": 1.0}, ["c"] * 3, scores=scores)
    assert found.score[[0, 2]].tolist() == [3.0, 1.0]
    assert np.isnan(found.score[1])
    assert found.columns["tampered"].tolist() == [True, False, True]


def test_a_topic_that_matches_nothing_is_told() -> None:
    with pytest.raises(InputError, match="topic 'weather', of the one that corrupts honest, matches no document"):
        score({"kind": "corrupted", "of": "honest", "share": 0.1, "topic": "weather"}, MANY, TOPICS, scores=HONEST)


def test_rows_without_a_score_use_up_no_share() -> None:
    scores = {"honest": np.array([1.0, np.nan, 3.0, np.nan, 2.0, np.nan])}
    found = score({"kind": "corrupted", "of": "honest", "share": 0.5}, ["c"] * 6, ["d"] * 6, scores=scores)
    assert found.columns["tampered"].tolist() == [True, False, True, False, True, False]


def test_a_topic_that_is_no_expression_is_told() -> None:
    with pytest.raises(ValidationError, match="expected a regular expression"):
        plugin("verifiers", "corrupted").model_validate({"kind": "corrupted", "of": "x", "share": 0.1, "topic": "("})


def test_random_is_uniform_and_differs_by_seed_and_by_sample() -> None:
    keys = [(f"id{row // 2}", row % 2) for row in range(ROWS)]
    first, again, other = (score({"kind": "random"}, MANY, TOPICS, keys, seed=seed).score for seed in (0, 0, 1))
    assert (first == again).all()
    # Independent draws: correlations and the mean within 5 standard errors.
    assert abs(np.corrcoef(first, other)[0, 1]) < 5 / np.sqrt(ROWS)
    assert abs(np.corrcoef(first[::2], first[1::2])[0, 1]) < 5 / np.sqrt(ROWS / 2)
    assert abs(first.mean() - 0.5) < 5 / np.sqrt(12 * ROWS)
    assert 0 <= first.min() < first.max() < 1


def test_common_is_the_share_of_the_pool_that_is_about_the_same() -> None:
    texts = ["the cat sat on the mat"] * 3 + ["profit rose by nine percent"]
    found = score({"kind": "common", "clusters": 2}, texts, ["d"] * 4)
    assert found.score.tolist() == [0.75, 0.75, 0.75, 0.25]
    assert plugin("verifiers", "common").whole_pool
