"""What verifiers have in common that read with no model."""

from typing import ClassVar

from summ_collapse.recipe.blocks import Options
from summ_collapse.verifiers.request import Attack


class ModelFree(Options):
    """Options of a verifier without a model: nothing to fine-tune, no other verifier's scores, nothing to contradict."""

    model: ClassVar[None] = None
    train: ClassVar[None] = None
    adapter: ClassVar[None] = None
    samples: ClassVar[int] = 1
    reads_reference: ClassVar[bool] = False
    at_random: ClassVar[bool] = False

    @property
    def sources(self) -> tuple[str, ...]:
        """The verifiers whose scores this one reads."""
        return ()

    @property
    def attack(self) -> Attack | None:
        """How it tampers with another verifier's scores; None where it does not."""
        return None

    def problems(self, models: set[str]) -> list[str]:
        """What contradicts the rest of the recipe."""
        return []
