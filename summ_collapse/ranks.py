"""The processes that share a stage, as the work sees them: a rank, a size, and three ways to agree."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _itself(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class World:
    """The processes that share a stage: this one's rank, how many there are, and how they come to agree.

    All of these are collective: every rank takes part, at the same point of its work.
    """

    rank: int = 0
    size: int = 1
    from_first: Callable[[Any], Any] = _itself  # what rank 0 calls it with, in every rank
    any_of: Callable[[bool], bool] = _itself  # whether any rank calls it with True
    mean_of: Callable[[float], float] = _itself  # the mean of what all ranks call it with

    @property
    def first(self) -> bool:
        """Whether this process gathers, writes and publishes what the others helped with."""
        return self.rank == 0


ALONE = World()
