"""What a kind of stage is, what it is told when it runs, and what it answers.

A kind is one file with one class, found through the entry-point group `summ_collapse.stages`. Its fields are all that can
change a byte of its result; heavy libraries are imported inside `run`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import JsonValue

from summ_collapse.ranks import ALONE, World
from summ_collapse.recipe.blocks import Launch, Options
from summ_collapse.stages.size import Lengths, Size, Work
from summ_collapse.store import Artifact

if TYPE_CHECKING:
    from summ_collapse.progress import Progress
    from summ_collapse.stages.reading import Reading


class PartDone(Exception):
    """Raised in a rank other than the first once its part of the chunks is made; the first gathers them."""


@dataclass(frozen=True)
class Context:
    """What a stage is given: its inputs (by role), seed and folders; and what may not change its result."""

    name: str  # kind/arm, without the seed, so that an arm's random state does not depend on how many seeds a recipe has
    inputs: Mapping[str, Artifact]
    seed: int
    work: Path
    out: Path
    checkpoint_steps: int
    progress: "Progress"
    world: World = ALONE
    stop: Callable[[], bool] = lambda: False  # whether somebody wants this process to stop at the next safe point
    tell: Callable[[str], None] = lambda line: None  # what somebody should read now, not in a manifest afterwards


@dataclass(frozen=True)
class Outcome:
    """The rows that went in and came out, those rejected by reason, tokens worked on, and whatever else is worth a note."""

    rows_in: int
    rows_out: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    tokens: int = 0
    notes: Mapping[str, JsonValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rows_in != self.rows_out + sum(self.rejected.values()):
            raise AssertionError(f"rows do not balance: {self.rows_in} in, {self.rows_out} out, rejected {dict(self.rejected)}")


class Stage(Options):
    """A kind of stage; its fields are all that can change a byte of the result."""

    kind: ClassVar[str]
    version: ClassVar[int] = 1  # raised when equal fields give other bytes
    inputs: ClassVar[Mapping[str, str]]  # role -> the table it must be, or "model"
    further: ClassVar[Mapping[str, str]] = {}  # roles (patterns) that may stand beside them
    gives: ClassVar[str]
    launch: ClassVar[str | None] = None  # key of the recipe's `launch`; None: always one process
    preload: ClassVar[tuple[str, ...]] = ()  # modules that `run` imports, which warm workers have imported already
    shown: ClassVar[str | None] = None  # the folder of the run in which people look for the result
    takes_failed: ClassVar[bool] = False  # whether it runs all the same where an input has failed

    def described(self) -> dict[str, JsonValue]:
        """What fingerprints hold and manifests record."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def threads(self) -> int | None:
        """CPU threads that its arithmetic runs on; None where it does none that rounds."""
        return self.reads.threads if self.reads else None

    @property
    def reads(self) -> "Reading | None":
        """The model that it loads, where it loads one."""
        return None

    @property
    def runs_a_model(self) -> bool:
        """Whether it needs a device at all; one that does not is over before ranks have started."""
        return self.reads is not None

    def shape(self, launch: Launch) -> str:
        """The shape that a recipe gives it."""
        return "single" if self.launch is None else str(getattr(launch, self.launch))

    def size(self, of: Mapping[str, Size]) -> Size:
        """Rows out from rows in, by role."""
        raise TypeError(f"{self.kind}: says nothing of its rows")

    def chunks(self, of: Mapping[str, Size]) -> int | None:
        """Into how many independent parts its work falls; None where ranks share all of it."""
        return None

    def work(self, of: Mapping[str, Size], lengths: Lengths) -> Work | None:
        """What a plan charges for it; None where no model runs."""
        return None

    def run(self, context: Context) -> Outcome:
        """Write the result below `context.out`."""
        raise TypeError(f"{self.kind}: does not run")
