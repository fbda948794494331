"""Files that a command is asked to write."""

from pathlib import Path

from pydantic import JsonValue

from summ_collapse.errors import InputError
from summ_collapse.store import write_json


def check_out(out: Path | None) -> None:
    """InputError where a file that a command is asked to write could not be one, before there is any work."""
    if out is None:
        return
    if out.is_dir():
        raise InputError(f"--out {out}: expected a file, got a folder")
    if any(parent.exists() and not parent.is_dir() for parent in out.parents):
        raise InputError(f"--out {out}: expected a path below folders, got one below a file")


def write_out(out: Path, content: JsonValue) -> None:
    """Write JSON to a file that `--out` names; InputError where the disk refuses it."""
    try:
        write_json(out, content)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written: {error}") from None
