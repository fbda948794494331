"""Files that a command is asked to write."""

from pathlib import Path

from summ_collapse.errors import InputError


def check_out(out: Path | None) -> None:
    """InputError where a file that a command is asked to write could not be one, before there is any work."""
    if out is None:
        return
    if out.is_dir():
        raise InputError(f"--out {out}: expected a file, got a folder")
    if any(parent.exists() and not parent.is_dir() for parent in out.parents):
        raise InputError(f"--out {out}: expected a path below folders, got one below a file")
