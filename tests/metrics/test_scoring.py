"""Scores by name, whichever family a metric is of."""

import pytest

from summ_collapse.metrics.scoring import score_pairs

NAMES = ["rougeL", "exact", "rouge1", "exact"]


def test_each_name_has_a_score_a_pair_also_where_it_is_asked_for_twice() -> None:
    found = score_pairs(["a storm hit", " rain "], ["a storm", "rain"], NAMES)
    assert list(found) == ["rougeL", "exact", "rouge1"]
    assert found["exact"].tolist() == [0.0, 1.0]
    assert found["rouge1"].tolist() == pytest.approx([0.8, 1.0])


def test_no_pairs_have_no_scores() -> None:
    found = score_pairs([], [], NAMES)
    assert {(scores.shape, str(scores.dtype)) for scores in found.values()} == {((0,), "float64")}
