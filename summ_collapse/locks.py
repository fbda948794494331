"""Whether a folder's file system has the locks that keep two jobs from one stage: flock, seen by every node that mounts it.

The library that locks would fall back to a file whose dead owner on another node blocks for ever.
"""

import errno
import fcntl
import os
import tempfile
from functools import cache
from pathlib import Path

from summ_collapse.errors import InputError

MOUNTS = Path("/proc/self/mounts")
WITHOUT = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK}
ADVICE = "mount it with locks that all nodes share (NFS 4, or Lustre with the option flock), or choose another folder"
# Options under which flock succeeds on every node at once.
LOCAL = {"localflock", "local_lock=flock", "local_lock=all", "nolock"}


@cache
def demand(folder: Path) -> None:
    """InputError where locks in this folder, which has to be there, exclude nobody."""
    # A name of its own: containers on two nodes may share host name and process id, and threads do.
    handle, probe = tempfile.mkstemp(prefix=".lock-probe.", dir=folder)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in WITHOUT:
            raise
        raise InputError(f"{folder}: its file system has no locks ({error.strerror}); {ADVICE}") from None
    finally:
        os.close(handle)
        Path(probe).unlink(missing_ok=True)
    point, options = mounted(folder)
    if LOCAL & options:
        kept = ", ".join(sorted(LOCAL & options))
        raise InputError(f"{folder}: {point} is mounted with {kept}: each node locks for itself alone; {ADVICE}")


def mounted(folder: Path) -> tuple[str, set[str]]:
    """(mount point, its options) of the file system that a folder lies on; ("/", none) where the system does not say."""
    found: tuple[str, set[str]] = ("/", set())
    place = folder.resolve()
    if MOUNTS.exists():
        for line in MOUNTS.read_text().splitlines():
            _, point, _, options, *_ = line.split()
            point = point.replace("\\040", " ")
            if place.is_relative_to(point) and len(point) >= len(found[0]):
                found = (point, set(options.split(",")))
    return found
