"""What a run's folder must do for jobs on several nodes, tried by two of them: one holds a lock that the other must not get,
and puts a file in place that the other must see.

srun --nodes 2 --ntasks-per-node 1 python -m summ_collapse.launch.shared_disk FOLDER NAME     # NAME: new for every trial
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from summ_collapse.locks import demand
from summ_collapse.store import write_atomic

PATIENCE = 90.0  # seconds: network file systems keep what they know of a folder for up to 60
PAUSE = 0.2


def main(folder: Path, name: str, node: int) -> str | None:
    """What is wrong as this node sees it, or None."""
    demand(folder)
    lock, held, tried = (folder / f".{name}.{what}" for what in ("lock", "held", "tried"))
    if node == 0:
        with FileLock(lock, timeout=0):
            write_atomic(held, b"held")
            if not _until(tried.exists):
                return f"{folder}: a file that another node has put there was not seen within {PATIENCE:.0f} s"
        return None
    if not _until(held.exists):
        return f"{folder}: a file that another node has put there was not seen within {PATIENCE:.0f} s"
    try:
        with FileLock(lock, timeout=0):
            wrong = f"{folder}: two nodes held one lock at the same time: each locks for itself alone"
    except Timeout:
        wrong = None
    write_atomic(tried, b"tried")
    return wrong


def _until(there: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while not there():
        if time.monotonic() > end:
            return False
        time.sleep(PAUSE)
    return True


if __name__ == "__main__":
    found = main(Path(sys.argv[1]), sys.argv[2], int(os.environ.get("SLURM_PROCID", "0")))
    if found:
        print(found, file=sys.stderr)
    sys.exit(1 if found else 0)
