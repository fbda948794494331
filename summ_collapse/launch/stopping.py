"""How a run is asked to stop where nothing is lost: by SIGTERM, by SIGUSR1, or by a file that appears.

A file reaches every process of a launch on every node, which a signal to a batch script does not. Training answers with a
checkpoint, chunked stages with the end of the chunk at hand. Ctrl-C stops at once; that loses no more than a kill does.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

STOP_FILE = "SUMM_COLLAPSE_STOP_FILE"
SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class Stop:
    """Whether this process was asked to stop; called between steps, chunks and stages."""

    def __init__(self) -> None:
        self.signalled = False
        named = os.environ.get(STOP_FILE)
        self.file = Path(named) if named else None
        self._ranks: Path | None = None

    def __call__(self) -> bool:
        return self.signalled or (self.file is not None and self.file.exists())

    def wish(self, number: int, frame: FrameType | None) -> None:
        """What a signal is handled by."""
        self.signalled = True
        if self._ranks is not None:
            self._ranks.touch()

    @contextmanager
    def passed_on(self, file: Path) -> Iterator[Path]:
        """A wish to stop reaches ranks as a file: they see it at the same step, whichever of them looks first.

        Gives the file: the one that this process was told of itself, or else `file`, which is no longer than this holds.
        """
        if self.file is None:
            file.unlink(missing_ok=True)
        self._ranks = self.file or file
        if self.signalled:
            self._ranks.touch()
        try:
            yield self._ranks
        finally:
            self._ranks = None
            if self.file is None:
                file.unlink(missing_ok=True)


@contextmanager
def listening() -> Iterator[Stop]:
    """Signals mean a wish to stop while this holds, and what they meant before afterwards."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield stop
        return
    before = {number: signal.signal(number, stop.wish) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
