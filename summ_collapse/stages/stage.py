"""What a stage is told, and what it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from summ_collapse.ranks import ALONE, World
from summ_collapse.store import Artifact

# The kinds of stages with the version of what they write. A version goes into the fingerprint: raise it whenever a
# change makes equal configuration give other bytes.
VERSIONS = {
    "prepare": 1,
    "pretrain": 1,
    "train": 1,
    "generate": 1,
    "verify": 1,
    "select": 2,
    "evaluate": 1,
    "report": 3,
}


class ShareDone(Exception):
    """Raised in a rank other than the first once its share of the chunks is made; the first gathers them."""


@dataclass(frozen=True)
class Context:
    """One stage's configuration, inputs (by role), seed and folders; and what may not change its result."""

    name: str  # kind/arm, without the seed, so that an arm's random state does not depend on how many seeds a recipe has
    config: Mapping[str, Any]
    inputs: Mapping[str, Artifact]
    seed: int
    work: Path
    out: Path
    local: Mapping[str, str]  # where models and data named by content in `config` lie on this machine
    checkpoint_steps: int
    progress: Callable[[int, int], None]
    world: World = ALONE
    stop: Callable[[], bool] = lambda: False  # whether somebody wants this process to stop at the next safe point


@dataclass(frozen=True)
class Outcome:
    """The rows that went in and came out, those rejected by reason, tokens worked on, and whatever else is worth a note."""

    rows_in: int
    rows_out: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    tokens: int = 0
    notes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rows_in != self.rows_out + sum(self.rejected.values()):
            raise AssertionError(f"rows do not balance: {self.rows_in} in, {self.rows_out} out, rejected {dict(self.rejected)}")


def chunk_seed(seed: int, stage: str, index: int) -> int:
    """The random seed of chunk `index` of a stage: 63 bits from (seed, stage, index)."""
    from summ_collapse.records import tie_break

    return int(tie_break(f"chunk {seed}", [(stage, index)])[0] >> 1)
