"""Files that a command is asked to write."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    with writing(out):
        write_json(out, content)


def check_apart(outs: Sequence[Path | None], read: Sequence[Path | None]) -> None:
    """InputError where two files that a command writes are one, or one that it reads."""
    taken = {path.resolve() for path in read if path is not None}
    for out in outs:
        if out is None:
            continue
        if out.resolve() in taken:
            raise InputError(f"{out}: it would be written over, and is read or written by the same command; choose another name")
        taken.add(out.resolve())


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Turns what the disk refuses into an InputError that names the file."""
    try:
        yield
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written: {error}") from None
