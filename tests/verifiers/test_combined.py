"""Several verifiers as one, on simulated ones whose worth and dependence are known."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from summ_collapse.errors import ArmFailed
from summ_collapse.metrics import combining
from summ_collapse.metrics.ranking import auc
from summ_collapse.verifiers.combined import Combined
from summ_collapse.verifiers.ensemble import mean_rank
from summ_collapse.verifiers.request import Request

ROWS = 3000


def simulated(
    seed: int, apart: tuple[float, ...], copies: tuple[tuple[int, float], ...] = ()
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Which rows are right, and scores whose means stand so far apart; copies are another's scores and some noise."""
    rng = np.random.default_rng(seed)
    right = rng.random(ROWS) < 0.7
    scores = [rng.standard_normal(ROWS) + each * right for each in apart]
    scores += [scores[of] + noise * rng.standard_normal(ROWS) for of, noise in copies]
    return right, scores


def worth(scores: np.ndarray, right: np.ndarray) -> float:
    found = auc(scores, right, np.arange(len(right)))
    assert found is not None
    return found.mean


def combined(scores: list[np.ndarray], right: np.ndarray, **options: Any) -> Any:
    """Of a recipe in which a candidate is its reference where it is right."""
    names = [f"v{place}" for place in range(len(scores))]
    keys = [(f"row {row}", 0) for row in range(ROWS)]
    candidates = ["as it is" if one else "something else" for one in right]
    request = Request(keys, candidates, [""] * ROWS, ["as it is"] * ROWS, 0, 1, None, dict(zip(names, scores, strict=True)))
    return Combined.model_validate({"kind": "combined", "of": names, **options}).score(request)


LOGISTIC = {"how": "logistic", "labels": {"rows": 200, "at_least": 0.5}}
# Best single, mean rank; by how much each way has to beat them in AUC, where theory says that it should.
SETTINGS: dict[str, Any] = {
    "equal": ((1.0, 1.0, 1.0, 1.0), (), {"single": 0.1, "mean": -0.005}),
    "unequal": ((2.0, 1.0, 0.5, 0.2), (), {"single": 0.01, "mean": 0.03}),
    "two know nothing": ((1.2, 1.2, 1.2, 0.0, 0.0), (), {"single": 0.05, "mean": 0.03}),
    "a poor one, four times": ((1.5, 1.2, 1.2, 0.3), ((3, 0.3), (3, 0.3), (3, 0.3)), {"single": 0.05, "mean": 0.1}),
}


@pytest.mark.parametrize("options", [{}, LOGISTIC], ids=["weighted", "logistic"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_it_beats_the_best_one_and_the_mean_where_it_should(setting: str, options: dict[str, Any]) -> None:
    apart, copies, least = SETTINGS[setting]
    gains: dict[str, list[float]] = {"single": [], "mean": []}
    for seed in range(1 if options else 3):
        right, scores = simulated(seed, apart, copies)
        together = worth(combined(scores, right, **options).score, right)
        gains["single"].append(together - max(worth(each, right) for each in scores))
        gains["mean"].append(together - worth(mean_rank(scores), right))
    for against, gain in gains.items():
        assert np.mean(gain) >= least[against], against


def test_votes_are_counted_by_how_far_they_are_to_be_trusted() -> None:
    """Three votes of which one is nearly always right: the posterior follows that one, a majority would not."""
    right, scores = simulated(0, (4.0, 0.6, 0.6, 0.6))
    found = combined(scores, right, how="dawid-skene").score
    majority = np.mean([each > np.median(each) for each in scores], axis=0)
    assert worth(found, right) > worth(majority, right) + 0.03


def test_of_two_that_depend_on_each_other_one_is_left_out() -> None:
    right, scores = simulated(1, (1.5, 1.2, 1.2, 0.8), ((3, 0.5),))
    columns = combined(scores, right).columns
    weights = [columns[f"weight v{place}"][0] for place in range(5)]
    assert sum(weight == 0 for weight in weights[3:]) == 1
    assert all(weight > 0 for weight in weights[:3])
    assert combining.kept_apart(combining.normal_scores([*scores[:3], np.ones(ROWS)])) == [0, 1, 2]


def test_labelled_rows_are_scored_by_a_fit_without_them() -> None:
    """Labels that say nothing: what is learnt from them has to be worth nothing on them too."""
    rng = np.random.default_rng(2)
    right = rng.random(ROWS) < 0.5
    scores = [rng.standard_normal(ROWS) for _ in range(12)]
    found = combined(scores, right, how="logistic", labels={"rows": 100, "at_least": 0.5})
    labelled = found.columns["labelled"]
    assert labelled.sum() == 100
    assert worth(found.score[labelled], right[labelled]) < 0.65, "fitted on themselves they would reach about 0.75"


def test_a_row_without_one_score_has_none() -> None:
    right, scores = simulated(3, (1.0, 1.0, 1.0))
    scores[1][7] = np.nan
    for options in ({}, {"how": "dawid-skene"}, LOGISTIC):
        assert np.flatnonzero(np.isnan(combined(scores, right, **options).score)).tolist() == [7]


def test_too_few_labels_of_a_kind_make_no_arm() -> None:
    right, scores = simulated(4, (1.0, 1.0))
    with pytest.raises(ArmFailed, match="expected at least 5 right and 5 wrong rows among those labelled, got 200 and 0"):
        combined(scores, np.ones_like(right), **LOGISTIC)


@pytest.mark.parametrize("options", [{"how": "logistic"}, {"labels": {"rows": 50, "at_least": 0.5}}])
def test_labels_go_with_learning(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="expected `labels` with `how: logistic`, and only there"):
        Combined.model_validate({"kind": "combined", "of": ["a", "b"], **options})
