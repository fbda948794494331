"""Arms that failed stand in the results with their reason, and the others are compared without them."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from summ_collapse.errors import InputError
from summ_collapse.experiment.arms import Arm
from summ_collapse.predict.predictor import FITTED
from summ_collapse.recipe.blocks import Evaluation, Wrong
from summ_collapse.report.build import build
from summ_collapse.report.contents import Contents
from summ_collapse.report.results import Entry
from summ_collapse.store import Artifact, write_json, write_table

NAMES = ("first", "real-slice", "second")
REASON = "train/first@1: training diverged"


def made(tmp_path: Path, failed: set[tuple[str, int]]) -> list[Entry]:
    """The entries of three arms under two seeds, some of which failed."""
    arms = [
        Arm(
            name=name,
            seed=seed,
            evaluate=f"{name}@{seed}",
            baselines={"real-slice": "real-slice"} if name != "real-slice" else {},
        )
        for seed in (0, 1)
        for name in NAMES
    ]
    chance = np.random.default_rng(0)
    inputs = {"examples": artifact(tmp_path / "examples", notes={"train_rows": 10, "test_rows": 40})}
    texts = [f"text {row}" for row in range(40)]
    write_table(tmp_path / "examples" / "test.parquet", pa.table({"summary": texts}))
    for arm in arms:
        folder = tmp_path / arm.evaluate
        if (arm.name, arm.seed) in failed:
            inputs[arm.evaluate] = artifact(folder, failed=REASON, rows_out=0)
            continue
        inputs[arm.evaluate] = artifact(folder, notes={"diversity": {"distinct_2": 0.5}}, rows_out=40)
        write_table(
            folder / "predictions.parquet", pa.table({"candidate": texts, "finish": ["stop"] * 40, "rouge1": chance.random(40)})
        )
    contents = Contents(
        recipe="small",
        arms=arms,
        evaluation=Evaluation(metrics=["rouge1"], bootstrap=100),
        wrong=Wrong(metric="rouge1", below=0.5),
        coefficients=FITTED,
        attacks={},
    )
    return build(contents, inputs).arms


def artifact(folder: Path, **manifest: Any) -> Artifact:
    write_json(folder / "manifest.json", {"fingerprint": folder.name, "files": {}, **manifest})
    return Artifact(folder)


def test_an_arm_that_failed_under_one_seed_is_not_pooled(tmp_path: Path) -> None:
    found = {(entry.arm, entry.seed): entry for entry in made(tmp_path, {("first", 1)})}
    assert {key for key, entry in found.items() if entry.failed} == {("first", 1), ("first", None)}
    assert found["first", None].failed == REASON
    assert found["first", None].metrics == {} == found["first", 1].vs
    assert found["first", 0].observed_delta("rouge1") is not None
    assert found["second", None].observed_delta("rouge1") is not None
    assert found["second", None].seeds == [0, 1] == found["first", None].seeds


def test_a_baseline_that_failed_takes_the_differences_with_it_and_no_more(tmp_path: Path) -> None:
    found = {(entry.arm, entry.seed): entry for entry in made(tmp_path, {("real-slice", 0)})}
    assert found["second", 0].vs == {} == found["second", None].vs
    assert found["second", 0].observed is None
    assert found["second", 0].metrics["rouge1"].mean > 0
    assert found["second", 1].observed_delta("rouge1") is not None


def test_a_seed_without_a_single_arm_does_not_keep_the_other_from_its_table(tmp_path: Path) -> None:
    found = {(entry.arm, entry.seed): entry for entry in made(tmp_path, {(name, 0) for name in NAMES})}
    assert [key for key, entry in found.items() if not entry.failed] == [(name, 1) for name in NAMES]


def test_nothing_but_failures_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"every arm failed, so there is nothing to compare: {REASON}$"):
        made(tmp_path, {(name, seed) for name in NAMES for seed in (0, 1)})
