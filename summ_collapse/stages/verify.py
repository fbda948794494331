"""`verify`: a score for every candidate, higher better, by one verifier."""

from functools import cache

import numpy as np
import pyarrow as pa

from summ_collapse import store
from summ_collapse.plugins import plugin
from summ_collapse.records import SCORE, check, keys_of
from summ_collapse.stages.chunked import in_chunks
from summ_collapse.stages.stage import Context, Outcome
from summ_collapse.verifiers.request import Request


def run(context: Context) -> Outcome:
    """Write `scores.parquet`, a row a candidate. Scores that are NaN stay in the table, are counted, and are never selected."""
    verifier = plugin("verifiers", context.config["verifier"]["kind"]).model_validate(context.config["verifier"])
    examples = context.inputs["examples"].table("train", ["id", "document", "summary"])
    place_of = {identifier: row for row, identifier in enumerate(examples["id"].to_pylist())}
    documents, references = examples["document"].to_pylist(), examples["summary"].to_pylist()
    candidates = context.inputs["candidates"].table("candidates")
    keys, texts = keys_of(candidates), candidates["candidate"].to_pylist()
    sources = {name: context.inputs[f"scores of {name}"].table("scores", ["score"])["score"] for name in verifier.sources}

    def work_on(rows: range, index: int) -> pa.Table:
        places = [place_of[keys[row][0]] for row in rows]
        request = Request(
            keys=[keys[row] for row in rows],
            candidates=[texts[row] for row in rows],
            documents=[documents[place] for place in places],
            references=[references[place] for place in places],
            seed=context.seed,
            batch_size=context.config.get("batch_size", 1),
            reader=reader,
            scores={name: scores.to_numpy()[rows.start : rows.stop] for name, scores in sources.items()},
        )
        scored = verifier.score(request)
        ids, samples = zip(*request.keys, strict=True)
        columns = {"id": list(ids), "sample": pa.array(samples, pa.int32()), "score": scored.score.astype(np.float64)}
        return pa.table({**columns, **scored.columns})

    @cache
    def reader() -> tuple[object, object]:
        from summ_collapse.models.loading import compute_dtype, load_model
        from summ_collapse.stages.models import encoder_of, source_of

        source = source_of(context)
        model = load_model(source, compute_dtype(context.config["dtype"]))
        return model, encoder_of(context, source, 1)

    # Who reads others' scores ranks all candidates at once; everybody else sees whole documents.
    scores = in_chunks(context, len(keys), context.config.get("chunk_size", len(keys)), work_on)
    store.write_table(context.out / "scores.parquet", check(scores, SCORE, "scores"))
    tokens = int(sum(scores["n_tokens"].to_pylist())) if "n_tokens" in scores.column_names else 0
    nan = int(np.isnan(scores["score"].to_numpy()).sum())
    return Outcome(len(keys), scores.num_rows, tokens=tokens, notes={"nan_scores": nan})
