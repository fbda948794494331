"""What a run tells while it works: bars on a terminal, plain lines in a log; everything goes to stderr.

A stage at work leaves how far it is in a small file of its work folder, whichever process it is in. Who started the stage
reads it there, and so does `status`, from anywhere. It is no part of a result: published work folders are removed.
"""

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from summ_collapse.store import PROGRESS, read_json

WRITE_EVERY = 1.0  # seconds, at least, between two writes of the file
LOOK_EVERY = 0.5  # seconds between two looks at it
TELL_EVERY = 30.0  # seconds after which a log has another line about a stage that is still at work
WINDOW = 60  # the rate is that of so many of the last writes
OLD = 60.0  # seconds after which it is said how old the last word of a stage is
WIDE = 100  # characters from which on a terminal has room for a bar beside the words


class Progress(Protocol):
    """What a stage calls now and then, as often as it likes: so many of `total` are done, so many tokens were seen."""

    def __call__(self, done: int, total: int, unit: str = "rows", tokens: int = 0) -> None: ...


def unseen(done: int, total: int, unit: str = "rows", tokens: int = 0) -> None:
    """The progress of a process that nobody looks at."""


@dataclass(frozen=True)
class Standing:
    """How far a stage is: so many of `total` steps or rows, how many of them and of tokens a second, and when that was."""

    done: int
    total: int
    unit: str
    per_second: float
    tokens_per_second: float
    written: float  # seconds since the epoch

    def told(self, now: float) -> str:
        """In words; `now` is in seconds since the epoch."""
        words = [
            f"{self.unit} {self.done:,} of {self.total:,}"
            if self.unit == "step"
            else f"{self.done:,} of {self.total:,} {self.unit}"
        ]
        if self.tokens_per_second > 0:
            words.append(f"{self.tokens_per_second:,.0f} tokens/s")
        elif self.per_second > 0:
            words.append(f"{_rate(self.per_second)} {self.unit}/s")
        if self.per_second > 0 and self.done < self.total:
            words.append(f"about {_duration((self.total - self.done) / self.per_second)} left")
        if now - self.written > OLD:
            words.append(f"as of {_duration(now - self.written)} ago")
        return ", ".join(words)


def standing(work: Path) -> Standing | None:
    """What a stage last said in its work folder; None where it has said nothing yet, or is over."""
    try:
        return Standing(**read_json(work / PROGRESS))
    except (OSError, ValueError, TypeError):  # nothing there, or not whole after a power cut, or from another version
        return None


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.2g}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


class Meter:
    """The progress of a stage in this process: it writes the file, at most once a second."""

    def __init__(self, work: Path) -> None:
        self._file = work / PROGRESS
        self._seen: deque[tuple[float, int, int]] = deque(maxlen=WINDOW)  # when, done, tokens

    def __call__(self, done: int, total: int, unit: str = "rows", tokens: int = 0) -> None:
        now = time.monotonic()
        if self._seen and now - self._seen[-1][0] < WRITE_EVERY:
            return
        self._seen.append((now, done, tokens))
        # From the first word on: what was there before, and loading the model, are no part of the speed.
        began, first, first_tokens = self._seen[0]
        seconds = now - began
        speed = (max(0, done - first) / seconds, max(0, tokens - first_tokens) / seconds) if seconds else (0.0, 0.0)
        self._write(Standing(done, total, unit, *speed, time.time()))

    def _write(self, found: Standing) -> None:
        # Not synced: after a power cut it is of no use. On a full disk the stage itself will say what is wrong.
        temporary = self._file.with_name(f".{PROGRESS}.tmp")
        try:
            temporary.write_text(json.dumps(asdict(found)), encoding="utf-8")
            temporary.replace(self._file)
        except OSError:
            return


class Board:
    """The stages at work: a bar each where somebody watches, elsewhere a line each every half a minute."""

    def __init__(self, console: Console, bars: bool, every: float) -> None:
        self._console = console
        self._every = every
        self._told: dict[str, tuple[float, float]] = {}  # since when a stage is at work, and when it was last told
        self._tasks: dict[str, TaskID] = {}
        self._bars: Bars | None = None
        if bars:
            bar = [BarColumn(bar_width=20)] if console.width >= WIDE else []
            self._bars = Bars(
                TextColumn("{task.description}"),
                *bar,
                TextColumn("{task.fields[told]}"),
                console=console,
                transient=True,
                auto_refresh=False,
            )

    def __enter__(self) -> "Board":
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def look(self, at_work: Mapping[str, Path]) -> None:
        """Show how far these stages are, by name and work folder; who was at work at the last look and is not named, is not."""
        now = time.monotonic()
        self._told = {name: self._told.get(name, (now, now)) for name in at_work}
        for name, work in at_work.items():
            found = standing(work)
            began, last = self._told[name]
            words = found.told(time.time()) if found else f"at work for {_duration(now - began)}"
            if self._bars is not None:
                self._draw(self._bars, name, found, words)
            elif now - last >= self._every:
                self._told[name] = (began, now)
                self._console.print(f"{name}: {words}", markup=False)
        if self._bars is not None:
            for name in self._tasks.keys() - at_work.keys():
                self._bars.remove_task(self._tasks.pop(name))
            self._bars.refresh()

    def _draw(self, bars: Bars, name: str, found: Standing | None, words: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = bars.add_task(name, total=None, told=words)
        if found is not None:
            bars.update(self._tasks[name], completed=found.done, total=found.total)
        bars.update(self._tasks[name], told=words)


class Reporter:
    """One line a finished stage, and a board of those at work.

    A reporter that does not `show` leaves the board to who started its process; where `kept` is a list, lines are left
    there too, so that they do not run into somebody else's bars.
    """

    def __init__(self, watched: bool | None = None, shows: bool = True, kept: list[str] | None = None) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.watched = sys.stderr.isatty() if watched is None else watched
        self.shows = shows
        self.kept = kept
        self.every = TELL_EVERY
        self.quiet = False

    def line(self, text: str) -> None:
        if self.kept is not None:
            self.kept.append(text)
        elif not self.quiet:
            self.console.print(text, markup=False)

    @contextmanager
    def board(self) -> Iterator[Callable[[Mapping[str, Path]], None]]:
        """Gives what is to be called twice a second or so with the stages at work, see `Board.look`."""
        if self.quiet or not self.shows:
            yield lambda at_work: None
            return
        with Board(self.console, self.watched, self.every) as board:
            yield board.look

    def working(self, name: str, work: Path) -> AbstractContextManager[None]:
        """Shows a stage that is at work in this process, as long as this holds."""
        return nullcontext() if self.quiet or not self.shows else self._aside(name, work)

    @contextmanager
    def _aside(self, name: str, work: Path) -> Iterator[None]:
        """From a thread of its own, since a step may take longer than a reader's patience."""
        over = threading.Event()

        def look() -> None:
            with ExitStack() as opened:
                show = None
                while not over.wait(LOOK_EVERY):  # most stages of a small run are over before the first look
                    show = show or opened.enter_context(self.board())
                    show({name: work})

        thread = threading.Thread(target=look, name=f"progress of {name}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
