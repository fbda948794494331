"""`theirs`: predictions for the test rows that somebody else's model wrote, scored as an arm's own are."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, JsonValue

from summ_collapse import store
from summ_collapse.errors import InputError
from summ_collapse.files.columns import CANDIDATE as TEXT
from summ_collapse.files.columns import ID, read_columns
from summ_collapse.recipe.resolve import Name, described
from summ_collapse.recipe.theirs import Theirs as Block
from summ_collapse.records import CANDIDATE
from summ_collapse.stages.evaluate import scored
from summ_collapse.stages.size import Size
from summ_collapse.stages.stage import Context, Outcome, Stage


class Theirs(Stage):
    """A file of predictions, matched to the test rows by id."""

    kind: ClassVar[str] = "theirs"
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples"}
    gives: ClassVar[str] = "predictions"
    metrics: list[str] = Field(min_length=1)
    block: Block
    names: dict[str, Name] = Field(description="what the file's name stands for")

    def described(self) -> dict[str, JsonValue]:
        """With the file's content in the place of its name."""
        return {"metrics": list(self.metrics), "block": described(self.block, self.names)}

    def size(self, of: Mapping[str, Size]) -> Size:
        return Size(of["examples"].test)

    def run(self, context: Context) -> Outcome:
        """Write `predictions.parquet`, a row a test row. InputError where one lacks; predictions of other rows are counted."""
        examples = context.inputs["examples"].table("test")
        path = Path(self.block.predictions)
        given = read_columns(path, [ID, TEXT])
        if "id" not in given.column_names:
            raise InputError(f"{path}: expected rows with `id` and `candidate`, got plain lines")
        again = given.num_rows - pc.count_distinct(given["id"]).as_py()
        if again:
            raise InputError(f"{path}: expected each id once, got {again} again")
        places = pc.index_in(examples["id"], value_set=given["id"].combine_chunks())
        if places.null_count:
            first = examples["id"][int(np.flatnonzero(places.is_null().to_numpy())[0])].as_py()
            raise InputError(
                f"{path}: expected a prediction for each of {examples.num_rows} test rows, got none for {places.null_count} "
                f"(first: id {first!r}); `summ-collapse export DIR --test` lists them"
            )
        rows = examples.num_rows
        # How many tokens a text has for a model that nobody has here is unknown, as is whether it was cut off.
        columns = [examples["id"], pa.array([0] * rows), given["candidate"].take(places), pa.array([0] * rows), ["stop"] * rows]
        predictions, notes = scored(pa.table(columns, names=CANDIDATE.names).cast(CANDIDATE), examples, self.metrics)
        store.write_table(context.out / "predictions.parquet", predictions)
        context.progress(rows, rows)
        others = given.num_rows - rows
        rejected = {"no test row": others} if others else {}
        return Outcome(given.num_rows, rows, rejected, notes={**notes, "hit_the_limit": 0, "truncated": 0})
