"""Strata of texts, and how much of their mixture a selection keeps."""

import numpy as np
import pytest

from summ_collapse.metrics.coverage import coverage, coverage_loss
from summ_collapse.selection.strata import cluster_strata, column_strata, length_strata
from summ_collapse.tasks.newswire_articles import examples


def test_lengths_are_cut_into_equal_parts_where_they_can_be() -> None:
    texts = [" ".join(["w"] * length) for length in range(1, 101)]
    labels = length_strata(texts, 4)
    assert np.bincount(labels).tolist() == [25, 25, 25, 25]
    assert (np.diff(labels) >= 0).all()
    assert set(length_strata(["one word here"] * 9, 4)) == {0}


def test_clusters_find_the_kinds_of_news_without_being_told() -> None:
    table = examples(2000, 0)
    kinds = column_strata(table["kind"].to_pylist())
    labels = cluster_strata(table["summary"].to_pylist(), 16)
    together = np.zeros((labels.max() + 1, kinds.max() + 1), dtype=int)
    np.add.at(together, (labels, kinds), 1)
    assert together.max(axis=1).sum() / len(labels) > 0.8
    assert (labels == cluster_strata(table["summary"].to_pylist(), 16)).all()


@pytest.mark.parametrize("texts", [[], [""], ["same"] * 30, ["a", "b", "a"], ["", " ", ""] * 20])
def test_clusters_of_little_or_nothing(texts: list[str]) -> None:
    labels = cluster_strata(texts, 16)
    assert len(labels) == len(texts)
    assert len({(text, label) for text, label in zip(texts, labels.tolist(), strict=True)}) == len(set(texts))


def test_the_same_mixture_loses_nothing_and_one_stratum_much() -> None:
    labels = np.repeat(np.arange(4), 250)
    assert coverage(labels, np.arange(1000) % 2 == 0) == 1
    assert coverage_loss(labels, np.arange(1000) % 2 == 0) == 0
    assert coverage(labels, labels == 0) == 0.25
    assert coverage_loss(labels, labels == 0) == pytest.approx(
        0.25 * np.log(1 / 1) + 0.75 * np.log(251) + np.log(0.25) / 4, abs=0.1
    )


def test_random_rows_lose_nothing_on_average() -> None:
    """The correction takes off what chance alone loses: what is left is a few times its own spread at most."""
    rng = np.random.default_rng(4)
    labels = rng.integers(16, size=8000)
    losses = [coverage_loss(labels, rng.permutation(8000) < 400) for _ in range(200)]
    uncorrected = 15 / (2 * 400)
    assert np.mean(losses) < uncorrected / 2


def test_coverage_loss_by_hand() -> None:
    """Halves, of which 30 and 10 rows are kept: 30.5 and 10.5 of 41 with the row that smooths; less chance's 1 / 80."""
    labels = np.repeat([0, 1], 50)
    kept = np.r_[np.arange(50) < 30, np.arange(50) < 10]
    expected = 0.5 * np.log(0.5 / (30.5 / 41)) + 0.5 * np.log(0.5 / (10.5 / 41)) - 1 / 80
    assert coverage_loss(labels, kept) == pytest.approx(expected)
    assert coverage(labels, kept) == pytest.approx(0.75)
