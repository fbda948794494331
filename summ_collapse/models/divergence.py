"""When training has diverged: a loss, or in the end a weight, that is no finite number."""

from collections.abc import Container, Sequence
from dataclasses import dataclass

import torch

from summ_collapse.errors import ArmFailed
from summ_collapse.models.encoder import Encoded
from summ_collapse.models.sharding import State


@dataclass
class Loss:
    """Whether every loss of a training has been a finite number so far."""

    finite: bool = True

    def see(self, loss: torch.Tensor) -> torch.Tensor:
        """The loss of one pass, taken note of."""
        self.finite = self.finite and bool(torch.isfinite(loss))
        return loss


def diverged(what: str, rows: Sequence[Encoded]) -> ArmFailed:
    """What is raised in every rank: `what` says which number it was."""
    return ArmFailed(f"training diverged: {what} is not a finite number; a lower learning rate may help", len(rows))


def finite(state: State, trained: Container[str]) -> bool:
    """Whether the weights that were trained, by name, are numbers that can be computed with."""
    return all(
        bool(torch.isfinite(tensor).all())
        for name, tensor in state.items()
        if name in trained and isinstance(tensor, torch.Tensor) and tensor.is_floating_point()
    )
