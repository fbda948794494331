"""Stages say how far they are, from where they go on, in steps and tokens or in rows."""

import math
from pathlib import Path

import pyarrow as pa
import pytest

from summ_collapse.errors import Stopped
from summ_collapse.models.encoded import EncodedRows
from summ_collapse.models.encoder import Encoded
from summ_collapse.recipe.blocks import Training
from summ_collapse.stages.chunks import in_chunks
from summ_collapse.stages.fitting import fit_of
from summ_collapse.stages.stage import Context


class Told:
    """What a stage said, and when it is to stop."""

    def __init__(self, folder: Path, stop_at: int | None = None) -> None:
        self.said: list[tuple[int, int, str, int]] = []
        self.stop_at = stop_at
        self.context = Context("verify/any", {}, 0, folder, folder / "out", 100, self, stop=self.stop)

    def __call__(self, done: int, total: int, unit: str = "rows", tokens: int = 0) -> None:
        self.said.append((done, total, unit, tokens))

    def stop(self) -> bool:
        return self.said[-1][0] == self.stop_at


def rows(span: range, index: int) -> pa.Table:
    return pa.table({"row": list(span)})


def test_chunks_are_told_in_rows_from_where_they_go_on(tmp_path: Path) -> None:
    first = Told(tmp_path, stop_at=8)
    with pytest.raises(Stopped):
        in_chunks(first.context, 10, 4, rows)
    assert first.said == [(done, 10, "rows", 0) for done in (0, 4, 8)]
    second = Told(tmp_path)
    assert in_chunks(second.context, 10, 4, rows)["row"].to_pylist() == list(range(10))
    assert second.said == [(8, 10, "rows", 0), (10, 10, "rows", 0)]


def test_training_is_told_in_steps_with_the_tokens_of_a_mean_step(tmp_path: Path) -> None:
    told = Told(tmp_path)
    lengths = [5, 7, 9, 30, 31]
    encoded = EncodedRows.of([Encoded(list(range(length)), 1, truncated=False) for length in lengths])
    training = Training(steps=6, learning_rate=1e-3, batch_size=2)
    settings = fit_of(told.context, training, "float32", 0, encoded)
    settings.progress(6, 6)  # two epochs of three steps
    assert told.said == [(6, 6, "step", 2 * sum(lengths))]
    assert math.ceil(len(lengths) / 2) == 3
