"""`collapse`: how far a model is from the real texts: what it writes for the test rows, and how likely it finds real ones."""

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa
from pydantic import Field, JsonValue, SerializeAsAny

from summ_collapse import store
from summ_collapse.stages.chunks import in_chunks
from summ_collapse.stages.reading import MODELS, Reading
from summ_collapse.stages.size import Lengths, Size, Work, parts
from summ_collapse.stages.stage import Context, Outcome, Stage
from summ_collapse.tasks.law import Law

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from summ_collapse.models.encoder import Encoder

SUMS = ("log_likelihood", "entropy", "collision")  # over the tokens of each row


class Collapse(Stage):
    """Measures of the texts beside the real training summaries, and the loss on the real test summaries."""

    kind: ClassVar[str] = "collapse"
    version: ClassVar[int] = 3  # with the entropy and the sum of squares of what the model expects next
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples", "predictions": "predictions"}
    further: ClassVar[Mapping[str, str]] = MODELS
    gives: ClassVar[str] = "collapse"
    launch: ClassVar[str | None] = "evaluate"
    preload: ClassVar[tuple[str, ...]] = ("summ_collapse.models.next_token",)
    reading: Reading
    law: SerializeAsAny[Law] | None = Field(None, description="what the task knows of how its summaries come about")
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
        return self.reading.scoring(of["examples"].test, lengths.summary, lengths, self.batch_size)

    def run(self, context: Context) -> Outcome:
        """Write `collapse.parquet`, a row a real test summary: its log-likelihood, the entropies and sums of squares of what the
        model expected at each of its tokens, added up, and its tokens. Measures are notes.
        """
        from summ_collapse.metrics.collapse import measures
        from summ_collapse.models.next_token import next_token_sums, next_words

        examples = context.inputs["examples"]
        test = examples.table("test", ["id", "document", "summary"])
        ids, documents, summaries = (test[name].to_pylist() for name in test.column_names)
        real = examples.table("train", ["summary"])["summary"].drop_null().to_pylist()
        written = context.inputs["predictions"].table("predictions", ["candidate"])["candidate"].to_pylist()

        @cache
        def reader() -> "tuple[PreTrainedModel, Encoder]":
            from summ_collapse.models.loading import compute_dtype, load_model

            source = self.reading.source(context.inputs)
            return load_model(source, compute_dtype(source.dtype)), self.reading.encoder(source, 1)

        def work_on(rows: range, index: int) -> pa.Table:
            part = slice(rows.start, rows.stop)
            found = next_token_sums(*reader(), documents[part], summaries[part], self.batch_size)
            sums = {name: getattr(found, name) for name in SUMS}
            return pa.table({"id": ids[part], **sums, "n_tokens": found.tokens})

        table = in_chunks(context, len(ids), self.chunk_size, work_on)
        store.write_table(context.out / "collapse.parquet", table)
        tokens = int(sum(table["n_tokens"].to_pylist()))
        likelihood, entropy, collision = (math.fsum(table[name].to_pylist()) / tokens for name in SUMS)
        found = {"real_loss": -likelihood, "next_token_entropy": entropy, "collision": collision, **measures(written, real)}
        if self.law is not None:
            found |= self.law.of_texts(written, real)
            found |= self.law.of_model(lambda prefixes, words: next_words(*reader(), documents[0], prefixes, words))
        notes: dict[str, JsonValue] = {"measures": dict(found)}
        return Outcome(len(ids), table.num_rows, tokens=tokens, notes=notes)
