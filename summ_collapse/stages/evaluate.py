"""`evaluate`: predictions for the test rows, greedily, and every metric an example."""

import re

import pyarrow as pa

from summ_collapse import store
from summ_collapse.metrics import diversity
from summ_collapse.metrics.scoring import score_pairs
from summ_collapse.records import CANDIDATE
from summ_collapse.stages.stage import Context, Outcome


def run(context: Context) -> Outcome:
    """Write `predictions.parquet`: the candidate columns, then one per metric, 0-1."""
    examples = context.inputs["examples"].table("test", ["id", "document", "summary"])
    truncated = 0
    if context.config["predictor"] == "lead":
        predictions, tokens = _lead(examples), 0
        context.progress(examples.num_rows, examples.num_rows)
    else:
        from summ_collapse.stages.generate import complete

        predictions, tokens, truncated = complete(context, examples)
        tokens += sum(predictions["n_tokens"].to_pylist())
    texts = predictions["candidate"].to_pylist()
    scores = score_pairs(texts, examples["summary"].to_pylist(), context.config["metrics"])
    for name, values in scores.items():
        predictions = predictions.append_column(name, pa.array(values, pa.float64()))
    store.write_table(context.out / "predictions.parquet", predictions)
    notes = {
        "means": {name: 100 * float(values.mean()) for name, values in scores.items()},
        "hit_the_limit": predictions["finish"].to_pylist().count("length"),
        "truncated": truncated,
        "diversity": {"distinct_2": diversity.distinct(texts, 2), "compression_ratio": diversity.compression_ratio(texts)},
    }
    return Outcome(examples.num_rows, predictions.num_rows, tokens=tokens, notes=notes)


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
