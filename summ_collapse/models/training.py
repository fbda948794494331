"""Fine-tuning through TRL's trainers: loss on completions only, resumable, in an order of our own.

Rows come encoded (`Encoder.encode`), so TRL neither tokenizes nor truncates. The order of rows is a function of (seed,
epoch) alone, and a checkpoint counts only once its marker is written; so an interrupted run ends in the bytes of an
undisturbed one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)

from summ_collapse.errors import InputError
from summ_collapse.models.checkpoints import Checkpoints, Form, last_checkpoint, left_aside, loss_of
from summ_collapse.models.divergence import Loss, diverged, finite
from summ_collapse.models.early_stopping import Best, Stopping
from summ_collapse.models.loading import device, save
from summ_collapse.models.order import RowOrder, tokens_seen
from summ_collapse.models.sharding import whole_state
from summ_collapse.models.trainers import SUPERVISED, Objective
from summ_collapse.ranks import ALONE, World
from summ_collapse.recipe.blocks import Training

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Fit:
    """How one training runs: what the recipe says, and what changes no result."""

    training: Training
    seed: int
    dtype: torch.dtype
    work: Path
    checkpoint_steps: int
    progress: Progress
    world: World = ALONE
    stop: Callable[[], bool] = lambda: False
    tell: Callable[[str], None] = lambda line: None
    held_out: Callable[[PreTrainedModel], float] | None = None  # the loss that early stopping looks at


class Lesson(Protocol):
    """Encoded rows: what a trainer reads, and how long each is, in tokens."""

    @property
    def table(self) -> Dataset: ...
    @property
    def lengths(self) -> np.ndarray: ...
    def __len__(self) -> int: ...
    def with_filler(self, token: int) -> Dataset: ...


@dataclass(frozen=True)
class Trained:
    """What a training did."""

    finished: bool  # False where it was asked to stop; its last checkpoint is then of the step at which it did
    steps: int
    tokens: int
    loss: float
    resumed_from: int
    trainable_parameters: int
    stopping: Best | None = None  # whose weights were kept, where it was to stop early


def fit(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Lesson,
    settings: Fit,
    folder: Path,
    below: str | None = None,
    objective: Objective = SUPERVISED,
) -> Trained:
    """Train `model` on `rows` and save it whole to `folder`; continues from the last marked checkpoint in `settings.work`.

    Every rank of `settings.world` calls this with the same arguments; the first one saves. `below` is what an adapter's
    configuration names as its base. InputError where the batch cannot be divided among the ranks; ArmFailed, in every rank,
    where a loss or a weight is no finite number.
    """
    training, world = settings.training, settings.world
    if training.dropout is not None and not training.adapter:
        _drop_attention(model, training.dropout)
    seed = _seed(settings)
    set_seed(seed)  # as the trainer does before an adapter begins; other versions of TRL may not
    loss, form = Loss(), Form.of(world)
    checkpoints = form.folder(settings.work)
    # One process has nobody to share a batch with, and its last one is as small as it is.
    shared = rows_a_pass(training, world.size) * world.size if world.size > 1 else 1
    order = RowOrder(rows.lengths, training.batch_size, seed, shared)
    trainer = objective.trainer(
        model=model,
        args=_arguments(settings, checkpoints, objective),
        train_dataset=rows.with_filler(tokenizer.eos_token_id) if order.filling else rows.table,
        processing_class=tokenizer,
        peft_config=_lora(training) if training.adapter else None,
        callbacks=[Checkpoints(world, form, settings.stop, loss), _Epochs(order), _Report(settings.progress)],
    )
    if training.method == "qlora":
        for parameter in trainer.model.parameters():
            if parameter.requires_grad:  # TRL puts adapters over a 4-bit base into bfloat16, where small updates round away
                parameter.data = parameter.data.float()
    trainer.order, trainer.loss = order, loss
    stopping = _stopping(settings, trainer, form)
    trainer.remove_callback(PrinterCallback)
    checkpoint: Path | None = world.from_first(last_checkpoint(checkpoints) if world.first else None)
    for left in left_aside(settings.work, form) if checkpoint is None else ():
        settings.tell(f"{left}, which the launch shape of now cannot read; it is kept until the stage is done")
    loss.total = loss_of(checkpoint) if checkpoint else 0.0
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if not loss.finite:
        raise diverged(f"the loss of step {trainer.state.global_step:,} of {trainer.state.max_steps:,}", rows)
    finished = trainer.state.global_step >= trainer.state.max_steps or (stopping is not None and stopping.ended)
    trained = trainer.accelerator.unwrap_model(trainer.model)
    if finished:
        if stopping is not None:
            stopping.restore(trained)
        # Gathering what is sharded takes all ranks; writing it takes one.
        state = whole_state(trainer.accelerator, trainer.model_wrapped)
        # The last step's loss is that of the weights before it.
        learnt = {name for name, parameter in trained.named_parameters() if parameter.requires_grad}
        if not world.from_first(finite(state, learnt) if world.first else None):
            raise diverged("a weight after the last step", rows)
        if world.first:
            # Masters are float32. A whole model is read in the compute type anyway; of an adapter nothing is rounded away.
            stored = torch.float32 if training.adapter else settings.dtype
            save(trained, tokenizer, folder, state, stored, below)
    return Trained(
        finished=finished,
        steps=trainer.state.global_step,
        tokens=tokens_seen(order, trainer.state.global_step),
        loss=world.mean_of(loss.total) / trainer.state.global_step,
        resumed_from=int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0,
        trainable_parameters=sum(parameter.numel() for parameter in trained.parameters() if parameter.requires_grad),
        stopping=stopping.best if stopping is not None else None,
    )


def _seed(settings: Fit) -> int:
    """Of the order of rows, of dropout, and of an adapter's beginning: another one for every `order` of the recipe."""
    if settings.training.order is None:
        return settings.seed
    return int(np.random.SeedSequence([settings.seed, settings.training.order]).generate_state(1)[0] >> 1)


def _stopping(settings: Fit, trainer: Any, form: Form) -> Stopping | None:
    """What ends the training early, where the recipe has it; it looks before a checkpoint is asked for."""
    how, held_out = settings.training.early_stopping, settings.held_out
    if how is None or held_out is None:
        return None
    if form.shape != "whole":
        raise InputError(f"early_stopping: expected a launch shape that keeps models whole (single, ddp), got {form.shape}")
    stopping = Stopping(how, held_out, settings.work, settings.world, trainer.accelerator.unwrap_model)
    trainer.callback_handler.callbacks.insert(0, stopping)
    return stopping


class _Epochs(TrainerCallback):
    """Tells the order which epoch it is.

    In a training of several ranks that resumes in the middle of an epoch, nobody else does: accelerate's wrapper that skips
    the batches already seen passes `set_epoch` on to a wrapper that has none, and the order would be that of epoch 0.
    """

    def __init__(self, order: RowOrder) -> None:
        self.order = order

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.order.set_epoch(state.global_step // self.order.batches)


class _Report(TrainerCallback):
    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.progress(state.global_step, state.max_steps)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.progress(state.global_step, state.max_steps)


def _arguments(settings: Fit, checkpoints: Path, objective: Objective) -> TrainingArguments:
    training = settings.training
    micro = rows_a_pass(training, settings.world.size)
    arguments = objective.config(
        output_dir=str(checkpoints),
        **objective.options,
        num_train_epochs=training.epochs if training.epochs is not None else 1.0,
        max_steps=training.steps if training.steps is not None else -1,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=training.batch_size // (micro * settings.world.size),
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.schedule,
        warmup_steps=training.warmup_steps,
        weight_decay=training.weight_decay,
        adam_beta2=training.adam_beta2,
        ddp_find_unused_parameters=False,
        gradient_checkpointing=training.gradient_checkpointing,
        bf16=settings.dtype == torch.bfloat16,
        use_cpu=device().type == "cpu",
        seed=_seed(settings),
        data_seed=_seed(settings),
        dataloader_pin_memory=device().type == "cuda",
        save_strategy="steps",
        save_steps=settings.checkpoint_steps,
        logging_strategy="no",
        logging_nan_inf_filter=False,  # it would put an average in the place of a loss that is no number
        report_to="none",
        disable_tqdm=True,
    )
    if arguments.n_gpu > 1:
        # One process that sees several GPUs would wrap the model in DataParallel and multiply the batch by their number.
        arguments._n_gpu = 1
    return arguments


def rows_a_pass(training: Training, ranks: int) -> int:
    """Rows a forward pass on one device, so that all ranks' passes make up the recipe's batch; InputError where they cannot."""
    micro = training.rows_a_pass(ranks)
    if training.batch_size % (micro * ranks):
        raise InputError(f"batch_size: expected a multiple of {ranks} ranks x {micro} rows a pass, got {training.batch_size}")
    return micro


def _drop_attention(model: PreTrainedModel, share: float) -> None:
    """Set where the layers keep it, and not in the configuration, which is saved. InputError where no layer has such a thing."""
    layers = [module for module in model.modules() if hasattr(module, "attention_dropout")]
    if not layers:
        raise InputError(f"dropout: the layers of {type(model).__name__} have no dropout of attention weights to set")
    for layer in layers:
        layer.attention_dropout = share


def _lora(training: Training) -> LoraConfig:
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=training.rank,
        lora_alpha=training.alpha or 2 * training.rank,
        lora_dropout=training.dropout or 0.0,
        target_modules="all-linear",
    )
