"""Artifacts of arms that were trained and evaluated, as a report reads them, with the texts and scores that a test wants."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from summ_collapse.experiment.arms import Arm
from summ_collapse.predict.predictor import FITTED
from summ_collapse.recipe.blocks import Evaluation, Wrong
from summ_collapse.report.contents import Contents
from summ_collapse.store import MANIFEST, Artifact, write_json, write_table

RESAMPLES = 200
BASELINES = {
    "real-slice": {"generator": "generator"},
    "lead": {"real-slice": "real-slice"},
    "generator": {"real-slice": "real-slice"},
}


class Finished:
    """A folder to which arms are added, one a name and seed."""

    def __init__(self, folder: Path, rows: int, metrics: Sequence[str] = ("rouge1",)) -> None:
        self.folder, self.rows, self.metrics = folder, rows, list(metrics)
        self.arms: list[Arm] = []
        self.inputs = {"examples": self._artifact("examples", rows, {"train_rows": 100, "test_rows": rows})}
        references = pa.table({"id": self._ids(), "summary": [f"reference {row}" for row in range(rows)]})
        write_table(folder / "examples" / "test.parquet", references)

    def _ids(self) -> list[str]:
        return [str(row) for row in range(self.rows)]

    def _artifact(self, name: str, rows: int, notes: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> Artifact:
        content = {"fingerprint": name, "rows_out": rows, "notes": notes, "config": config or {}}
        write_json(self.folder / name / MANIFEST, content)
        return Artifact(self.folder / name)

    def add(
        self,
        name: str,
        seed: int,
        scores: Mapping[str, np.ndarray],
        *,
        texts: Sequence[str] | None = None,
        finish: Sequence[str] | None = None,
        trained: tuple[int, int, int] | None = (50, 10, 8),
        **facts: Any,
    ) -> None:
        """`scores` are (rows,) by metric; `trained` is on how many rows, for how many steps, with which batch size."""
        evaluate, train = f"evaluate-{name}@{seed}", f"train-{name}@{seed}"
        notes = {"diversity": {"distinct_2": 0.5}, "truncated": 0}
        self.inputs[evaluate] = self._artifact(evaluate, self.rows, notes)
        columns = {
            "candidate": list(texts or (f"{name} {row}" for row in range(self.rows))),
            "finish": list(finish or ["stop"] * self.rows),
            **{metric: scores[metric] for metric in self.metrics},
        }
        write_table(self.folder / evaluate / "predictions.parquet", pa.table({"id": self._ids(), **columns}))
        if trained is not None:
            rows, steps, batch = trained
            config = {"training": {"batch_size": batch}}
            self.inputs[train] = self._artifact(train, rows, {"steps": steps, "truncated": 0}, config)
        self.arms.append(
            Arm(
                name=name,
                seed=seed,
                evaluate=evaluate,
                train=train if trained is not None else None,
                **{"baselines": BASELINES.get(name, {"real-slice": "real-slice", "generator": "generator"}), **facts},
            )
        )

    @property
    def contents(self) -> Contents:
        """What the report is told of them."""
        evaluation = Evaluation(metrics=self.metrics, bootstrap=RESAMPLES)
        return Contents(recipe="small", arms=self.arms, evaluation=evaluation, wrong=Wrong(), coefficients=FITTED, attacks={})
