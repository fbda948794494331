"""`slice`: the first of the nested slices of the real rows, as rows to train on."""

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from summ_collapse import store
from summ_collapse.records import REAL, rows_of
from summ_collapse.stages.prepare import slice_of, slice_rows
from summ_collapse.stages.size import Size
from summ_collapse.stages.stage import Context, Outcome, Stage


class Slice(Stage):
    """A share of the real rows, in source order; smaller shares are part of larger ones."""

    kind: ClassVar[str] = "slice"
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples"}
    gives: ClassVar[str] = "rows"
    share: float = Field(gt=0, le=1, description="share of the training rows (0-1]")
    after: float | None = Field(
        None, gt=0, lt=1, description="without the rows of this smaller share; from the first where absent"
    )

    def size(self, of: Mapping[str, Size]) -> Size:
        examples = of["examples"]
        if examples.rows is None:
            return Size(None, completion=examples.completion)
        rows = slice_rows(examples.rows, self.share) - (slice_rows(examples.rows, self.after) if self.after else 0)
        return Size(rows, completion=examples.completion)

    def run(self, context: Context) -> Outcome:
        """Write `rows.parquet`."""
        examples = context.inputs["examples"].table("train", ["id", "summary", "slice_rank"])
        part = slice_of(examples, self.share)
        if self.after is not None:
            part = part.filter(pc.greater_equal(part["slice_rank"], slice_rows(examples.num_rows, self.after)))
        samples = pa.array([0] * part.num_rows, pa.int32())
        store.write_table(context.out / "rows.parquet", rows_of(part["id"], samples, part["summary"], REAL))
        beyond = examples.num_rows - part.num_rows
        return Outcome(examples.num_rows, part.num_rows, {"beyond the slice": beyond} if beyond else {})
