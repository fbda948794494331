"""`mix`: several tables one behind the other, as rows to train on, each with a weight and a share of its rows.

Candidates are taken as they are, so that a mixture of one pool alone is the pool unfiltered. Where a mixture is to have as many
rows as one of its parts, each part gives what falls to it.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field, JsonValue

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
    total: str | None = Field(
        None, description="the part whose share of rows is that of the whole mixture; all of all where absent"
    )
    evenly: Literal["rows", "parts"] = Field("rows", description="under a total: every row has one chance, or every part")
    apart: bool = Field(False, description="of a key that all parts have, the row of one of them: each gives as many")

    def described(self) -> dict[str, JsonValue]:
        """Without what a mixture of whole shares ignores."""
        unused = (set() if self.apart else {"apart"}) | ({"total", "evenly"} if self.total is None else set())
        # Under a total rows were once drawn alike in every generation.
        anew: dict[str, JsonValue] = {} if self.total is None else {"drawn": 2}
        return self.model_dump(mode="json", exclude=unused) | anew

    def size(self, of: Mapping[str, Size]) -> Size:
        sizes = [(of.get(f"rows of {name}") or of[f"candidates of {name}"], part) for name, part in self.parts.items()]
        if any(size.rows is None for size, _ in sizes):
            return Size(None)
        # The longest stands for all: a plan would rather promise too much memory than too little.
        completion = max((size.completion for size, _ in sizes if size.completion is not None), default=None)
        each = len(self.parts) if self.apart else 1
        rows = {name: round((size.rows or 0) * part.share / each) for name, (size, part) in zip(self.parts, sizes, strict=True)}
        return Size(sum(self._quotas(rows).values()), completion=completion)

    def _quotas(self, rows: Mapping[str, int]) -> dict[str, int]:
        """How many rows each part gives, of those that its share allows."""
        return dict(rows) if self.total is None else quotas(rows, rows[self.total], self.evenly)

    def run(self, context: Context) -> Outcome:
        """Write `rows.parquet`; rows beyond a part's share are counted rejections."""
        tables = {name: rows_of_part(context, name) for name in self.parts}
        rows_in = sum(table.num_rows for table in tables.values())
        purpose = f"mix {context.seed}"
        if self.apart:
            tables = {name: _turn(table, place, len(tables), purpose) for place, (name, table) in enumerate(tables.items())}
        if self.total is not None:
            # A draw of its own for every mixture: what one generation left out another may take.
            purpose = f"{purpose} {' '.join(sorted(one.manifest['fingerprint'] for one in context.inputs.values()))}"
        counts = self._quotas({name: round(tables[name].num_rows * part.share) for name, part in self.parts.items()})
        parts = [
            _part(tables[name], counts[name], part.weight, purpose if self.total is None else f"{purpose} {name}")
            for name, part in self.parts.items()
        ]
        rows = pa.concat_tables(parts)
        store.write_table(context.out / "rows.parquet", rows)
        beyond = rows_in - rows.num_rows
        return Outcome(rows_in, rows.num_rows, {"beyond its share": beyond} if beyond else {})


def quotas(rows: Mapping[str, int], total: int, evenly: str) -> dict[str, int]:
    """How many of each part's rows come to `total` in all, as even as can be; all where there are fewer.

    Every row has one chance (`rows`), or every part, where what one lacks falls to the others (`parts`).
    """
    weights = {name: float(count) if evenly == "rows" else 1.0 for name, count in rows.items()}
    found = dict.fromkeys(rows, 0)
    left = min(total, sum(rows.values()))
    waiting = sorted(rows, key=lambda name: rows[name] / weights[name] if weights[name] else 0.0)  # what lacks most is first
    for place, name in enumerate(waiting):
        weight = sum(weights[other] for other in waiting[place:])
        found[name] = min(rows[name], round(left * weights[name] / weight)) if weight else 0
        left -= found[name]
    return found


def _turn(table: pa.Table, turn: int, turns: int, purpose: str) -> pa.Table:
    """The rows whose turn it is, by hash of their keys; equal keys of another table have the same turn."""
    return table.filter(pa.array(by_hash(f"{purpose} apart", keys_of(table)) % turns == turn))


def _part(table: pa.Table, count: int, weight: float, purpose: str) -> pa.Table:
    """So many rows of a table, drawn by hash of their keys, with their weights times `weight`."""
    chosen = by_hash(purpose, keys_of(table)) < count
    weights = pa.array(table["weight"].to_numpy() * weight, pa.float64())
    return table.set_column(ROWS.get_field_index("weight"), "weight", weights).filter(pa.array(chosen))


def rows_of_part(context: Context, name: str, source: str | None = None) -> pa.Table:
    """A part as Rows, whichever of both it is; `source` is what candidates are said to be from, their part where absent."""
    if f"rows of {name}" in context.inputs:
        return context.inputs[f"rows of {name}"].table("rows", ROWS.names)
    candidates = context.inputs[f"candidates of {name}"].table("candidates", ["id", "sample", "candidate"])
    return rows_of(candidates["id"], candidates["sample"], candidates["candidate"], source or name)
