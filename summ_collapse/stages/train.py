"""`train`: fine-tune on a slice of the real data, on all candidates, or on a selection of them."""

import pyarrow as pa
import torch
from transformers import PreTrainedModel

from summ_collapse.errors import Stopped
from summ_collapse.models.loading import ADAPTER_CONFIG, ModelSource, compute_dtype, load_model, load_quantised, positions
from summ_collapse.models.training import Fit, fit
from summ_collapse.recipe.blocks import Training
from summ_collapse.records import keys_of
from summ_collapse.stages.models import encoder_of, source_of
from summ_collapse.stages.prepare import slice_of
from summ_collapse.stages.stage import Context, Outcome, ShareDone


def run(context: Context) -> Outcome:
    """Loss on the completion and its EOS only; every row of the input is trained on."""
    training = Training.model_validate(context.config["training"])
    documents, completions = _rows(context)
    source = source_of(context, "base")
    encoder = encoder_of(context, source, 1)
    rows = encoder.encode(documents, completions)
    encoder.check_room(positions(source), max(len(row.ids) - row.prompt_length for row in rows))
    dtype = compute_dtype(context.config["dtype"])
    trained = fit(
        _model(source, training, dtype),
        encoder.tokenizer,
        rows,
        fit_of(context, training, context.seed),
        context.out,
        below=context.config["below"],
    )
    if not trained.finished:
        raise Stopped(context.name)
    if not context.world.first:
        raise ShareDone
    assert (context.out / ADAPTER_CONFIG).is_file() == training.adapter
    notes = {
        "steps": trained.steps,
        "loss": trained.loss,
        "resumed_from_step": trained.resumed_from,
        "trainable_parameters": trained.trainable_parameters,
        "truncated": sum(row.truncated for row in rows),
    }
    return Outcome(len(rows), len(rows), tokens=trained.tokens, notes=notes)


def _model(source: ModelSource, training: Training, dtype: torch.dtype) -> PreTrainedModel:
    if training.method == "qlora":
        return load_quantised(source, dtype)
    # Full fine-tuning keeps float32 masters; below an adapter the weights are frozen and need none.
    return load_model(source, torch.float32 if training.method == "full" else dtype, merge=True)


def fit_of(context: Context, training: Training, seed: int) -> Fit:
    """How a stage's training runs."""
    return Fit(
        training,
        seed,
        compute_dtype(context.config["dtype"]),
        context.work,
        context.checkpoint_steps,
        context.progress,
        context.world,
        context.stop,
    )


def _rows(context: Context) -> tuple[list[str], list[str]]:
    """Documents and what the model should answer."""
    wanted = context.config["rows"]
    columns = ["id", "document", "summary", "slice_rank"]
    examples = context.inputs["examples"].table("train", columns)
    if wanted["from"] == "slice":
        part = slice_of(examples, wanted["share"])
        return part["document"].to_pylist(), part["summary"].to_pylist()
    candidates = context.inputs["candidates"].table("candidates", ["id", "sample", "candidate"])
    if wanted["from"] == "selection":
        kept = set(keys_of(context.inputs["selection"].table("selection", ["id", "sample"])))
        candidates = candidates.filter(pa.array([key in kept for key in keys_of(candidates)], pa.bool_()))
    document_of = dict(zip(examples["id"].to_pylist(), examples["document"].to_pylist(), strict=True))
    return [document_of[identifier] for identifier in candidates["id"].to_pylist()], candidates["candidate"].to_pylist()
