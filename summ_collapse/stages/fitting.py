"""How a stage's training runs: what its configuration says, and what its context gives."""

from typing import TYPE_CHECKING

from summ_collapse.recipe.blocks import Training
from summ_collapse.stages.stage import Context

if TYPE_CHECKING:
    from summ_collapse.models.training import Fit


def fit_of(context: Context, training: Training, dtype: str, seed: int) -> "Fit":
    """The settings of `models.training.fit`."""
    from summ_collapse.models.loading import compute_dtype
    from summ_collapse.models.training import Fit

    return Fit(
        training,
        seed,
        compute_dtype(dtype),
        context.work,
        context.checkpoint_steps,
        context.progress,
        context.world,
        context.stop,
    )
