"""`blend`: real rows and synthetic ones as one table, with what the real ones weigh as a whole.

Weights are scaled so that a row weighs 1 on the average: batches are as large, and steps as long, as of any other table.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field, JsonValue

from summ_collapse import store
from summ_collapse.errors import ArmFailed
from summ_collapse.records import ROWS, keys_of
from summ_collapse.selection.order import by_hash
from summ_collapse.stages.mix import rows_of_part
from summ_collapse.stages.size import Size
from summ_collapse.stages.stage import Context, Outcome, Stage
from summ_collapse.theory.mixing import Weighing, weight_of

REAL, SYNTHETIC = "real", "synthetic"  # parts, as `rows of PART` or `candidates of PART`


class Blend(Stage):
    """All real rows, and as many synthetic ones as are asked for, drawn by hash of their keys."""

    kind: ClassVar[str] = "blend"
    inputs: ClassVar[Mapping[str, str]] = {}
    further: ClassVar[Mapping[str, str]] = {"rows of *": "rows", "candidates of *": "candidates"}
    gives: ClassVar[str] = "rows"
    synthetic: int | None = Field(None, gt=0, description="synthetic rows; all that there are where absent")
    weight: Weighing | float = Field(
        "pooled",
        description="of the real rows as a whole, 0-1: as many rows count (pooled), half, or the optimum of a Gaussian mean",
    )
    source: str = Field(description="what synthetic rows say of where they come from")

    def size(self, of: Mapping[str, Size]) -> Size:
        made = of.get(f"rows of {SYNTHETIC}") or of[f"candidates of {SYNTHETIC}"]
        real = of.get(f"rows of {REAL}", Size(0, completion=made.completion))
        there = made.rows if self.synthetic is None else self.synthetic
        return Size(None if real.rows is None or there is None else real.rows + there, completion=made.completion)

    def run(self, context: Context) -> Outcome:
        """Write `rows.parquet`, real rows first; ArmFailed where fewer synthetic rows are there than are asked for."""
        made = rows_of_part(context, SYNTHETIC, self.source)
        real = rows_of_part(context, REAL) if f"rows of {REAL}" in context.inputs else made.slice(0, 0)
        rows_in = made.num_rows + real.num_rows
        count = made.num_rows if self.synthetic is None else self.synthetic
        if count > made.num_rows:
            raise ArmFailed(f"expected {count} synthetic rows, and {made.num_rows} are there", rows_in)
        made = made.filter(pa.array(by_hash(f"blend {context.seed}", keys_of(made)) < count))
        notes: dict[str, JsonValue] = {"real_rows": real.num_rows, "synthetic_rows": count}
        if real.num_rows and self.weight != "pooled":
            # Pooled weights are 1 to the last bit, and so leave the loss as it is.
            share = weight_of(self.weight, real.num_rows / count)
            together = real.num_rows + count
            real = _weighed(real, share * together / real.num_rows)
            made = _weighed(made, (1 - share) * together / count)
            notes["real_weight"] = share
        rows = pa.concat_tables([real, made])
        store.write_table(context.out / "rows.parquet", rows)
        beyond = rows_in - rows.num_rows
        return Outcome(rows_in, rows.num_rows, {"beyond what is asked for": beyond} if beyond else {}, notes=notes)


def _weighed(table: pa.Table, weight: float) -> pa.Table:
    weights = table["weight"].to_numpy() * weight
    return table.set_column(ROWS.get_field_index("weight"), "weight", pa.array(weights.astype(np.float64), pa.float64()))
