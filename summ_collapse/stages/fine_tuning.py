"""What `train` and `prefer` share: a model, how it is trained on, and what becomes of it in one rank or several."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, JsonValue

from summ_collapse.errors import Stopped
from summ_collapse.recipe.blocks import Launch, Training
from summ_collapse.stages.fitting import fit_of
from summ_collapse.stages.reading import Reading
from summ_collapse.stages.stage import Context, PartDone, Stage

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from summ_collapse.models.encoder import Encoder
    from summ_collapse.models.loading import ModelSource
    from summ_collapse.models.trainers import Objective
    from summ_collapse.models.training import Lesson, Trained


class FineTuning(Stage):
    """A model goes in, and it comes out as it is after a training; or an adapter over it does."""

    further: ClassVar[Mapping[str, str]] = {"base": "model", "base below*": "model"}
    gives: ClassVar[str] = "model"
    launch: ClassVar[str | None] = "train"
    reading: Reading
    training: Training
    below: str | None = Field(None, description="what an adapter's configuration calls its base")

    @property
    def reads(self) -> Reading:
        return self.reading

    def shape(self, launch: Launch) -> str:
        """By what is trained: all weights, or an adapter."""
        return launch.training(self.training.method)

    def fitted(
        self,
        context: Context,
        source: "ModelSource",
        encoder: "Encoder",
        rows: "Lesson",
        objective: "Objective",
        held_out: "Callable[[PreTrainedModel], float] | None" = None,
    ) -> "Trained":
        """What became of the model, which is saved. Only the first rank comes back from here, and only from a whole training."""
        from summ_collapse.models.loading import ADAPTER_CONFIG, compute_dtype
        from summ_collapse.models.training import fit

        model = _model(source, self.training, compute_dtype(self.reading.dtype))
        settings = fit_of(context, self.training, self.reading.dtype, context.seed, rows, held_out)
        trained = fit(model, encoder.tokenizer, rows, settings, context.out, self.below, objective)
        if not trained.finished:
            raise Stopped(context.name)
        if not context.world.first:
            raise PartDone
        assert (context.out / ADAPTER_CONFIG).is_file() == self.training.adapter
        return trained


def notes_of(trained: "Trained") -> dict[str, JsonValue]:
    """What a manifest says of a training."""
    return {
        "steps": trained.steps,
        "loss": trained.loss,
        "resumed_from_step": trained.resumed_from,
        "trainable_parameters": trained.trainable_parameters,
    }


def _model(source: "ModelSource", training: Training, dtype: Any) -> "PreTrainedModel":
    import torch

    from summ_collapse.models.loading import load_model, load_quantised

    if training.method == "qlora":
        return load_quantised(source, dtype)
    # Full fine-tuning keeps float32 masters; below an adapter the weights are frozen and need none.
    return load_model(source, torch.float32 if training.method == "full" else dtype, merge=True)
