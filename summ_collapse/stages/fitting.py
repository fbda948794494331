"""How a stage's training runs: what its configuration says, and what its context gives."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from summ_collapse.recipe.blocks import Training
from summ_collapse.stages.stage import Context

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from summ_collapse.models.training import Fit, Lesson


def fit_of(
    context: Context,
    training: Training,
    dtype: str,
    seed: int,
    rows: "Lesson",
    held_out: "Callable[[PreTrainedModel], float] | None" = None,
) -> "Fit":
    """The settings of `models.training.fit` for these rows; `held_out` is the loss that early stopping looks at."""
    from summ_collapse.models.loading import compute_dtype
    from summ_collapse.models.training import Fit

    tokens_a_step = int(rows.lengths.sum()) / math.ceil(len(rows) / training.batch_size)

    def progress(step: int, steps: int) -> None:
        context.progress(step, steps, "step", round(step * tokens_a_step))

    return Fit(
        training,
        seed,
        compute_dtype(dtype),
        context.work,
        context.checkpoint_steps,
        progress,
        context.world,
        context.stop,
        context.tell,
        held_out,
    )
