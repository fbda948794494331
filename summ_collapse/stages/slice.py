"""`slice`: the first of the nested slices of the real rows, or those of one part of the world in it, as rows to train on."""

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, JsonValue

from summ_collapse import store
from summ_collapse.errors import InputError
from summ_collapse.records import REAL, rows_of
from summ_collapse.stages.prepare import between, slice_rows
from summ_collapse.stages.size import Size
from summ_collapse.stages.stage import Context, Outcome, Stage


class Slice(Stage):
    """A share of the real rows, in source order; smaller shares are part of larger ones."""

    kind: ClassVar[str] = "slice"
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples"}
    gives: ClassVar[str] = "rows"
    share: float = Field(gt=0, le=1, description="share of the training rows (0-1]")
    after: float = Field(0.0, ge=0, lt=1, description="share of the training rows that come before these and are left out")
    only: dict[str, list[str]] | None = Field(
        None, description="by column of the examples: the values that stay; all where absent"
    )

    def described(self) -> dict[str, JsonValue]:
        """Without what a whole slice does not have."""
        return self.model_dump(mode="json", exclude=None if self.after else {"after"}, exclude_none=True)

    def size(self, of: Mapping[str, Size]) -> Size:
        examples = of["examples"]
        rows = examples.rows
        left = None if rows is None else slice_rows(rows, self.share) - slice_rows(rows, self.after)
        return Size(left, completion=examples.completion)

    def run(self, context: Context) -> Outcome:
        """Write `rows.parquet`."""
        examples = context.inputs["examples"].table("train")
        part = between(examples, slice_rows(examples.num_rows, self.after), slice_rows(examples.num_rows, self.share))
        beyond = examples.num_rows - part.num_rows
        lacking = part["summary"].null_count
        if lacking and self.share < 1:
            there = examples.num_rows - examples["summary"].null_count
            raise InputError(
                f"{context.name}: a share of {self.share:g} is {part.num_rows} rows, and {there} of {examples.num_rows} have a "
                f"reference; expected a slice of at most {there / examples.num_rows:.4g}"
            )
        part = part.filter(part["summary"].is_valid())
        labelled = part.num_rows
        for column, values in (self.only or {}).items():
            part = _only(part, column, values, context.name)
        samples = pa.array([0] * part.num_rows, pa.int32())
        store.write_table(context.out / "rows.parquet", rows_of(part["id"], samples, part["summary"], REAL))
        left = {"beyond the slice": beyond, "no reference": examples.num_rows - beyond - labelled}
        left["of another part"] = labelled - part.num_rows
        return Outcome(examples.num_rows, part.num_rows, {reason: rows for reason, rows in left.items() if rows})


def _only(rows: pa.Table, column: str, values: list[str], name: str) -> pa.Table:
    """The rows whose column has one of these values; InputError where there is no such column or row."""
    if column not in rows.column_names:
        raise InputError(f"{name}: only: expected one of the columns {', '.join(rows.column_names)}, got {column!r}")
    found = rows.filter(pc.is_in(rows[column].cast(pa.string()), pa.array(values, pa.string())))
    if not found.num_rows:
        there = sorted({str(value) for value in rows[column].to_pylist()})[:10]
        raise InputError(f"{name}: only.{column}: no row has any of {', '.join(values)}; there are {', '.join(there)}")
    return found
