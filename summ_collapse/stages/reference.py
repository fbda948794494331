"""`reference`: how likely the model that a preference training starts from finds both sides of every pair, asked once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa

from summ_collapse import store
from summ_collapse.errors import ArmFailed
from summ_collapse.stages.chunks import in_chunks
from summ_collapse.stages.pairs import encoded
from summ_collapse.stages.reading import MODELS, Reading
from summ_collapse.stages.size import Lengths, Size, Work, parts
from summ_collapse.stages.stage import Context, Outcome, Stage

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SIDES = ("chosen", "rejected")


def column(side: str) -> str:
    """Where a side's log-probability stands, in nats."""
    return f"{side}_log_probability"


class Reference(Stage):
    """The pairs, with two more columns; those whose sides share no prefix in this model's tokens are counted rejections."""

    kind: ClassVar[str] = "reference"
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples", "pairs": "pairs"}
    further: ClassVar[Mapping[str, str]] = MODELS
    gives: ClassVar[str] = "pairs"
    launch: ClassVar[str | None] = "verify"
    preload: ClassVar[tuple[str, ...]] = ("summ_collapse.models.likelihood",)
    reading: Reading
    batch_size: int
    chunk_size: int

    @property
    def reads(self) -> Reading:
        return self.reading

    def size(self, of: Mapping[str, Size]) -> Size:
        return of["pairs"]

    def chunks(self, of: Mapping[str, Size]) -> int | None:
        return parts(of["pairs"].rows, self.chunk_size)

    def work(self, of: Mapping[str, Size], lengths: Lengths) -> Work:
        pairs = of["pairs"]
        return self.reading.scoring(None if pairs.rows is None else 2 * pairs.rows, pairs.completion, lengths, self.batch_size)

    def run(self, context: Context) -> Outcome:
        """Write `pairs.parquet`; ArmFailed where there is no pair to learn from."""
        from summ_collapse.models.likelihood import sequence_likelihoods
        from summ_collapse.models.loading import compute_dtype, load_model

        source = self.reading.source(context.inputs)
        encoder = self.reading.encoder(source, 1)
        pairs = encoded(context, encoder)
        if not pairs.ids:
            raise ArmFailed("no document has a pair to learn from", pairs.apart)
        opened: list[PreTrainedModel] = []

        def work_on(rows: range, index: int) -> pa.Table:
            if not opened:
                opened.append(load_model(source, compute_dtype(source.dtype)))
            ours = [pairs.ids[row] for row in rows]
            endings = [one.chosen for one in ours] + [one.rejected for one in ours]
            sequences = [one.prompt + ending for one, ending in zip([*ours, *ours], endings, strict=True)]
            counts = [len(ending) for ending in endings]
            found = sequence_likelihoods(opened[0], encoder.pad, sequences, counts, self.batch_size)
            return pa.table({column(side): part for side, part in zip(SIDES, np.split(found, 2), strict=True)})

        found = in_chunks(context, len(pairs.ids), self.chunk_size, work_on)
        table = pairs.table
        for side in SIDES:
            table = table.append_column(column(side), found[column(side)])
        store.write_table(context.out / "pairs.parquet", table)
        tokens = sum(one.length for one in pairs.ids)
        rejected = {"sides whose tokens share no prefix": pairs.apart} if pairs.apart else {}
        return Outcome(table.num_rows + pairs.apart, table.num_rows, rejected, tokens=tokens)
