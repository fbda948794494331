"""A part of a data set, by the patterns of its files: one language of many, without the names that a loader gives them.

The hub's own conversions (`refs/convert/parquet`) are laid out `<configuration>/<split>/*.parquet`, and know no configurations.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from summ_collapse.errors import InputError, first_line
from summ_collapse.files.rows import read_table
from summ_collapse.recipe.names import DATA_SUFFIXES

SPLITS = ("train", "test")


def checked(patterns: Mapping[str, str]) -> None:
    """ValueError unless these are patterns of a train and a test split, or of one corpus, that stay in their folder."""
    if set(patterns) not in ({"train", "test"}, {"all"}):
        raise ValueError(f"expected patterns for train and test, or for all, got {', '.join(patterns) or 'none'}")
    for pattern in patterns.values():
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts or not pattern.endswith(DATA_SUFFIXES):
            raise ValueError(
                f"expected patterns below the data's folder that end in {', '.join(DATA_SUFFIXES)}, such as "
                f"english/train/*.parquet; got {pattern!r}"
            )


def of_folder(folder: str) -> dict[str, str]:
    """The patterns of one configuration in the hub's layout."""
    return {split: f"{folder.strip('/')}/{split}/*.parquet" for split in SPLITS}


def found(root: Path, patterns: Mapping[str, str], source: str) -> dict[str, list[Path]]:
    """The files of every split, in the order of their names; InputError where a pattern finds none."""
    files = {split: sorted(path for path in root.glob(pattern) if path.is_file()) for split, pattern in patterns.items()}
    for split, paths in files.items():
        if not paths:
            beside = ", ".join(sorted(path.name for path in root.iterdir())[:10]) or "nothing"
            raise InputError(f"{source}: no file fits the {split} pattern {patterns[split]!r}; the folder holds {beside}")
    return files


def read(files: Sequence[Path], source: str) -> pa.Table:
    """The rows of one split; InputError where its files differ in columns or types."""
    try:
        return pa.concat_tables([read_table(path) for path in files])
    except pa.ArrowException as error:
        raise InputError(f"{source}: the files of one split differ: {first_line(error)}") from error


def snapshot(data: str, revision: str | None, patterns: Mapping[str, str]) -> Path:
    """Where the files of a hub data set lie: in the hub's cache, where a commit that was fetched is found without a network."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(data, repo_type="dataset", revision=revision, allow_patterns=list(patterns.values())))
    except Exception as error:  # an HTTP client's, a cache's, or a loader's: they share no base class
        raise unreadable(data, error) from error


def unreadable(data: str, error: Exception) -> InputError:
    """One message for whatever a loader fails with, and what to do where the data set holds a script."""
    said = first_line(error)
    if "script" in said:
        return InputError(
            f"task.data: dataset {data!r} holds a loading script, which is never run: read the hub's conversion with "
            "task.revision=refs/convert/parquet and task.folder, the name of a configuration such as english"
        )
    return InputError(f"task.data: dataset {data!r} cannot be loaded: {said}")
