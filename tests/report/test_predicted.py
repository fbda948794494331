"""What a report says of an arm before it is trained: read from the run's tables, whatever their order."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from summ_collapse.experiment.arms import Arm
from summ_collapse.metrics.coverage import coverage_loss
from summ_collapse.predict.predictor import FITTED, Features, predict
from summ_collapse.recipe.blocks import Evaluation, Wrong
from summ_collapse.records import ROWS, rows_of
from summ_collapse.report.contents import Contents
from summ_collapse.report.predicted import Predictions, graded
from summ_collapse.report.results import Predicted
from summ_collapse.selection.strata import CLUSTERS, cluster_strata
from tests.stages.tables import examples, keyed, published

# Candidates stand in another order than the examples, two of doc-5; the judge finds 0.5 and more right.
IDS, SAMPLES = ["doc-5", "doc-2", "doc-5", "doc-0", "doc-3", "doc-1", "doc-7", "doc-4"], [0, 0, 1, 0, 0, 0, 0, 0]
TEXTS = [f"gist of {name}" if row % 3 else "nothing" for row, name in enumerate(IDS)]
JUDGED = [0.0, 1.0, 0.5, 0.2, 0.9, 0.6, 0.0, 0.4]
SCORES = [1.0, 4.0, 3.0, float("nan"), 2.0, -float("inf"), 0.0, 5.0]
KEPT = [1, 2, 7]


def said(tmp_path: Path, metric: str = "rouge1", **facts: object) -> Predicted:
    """Of an arm that keeps three candidates, with two real rows beside them."""
    table = keyed(IDS, SAMPLES, candidate=TEXTS)
    chosen = table.take(KEPT[::-1])
    kept = rows_of(chosen["id"], chosen["sample"], chosen["candidate"], "pool")
    real = pa.table([["doc-0", "doc-6"], [0, 0], ["real"] * 2, ["x"] * 2, [1.0] * 2], names=ROWS.names).cast(ROWS)
    inputs = {
        "examples": examples(tmp_path, [3, 1, 0, 2, 4, 5, 6, 7]),
        "pool": published(tmp_path, "pool", candidates=table),
        "judge": published(tmp_path, "judge", scores=keyed(IDS, SAMPLES, score=JUDGED)),
        "scores": published(tmp_path, "scores", scores=keyed(IDS, SAMPLES, score=SCORES)),
        "rows": published(tmp_path, "rows", rows=pa.concat_tables([kept, real])),
    }
    known = {"rows": "rows", "candidates": "pool", "judge": "judge", "scores": "scores", "slice": 0.25}
    arm = Arm(name="arm", seed=0, evaluate="e", **{**known, **facts})
    contents = Contents(
        recipe="r",
        arms=[arm],
        evaluation=Evaluation(metrics=[metric]),
        wrong=Wrong(metric="rouge1", below=0.5),
        coefficients=FITTED,
        attacks={},
    )
    return Predictions(contents, inputs).of(arm)


def test_shares_are_those_of_the_arms_own_candidates(tmp_path: Path) -> None:
    found = said(tmp_path)
    # Right are the candidates 1, 2, 4 and 5, of which 1 and 2 are kept; of the wrong, 7 is.
    assert (found.p, found.phi, found.psi) == (0.5, 0.5, 0.25)
    assert (found.kept_error, found.kept_fraction) == (pytest.approx(1 / 3), 3 / 8)


def test_the_prediction_is_the_formulas_with_the_slice_of_real_rows(tmp_path: Path) -> None:
    found = said(tmp_path)
    shortfall = 1 - np.array(JUDGED)
    h = 0.5 / shortfall.mean() * shortfall[KEPT].mean()
    labels = cluster_strata(TEXTS, CLUSTERS)
    lost = coverage_loss(labels, np.isin(np.arange(8), KEPT))
    expected = predict(Features(3, h, lost, 0.5, 2))
    assert found.weighted_error == pytest.approx(h)
    assert found.predicted_delta is not None
    assert found.predicted_delta.delta == pytest.approx(expected.delta)
    assert found.coverage_loss == pytest.approx(lost)
    assert said(tmp_path / "pooled", slice=None).predicted_delta is None


def test_kept_scores_are_above_the_mean_in_deviations_and_infinite_ones_count_for_nothing(tmp_path: Path) -> None:
    known = np.array([1.0, 4.0, 3.0, 2.0, 0.0, 5.0])
    assert said(tmp_path).kept_score == pytest.approx((np.mean([4.0, 3.0, 5.0]) - known.mean()) / known.std())


def test_another_metric_than_the_judges_is_taken_of_each_candidates_own_reference(tmp_path: Path) -> None:
    table = keyed(IDS, SAMPLES, candidate=TEXTS)
    references = examples(tmp_path, range(8)).table("train", ["id", "summary"])
    expected = [float(text == f"gist of {name}") for text, name in zip(TEXTS, IDS, strict=True)]
    assert graded(references, table, "exact").tolist() == expected
    shortfall = 1 - np.array(expected)
    assert said(tmp_path / "exact", "exact").weighted_error == pytest.approx(0.5 / shortfall.mean() * shortfall[KEPT].mean())


def test_an_arm_of_no_candidates_is_predicted_nothing(tmp_path: Path) -> None:
    assert said(tmp_path, candidates=None) == Predicted()
