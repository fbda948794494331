"""What a run tells while it works: bars on a terminal, plain lines in a log; everything goes to stderr."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Reporter:
    """One line a finished stage; a bar for the one at work where somebody watches."""

    def __init__(self, watched: bool | None = None) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.watched = sys.stderr.isatty() if watched is None else watched
        self.quiet = False

    def line(self, text: str) -> None:
        if not self.quiet:
            self.console.print(text, markup=False)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Gives what a stage calls with (done, total)."""
        if self.quiet or not self.watched:
            yield lambda done, total: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            bar = progress.add_task(name, total=None)
            yield lambda done, total: progress.update(bar, completed=done, total=total)
