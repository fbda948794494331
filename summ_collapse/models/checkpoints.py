"""Checkpoints of a training: which of them count, which this launch can read, and when one is taken.

One counts once its marker is written, which is when all of it is on disk. Those of another form (written in shards, or by
another number of ranks where that matters) lie in a folder of their own: they are neither read nor removed.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from summ_collapse.models.divergence import Loss
from summ_collapse.models.sharding import sharding
from summ_collapse.ranks import World
from summ_collapse.store import sync_tree, write_json

MARKER = "complete.json"


@dataclass(frozen=True)
class Form:
    """How checkpoints are written: whole, by FSDP (any number of ranks reads them), or by so many ranks of ZeRO-3."""

    shape: str  # whole, fsdp or zero3
    ranks: int | None = None  # where only as many can read them

    @classmethod
    def of(cls, world: World) -> "Form":
        """That of this launch."""
        shape = sharding() or "whole"
        return cls(shape, world.size if shape == "zero3" else None)

    def __str__(self) -> str:
        return self.shape if self.ranks is None else f"{self.shape}-{self.ranks}"

    def folder(self, work: Path) -> Path:
        """Where a stage with this work folder keeps them."""
        return work if self.shape == "whole" else work / str(self)


def last_checkpoint(folder: Path) -> Path | None:
    """The marked checkpoint with most steps; unmarked ones (a kill during the save) are removed."""
    marked: dict[int, Path] = {}
    for checkpoint in folder.glob("checkpoint-*"):
        if (checkpoint / MARKER).is_file():
            marked[json.loads((checkpoint / MARKER).read_text())["step"]] = checkpoint
        else:
            shutil.rmtree(checkpoint)
    return marked[max(marked)] if marked else None


def loss_of(checkpoint: Path) -> float:
    """The sum of the losses of all its steps."""
    return float(json.loads((checkpoint / MARKER).read_text())["loss"])


def left_aside(work: Path, form: Form) -> list[str]:
    """What other forms have left in a stage's work folder, in words."""
    own = form.folder(work)
    found = []
    for marker in sorted(work.glob(f"**/checkpoint-*/{MARKER}")):
        if marker.parent.parent != own:
            recorded = json.loads(marker.read_text())
            ranks = f" by {recorded['ranks']} ranks" if recorded["ranks"] else ""
            found.append(f"the checkpoint of step {recorded['step']:,} was written {_WRITTEN[recorded['shape']]}{ranks}")
    return found


_WRITTEN = {"whole": "whole", "fsdp": "in FSDP's shards", "zero3": "in ZeRO-3's shards"}


class Checkpoints(TrainerCallback):
    """Marks a checkpoint once all of it is on disk, and then removes the older ones; takes one and stops when asked to.

    It stops without one where the loss of any rank is no finite number.

    There is none after the last step: the Trainer would take one step more when it resumed from that.
    """

    def __init__(self, world: World, form: Form, stop: Callable[[], bool], loss: Loss) -> None:
        self.world = world
        self.form = form
        self.stop = stop
        self.loss = loss

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        ended = control.should_training_stop  # after all steps, or early: in every rank alike
        # A signal reaches ranks at different steps, and a checkpoint takes all of them at one.
        if self.world.any_of(self.stop() or not self.loss.finite):
            self.loss.finite = not self.world.any_of(not self.loss.finite)
            control.should_save = self.loss.finite
            control.should_training_stop = True
        if ended:
            control.should_save = False

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        # It also waits until every rank has written its part, such as its random state.
        loss = self.world.mean_of(self.loss.total)
        if self.world.first:
            sync_tree(folder)
            form = {"shape": self.form.shape, "ranks": self.form.ranks}
            write_json(folder / MARKER, {"step": state.global_step, "loss": loss, **form})
            for other in folder.parent.glob("checkpoint-*"):
                if other != folder:
                    shutil.rmtree(other)
        # A rank that left now, to stop, would have the launcher end the first one in the middle of this.
        self.world.any_of(False)
