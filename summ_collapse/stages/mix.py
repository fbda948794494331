"""`mix`: several tables one behind the other, as rows to train on, each with a weight and a share of its rows.

Candidates are taken as they are, so that a mixture of one pool alone is the pool unfiltered.
"""

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from summ_collapse import store
from summ_collapse.recipe.blocks import Options
from summ_collapse.records import ROWS, keys_of, rows_of
from summ_collapse.selection.order import by_hash
from summ_collapse.stages.size import Size
from summ_collapse.stages.stage import Context, Outcome, Stage


class Part(Options):
    """How much of one table, and what its rows weigh."""

    share: float = Field(1.0, gt=0, le=1, description="share of the rows, drawn by hash of their keys (0-1]")
    weight: float = Field(1.0, ge=0, description="what the loss of a row is multiplied by, beside its own weight")


class Mix(Stage):
    """Tables in the order of `parts`; a part plays the role `rows of NAME` or `candidates of NAME`."""

    kind: ClassVar[str] = "mix"
    inputs: ClassVar[Mapping[str, str]] = {}
    further: ClassVar[Mapping[str, str]] = {"rows of *": "rows", "candidates of *": "candidates"}
    gives: ClassVar[str] = "rows"
    parts: dict[str, Part] = Field(min_length=1, description="by name, which is the `source` of candidates")

    def size(self, of: Mapping[str, Size]) -> Size:
        sizes = [(of.get(f"rows of {name}") or of[f"candidates of {name}"], part) for name, part in self.parts.items()]
        if any(size.rows is None for size, _ in sizes):
            return Size(None)
        # The longest stands for all: a plan would rather promise too much memory than too little.
        completion = max((size.completion for size, _ in sizes if size.completion is not None), default=None)
        return Size(sum(round((size.rows or 0) * part.share) for size, part in sizes), completion=completion)

    def run(self, context: Context) -> Outcome:
        """Write `rows.parquet`; rows beyond a part's share are counted rejections."""
        tables = [_part(context, name, part) for name, part in self.parts.items()]
        rows = pa.concat_tables([table for table, _ in tables])
        store.write_table(context.out / "rows.parquet", rows)
        rows_in = sum(rows_in for _, rows_in in tables)
        beyond = rows_in - rows.num_rows
        return Outcome(rows_in, rows.num_rows, {"beyond its share": beyond} if beyond else {})


def _part(context: Context, name: str, part: Part) -> tuple[pa.Table, int]:
    """The part's rows, and how many its table has."""
    table = _rows(context, name)
    chosen = by_hash(f"mix {context.seed}", keys_of(table)) < round(table.num_rows * part.share)
    weights = pa.array(table["weight"].to_numpy() * part.weight, pa.float64())
    return table.set_column(ROWS.get_field_index("weight"), "weight", weights).filter(pa.array(chosen)), table.num_rows


def _rows(context: Context, name: str) -> pa.Table:
    """The table as Rows, whichever of both it is."""
    if f"rows of {name}" in context.inputs:
        return context.inputs[f"rows of {name}"].table("rows", ROWS.names)
    candidates = context.inputs[f"candidates of {name}"].table("candidates", ["id", "sample", "candidate"])
    return rows_of(candidates["id"], candidates["sample"], candidates["candidate"], name)
