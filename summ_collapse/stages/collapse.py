"""`collapse`: how far a model is from the real texts: what it writes for the test rows, and how likely it finds real ones."""

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa
from pydantic import JsonValue

from summ_collapse import store
from summ_collapse.stages.chunks import in_chunks
from summ_collapse.stages.reading import MODELS, Reading
from summ_collapse.stages.size import Lengths, Size, Work, parts
from summ_collapse.stages.stage import Context, Outcome, Stage

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from summ_collapse.models.encoder import Encoder


class Collapse(Stage):
    """Measures of the texts beside the real training summaries, and the loss on the real test summaries."""

    kind: ClassVar[str] = "collapse"
    version: ClassVar[int] = 2  # without the measures of the real test summaries, which are the same for every model
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples", "predictions": "predictions"}
    further: ClassVar[Mapping[str, str]] = MODELS
    gives: ClassVar[str] = "collapse"
    launch: ClassVar[str | None] = "evaluate"
    preload: ClassVar[tuple[str, ...]] = ("summ_collapse.models.likelihood",)
    reading: Reading
    batch_size: int
    chunk_size: int

    @property
    def reads(self) -> Reading:
        return self.reading

    def size(self, of: Mapping[str, Size]) -> Size:
        return Size(of["examples"].test)

    def chunks(self, of: Mapping[str, Size]) -> int | None:
        return parts(of["examples"].test, self.chunk_size)

    def work(self, of: Mapping[str, Size], lengths: Lengths) -> Work:
        return Work(
            "score",
            rows=of["examples"].test,
            prompt=self.reading.mean_prompt(lengths.document),
            completion=lengths.summary,
            longest_prompt=self.reading.longest_prompt,
            longest_completion=lengths.longest_completion,
            batch=self.batch_size,
        )

    def run(self, context: Context) -> Outcome:
        """Write `collapse.parquet`: of every real test summary its log-likelihood in nats and its tokens; measures are notes."""
        from summ_collapse.metrics.collapse import measures
        from summ_collapse.models.likelihood import completion_likelihoods

        examples = context.inputs["examples"]
        test = examples.table("test", ["id", "document", "summary"])
        ids, documents, summaries = (test[name].to_pylist() for name in test.column_names)
        real = examples.table("train", ["summary"])["summary"].to_pylist()
        written = context.inputs["predictions"].table("predictions", ["candidate"])["candidate"].to_pylist()

        @cache
        def reader() -> "tuple[PreTrainedModel, Encoder]":
            from summ_collapse.models.loading import compute_dtype, load_model

            source = self.reading.source(context.inputs)
            return load_model(source, compute_dtype(source.dtype)), self.reading.encoder(source, 1)

        def work_on(rows: range, index: int) -> pa.Table:
            part = slice(rows.start, rows.stop)
            total, tokens = completion_likelihoods(*reader(), documents[part], summaries[part], self.batch_size)
            return pa.table({"id": ids[part], "log_likelihood": total, "n_tokens": tokens})

        table = in_chunks(context, len(ids), self.chunk_size, work_on)
        store.write_table(context.out / "collapse.parquet", table)
        tokens = int(sum(table["n_tokens"].to_pylist()))
        loss = -math.fsum(table["log_likelihood"].to_pylist()) / tokens
        found: dict[str, JsonValue] = {**measures(written, real), "real_loss": loss}
        return Outcome(len(ids), table.num_rows, tokens=tokens, notes={"measures": found})
