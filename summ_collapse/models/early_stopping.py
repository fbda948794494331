"""Early stopping: training ends once the loss on rows held out no longer falls, with the weights that had the least.

The best weights so far lie beside the checkpoints, so that a training that was interrupted ends as an undisturbed one: what a
later step had written is not taken, since those steps are taken again. (The library's own callback takes its evaluations and its
best model from checkpoints that it writes itself, which are not atomic.)
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from summ_collapse.ranks import World
from summ_collapse.recipe.blocks import EarlyStopping
from summ_collapse.store import sync

BEST = "best.safetensors"


@dataclass(frozen=True)
class Best:
    """The step with the least loss on what was held out, in nats a token."""

    step: int
    loss: float


@dataclass
class Stopping(TrainerCallback):
    """Looks at the loss every so many steps; the first rank does, and tells the others."""

    how: EarlyStopping
    held_out: Callable[[PreTrainedModel], float]
    work: Path
    world: World
    unwrap: Callable[[Any], PreTrainedModel]
    best: Best | None = None
    ended: bool = False

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Take up what was best before the step that training resumes from."""
        known = self.world.from_first(_read(self.work / BEST) if self.world.first else None)
        if known is not None and known.step <= state.global_step:
            self.best = known

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        step = state.global_step
        if step % self.how.every and step < state.max_steps:
            return
        model = self.unwrap(kwargs["model"])
        loss = self.world.from_first(self._look(model) if self.world.first else None)
        if self.best is None or loss < self.best.loss:
            self.best = Best(step, loss)
            if self.world.first:
                _write(self.work / BEST, model, self.best)
        if (step - self.best.step) // self.how.every >= self.how.patience or step >= state.max_steps:
            self.ended = control.should_training_stop = True

    def _look(self, model: PreTrainedModel) -> float:
        # Looking must not change what comes after: no random number is drawn, and the model goes on training.
        try:
            return self.held_out(model)
        finally:
            model.train()

    def restore(self, model: PreTrainedModel) -> None:
        """Put the best weights back, in every rank."""
        self.world.any_of(False)  # the first rank has written them
        if self.best is not None:
            # Of what is trained all is there; what is frozen, and weights that are tied to these, are not.
            model.load_state_dict(load_file(self.work / BEST), strict=False)


def _write(path: Path, model: PreTrainedModel, best: Best) -> None:
    """What is trained, weights that are tied once; atomic, and without a second copy of them in memory."""
    trained = {name: one.detach() for name, one in model.named_parameters() if one.requires_grad}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    save_file(trained, temporary, {"step": str(best.step), "loss": repr(best.loss)})
    sync(temporary)
    temporary.replace(path)
    sync(path.parent)


def _read(path: Path) -> Best | None:
    if not path.is_file():
        return None
    with safe_open(path, "pt") as file:
        known = file.metadata()
    return Best(int(known["step"]), float(known["loss"]))
