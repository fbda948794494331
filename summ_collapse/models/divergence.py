"""The loss of a training, and when it has diverged: a loss, or in the end a weight, that is no finite number."""

import math
from collections.abc import Container, Sized
from dataclasses import dataclass

import torch

from summ_collapse.errors import ArmFailed
from summ_collapse.models.sharding import State


@dataclass
class Loss:
    """The sum of all steps' losses in this rank, and whether each has been a finite number so far.

    A pass of a rank gives its part of a step's loss times the ranks, so that the loss is the mean of all ranks' sums.
    """

    total: float = 0.0
    finite: bool = True

    def see(self, loss: torch.Tensor) -> torch.Tensor:
        """The loss of one pass, taken note of."""
        found = float(loss)
        self.total += found
        self.finite = self.finite and math.isfinite(found)
        return loss


def diverged(what: str, rows: Sized) -> ArmFailed:
    """What is raised in every rank: `what` says which number it was."""
    return ArmFailed(f"training diverged: {what} is not a finite number; a lower learning rate may help", len(rows))


def finite(state: State, trained: Container[str]) -> bool:
    """Whether the weights that were trained, by name, are numbers that can be computed with."""
    return all(
        bool(torch.isfinite(tensor).all())
        for name, tensor in state.items()
        if name in trained and isinstance(tensor, torch.Tensor) and tensor.is_floating_point()
    )
