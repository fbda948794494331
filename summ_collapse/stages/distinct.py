"""`distinct`: the candidates that a verifier takes for right, of those that go the same way one a document.

Rejection-sampling fine-tuning (Yuan et al. 2023) learns from these.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field, JsonValue

from summ_collapse import store
from summ_collapse.errors import ArmFailed
from summ_collapse.metrics import steps
from summ_collapse.recipe.preference import StepKind
from summ_collapse.records import rows_of
from summ_collapse.stages.size import Size
from summ_collapse.stages.stage import Context, Outcome, Stage


class Distinct(Stage):
    """Rows to train on. Which were right by luck is counted where the scores say so."""

    kind: ClassVar[str] = "distinct"
    inputs: ClassVar[Mapping[str, str]] = {"candidates": "candidates", "scores": "scores"}
    gives: ClassVar[str] = "rows"
    right: float = Field(description="least score of what is right")
    steps: StepKind
    source: str = Field(description="what rows that are kept say of where they come from")

    def size(self, of: Mapping[str, Size]) -> Size:
        """At most: who is right nobody knows before."""
        return Size(of["candidates"].rows, completion=of["candidates"].completion)

    def run(self, context: Context) -> Outcome:
        """Write `rows.parquet`."""
        candidates = context.inputs["candidates"].table("candidates", ["id", "sample", "candidate"])
        scores = context.inputs["scores"].table("scores")
        right = scores["score"].to_numpy() >= self.right
        seen: set[tuple[str, tuple[str, ...]]] = set()
        kept = np.zeros(len(right), dtype=bool)
        ids, texts = candidates["id"].to_pylist(), candidates["candidate"].to_pylist()
        for row in np.flatnonzero(right).tolist():
            way = (ids[row], steps.identity(texts[row], self.steps))
            kept[row] = way not in seen
            seen.add(way)
        if not kept.any():
            raise ArmFailed(f"no candidate scores {self.right:g} or more", len(right))
        rows = rows_of(candidates["id"], candidates["sample"], candidates["candidate"], self.source).filter(pa.array(kept))
        store.write_table(context.out / "rows.parquet", rows)
        rejected = {"not right": int((~right).sum()), "the same steps as another": int((right & ~kept).sum())}
        notes: dict[str, JsonValue] = {"documents": len({ids[row] for row in np.flatnonzero(kept).tolist()})}
        if "spurious" in scores.column_names:
            notes["spurious"] = int(scores["spurious"].to_numpy()[kept].sum())
        return Outcome(len(right), rows.num_rows, {reason: count for reason, count in rejected.items() if count}, notes=notes)
