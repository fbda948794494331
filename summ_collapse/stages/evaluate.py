"""`evaluate`: predictions for the test rows, greedily, and every metric an example."""

import re
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field, JsonValue

from summ_collapse import store
from summ_collapse.metrics import diversity
from summ_collapse.metrics.references import labelled
from summ_collapse.metrics.scoring import score_pairs
from summ_collapse.records import CANDIDATE
from summ_collapse.stages.completing import Completed, Completing
from summ_collapse.stages.reading import MODELS, Reading
from summ_collapse.stages.size import Lengths, Size, Work
from summ_collapse.stages.stage import Context, Outcome, Stage


class Evaluate(Stage):
    """A model on the test rows, or their documents' first sentences where none is given."""

    kind: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 3  # in bfloat16 an adapter is merged where the weights can hold it
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples"}
    further: ClassVar[Mapping[str, str]] = MODELS
    gives: ClassVar[str] = "predictions"
    launch: ClassVar[str | None] = "evaluate"
    metrics: list[str] = Field(min_length=1)
    completing: Completing | None = None

    @property
    def reads(self) -> Reading | None:
        return self.completing.reading if self.completing else None

    def size(self, of: Mapping[str, Size]) -> Size:
        return Size(of["examples"].test)

    def chunks(self, of: Mapping[str, Size]) -> int | None:
        return self.completing.chunks(of["examples"].test) if self.completing else None

    def work(self, of: Mapping[str, Size], lengths: Lengths) -> Work | None:
        return self.completing.work(of["examples"].test, lengths) if self.completing else None

    def run(self, context: Context) -> Outcome:
        """Write `predictions.parquet`: the candidate columns, then one per metric, 0-1."""
        examples = context.inputs["examples"].table("test")
        if self.completing is None:
            completed = Completed(_lead(examples), 0, 0)
            context.progress(examples.num_rows, examples.num_rows)
        else:
            completed = self.completing.complete(context, examples)
        predictions, notes = scored(completed.candidates, examples, self.metrics)
        store.write_table(context.out / "predictions.parquet", predictions)
        notes |= {"hit_the_limit": completed.hit_the_limit, "truncated": completed.truncated}
        if self.completing:
            notes["documents_a_chunk"] = self.completing.documents_a_chunk(examples.num_rows)
        tokens = completed.prompt_tokens + completed.generated_tokens
        return Outcome(examples.num_rows, predictions.num_rows, tokens=tokens, notes=notes)


def scored(predictions: pa.Table, examples: pa.Table, metrics: list[str]) -> tuple[pa.Table, dict[str, JsonValue]]:
    """Predictions with a column a metric, 0-1, and what a manifest notes of them: means, 0-100, and how varied they are."""
    texts = predictions["candidate"].to_pylist()
    scores = score_pairs(texts, labelled(examples), metrics, examples["document"].to_pylist())
    for name, values in scores.items():
        predictions = predictions.append_column(name, pa.array(values, pa.float64()))
    notes: dict[str, JsonValue] = {
        "means": {name: 100 * float(values.mean()) for name, values in scores.items()},
        "diversity": {"distinct_2": diversity.distinct(texts, 2), "compression_ratio": diversity.compression_ratio(texts)},
    }
    return predictions, notes


def _lead(examples: pa.Table) -> pa.Table:
    """The first sentence of each document: what a summary costs without any model."""
    leads = [first_sentence(document) for document in examples["document"].to_pylist()]
    rows = len(leads)
    columns = [examples["id"], pa.array([0] * rows), leads, pa.array([0] * rows), ["stop"] * rows]
    return pa.table(columns, names=CANDIDATE.names).cast(CANDIDATE)


def first_sentence(document: str) -> str:
    """Up to the first full stop, question or exclamation mark that ends a word, or line's end."""
    text = document.strip().split("\n")[0]
    match = re.search(r"[.!?][\"')\]]*(?=\s|$)", text)
    return text[: match.end()] if match else text
