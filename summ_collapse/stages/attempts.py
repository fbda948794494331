"""`attempts`: several answers of a model to every test row, and how many of them are right: pass@1 up to pass@n."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field, JsonValue

from summ_collapse import store
from summ_collapse.metrics.passes import pass_at, powers_up_to
from summ_collapse.metrics.references import labelled
from summ_collapse.metrics.scoring import score_pairs
from summ_collapse.stages.completing import Completing
from summ_collapse.stages.reading import MODELS, Reading
from summ_collapse.stages.size import Lengths, Size, Work
from summ_collapse.stages.stage import Context, Outcome, Stage


class Attempts(Stage):
    """Draws at the recipe's temperature; right is what the metric gives `below` or more."""

    kind: ClassVar[str] = "attempts"
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples"}
    further: ClassVar[Mapping[str, str]] = MODELS
    gives: ClassVar[str] = "attempts"
    launch: ClassVar[str | None] = "evaluate"
    completing: Completing
    metric: str
    below: float = Field(description="an answer that scores less is wrong")

    @property
    def reads(self) -> Reading:
        return self.completing.reading

    def size(self, of: Mapping[str, Size]) -> Size:
        return Size(of["examples"].test)

    def chunks(self, of: Mapping[str, Size]) -> int | None:
        return self.completing.chunks(of["examples"].test)

    def work(self, of: Mapping[str, Size], lengths: Lengths) -> Work:
        return self.completing.work(of["examples"].test, lengths)

    def run(self, context: Context) -> Outcome:
        """Write `attempts.parquet`: id, attempts, right."""
        examples = context.inputs["examples"].table("test")
        samples = self.completing.decoding.samples
        completed = self.completing.complete(context, examples)
        texts = completed.candidates["candidate"].to_pylist()
        references = [one for one in labelled(examples) for _ in range(samples)]
        documents = [one for one in examples["document"].to_pylist() for _ in range(samples)]
        scores = score_pairs(texts, references, [self.metric], documents)[self.metric]
        right = (scores >= self.below).reshape(-1, samples).sum(axis=1)
        columns = {"id": examples["id"], "attempts": np.full(len(right), samples, np.int32), "right": right.astype(np.int32)}
        store.write_table(context.out / "attempts.parquet", pa.table(columns))
        means: dict[str, JsonValue] = {f"pass@{k}": 100 * float(pass_at(k, samples, right).mean()) for k in powers_up_to(samples)}
        tokens = completed.prompt_tokens + completed.generated_tokens
        return Outcome(len(right), len(right), tokens=tokens, notes={"means": means})
