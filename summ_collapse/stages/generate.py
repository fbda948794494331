"""`generate`: candidates for every document of the pool, k a document."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from summ_collapse import store
from summ_collapse.models.generation import Completion, Decoding, generate
from summ_collapse.models.loading import compute_dtype, load_model
from summ_collapse.records import CANDIDATE, check
from summ_collapse.stages.chunked import in_chunks
from summ_collapse.stages.models import encoder_of, source_of
from summ_collapse.stages.prepare import slice_rows
from summ_collapse.stages.stage import Context, Outcome, chunk_seed


def run(context: Context) -> Outcome:
    """Write `candidates.parquet`; documents of the generator's own slice are counted and left out where excluded."""
    examples = context.inputs["examples"].table("train", ["id", "document", "slice_rank"])
    excluded = slice_rows(examples.num_rows, context.config["excluded_slice"])
    pool = examples.filter(pc.greater_equal(examples["slice_rank"], excluded))
    candidates, prompt_tokens, truncated = complete(context, pool)
    store.write_table(context.out / "candidates.parquet", check(candidates, CANDIDATE, "candidates"))
    finishes = candidates["finish"].to_pylist()
    generated = sum(candidates["n_tokens"].to_pylist())
    notes = {
        "candidates": candidates.num_rows,
        "generated_tokens": generated,
        "hit_the_limit": finishes.count("length"),
        "truncated": truncated,
    }
    rejected = {"the generator's own slice": excluded} if excluded else {}
    return Outcome(examples.num_rows, pool.num_rows, rejected, tokens=prompt_tokens + generated, notes=notes)


def complete(context: Context, examples: pa.Table) -> tuple[pa.Table, int, int]:
    """Candidates for all examples, the prompts' tokens, and how many documents were truncated."""
    decoding = Decoding(**context.config["decoding"])
    source = source_of(context)
    encoder = encoder_of(context, source, decoding.max_new_tokens)
    documents = examples["document"].to_pylist()
    ids = examples["id"].to_pylist()
    loaded: list[Any] = []

    def work_on(rows: range, index: int) -> pa.Table:
        if not loaded:  # a stage that finds all its chunks made needs no model
            loaded.append(load_model(source, compute_dtype(context.config["dtype"])))
        seed = chunk_seed(context.seed, context.name, index)
        completions = generate(loaded[0], encoder, [documents[row] for row in rows], decoding, seed)
        return _table([ids[row] for row in rows], completions)

    candidates = in_chunks(context, len(ids), context.config["chunk_size"], work_on)
    prompts = encoder.encode(documents)
    return candidates, sum(len(prompt.ids) for prompt in prompts), sum(prompt.truncated for prompt in prompts)


def _table(ids: list[str], completions: list[list[Completion]]) -> pa.Table:
    rows = [(key, sample, text) for key, texts in zip(ids, completions, strict=True) for sample, text in enumerate(texts)]
    return pa.table(
        {
            "id": [key for key, _, _ in rows],
            "sample": [sample for _, sample, _ in rows],
            "candidate": [completion.text for _, _, completion in rows],
            "n_tokens": [completion.n_tokens for _, _, completion in rows],
            "finish": [completion.finish for _, _, completion in rows],
        },
        schema=CANDIDATE,
    )
