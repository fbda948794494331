"""What a run needs of the hub, brought into this machine's cache: models as they are loaded, and the task's data.

Compute nodes often have no network. What was fetched is proved with the network off (`offline.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download

from summ_collapse.errors import InputError, first_line
from summ_collapse.recipe.resolve import Name, Reference, pinned, references, resolve
from summ_collapse.recipe.schema import Recipe
from summ_collapse.tasks.task import Task

# Weights, configurations, tokenizers; not what lies in folders, such as other formats, nor weights as their maker stores them.
READ = ["*.safetensors", "*.json", "*.model", "*.txt", "*.jinja"]
NOT_READ = ["*/*", "consolidated*"]
GIGA = 1e9


@dataclass(frozen=True)
class Wanted:
    """One model of the hub: how many of its files are read, their bytes, and how many of these are not in the cache."""

    reference: Reference
    commit: str
    files: int
    bytes: int
    missing_bytes: int

    def told(self) -> str:
        """In words."""
        here = f"{self.missing_bytes / GIGA:.2f} GB to fetch" if self.missing_bytes else "all here"
        return f"model {self.reference.name} at {self.commit[:12]}: {self.files} files, {self.bytes / GIGA:.2f} GB, {here}"


@dataclass(frozen=True)
class OfHub:
    """A repository that a recipe names, with its commit."""

    reference: Reference
    name: Name
    held: bool  # whether the recipe says the commit itself

    @property
    def commit(self) -> str:
        assert self.name.commit is not None, f"{self.reference.name}: no repository"
        return self.name.commit

    @property
    def revision(self) -> str | None:
        """What to ask for: the branch, so that the cache learns which commit it is, unless that has gone on since."""
        return self.commit if self.held else self.reference.revision


def of_hub(recipe: Recipe) -> dict[str, OfHub]:
    """Every name of the recipe that is a repository, by key."""
    return {
        one.key: OfHub(one, resolve(one, recipe.commits), one.key in recipe.commits)
        for one in references(recipe)
        if not one.local
    }


def wanted(model: OfHub) -> Wanted:
    """InputError where it cannot be asked for, or holds no safetensors."""
    found = _downloaded(model, READ, dry_run=True)
    if not any(file.filename.endswith(".safetensors") for file in found):
        raise InputError(f"model {model.reference.name}: expected weights as .safetensors, and it holds none at {model.commit}")
    sizes = [(file.file_size or 0, file.will_download) for file in found]
    missing = sum(size for size, lacks in sizes if lacks)
    return Wanted(model.reference, model.commit, len(sizes), sum(size for size, _ in sizes), missing)


def fetch_model(model: OfHub) -> None:
    """Bring its files into the cache, with the library's own bars. InputError where they are refused, or have moved meanwhile."""
    _into_cache(model, READ)


def fetch_data(task: Task, hub: Mapping[str, OfHub]) -> str:
    """Read a task's examples, which leaves them in the cache; how many there are."""
    for one in hub.values():
        if one.reference.kind == "dataset":
            _into_cache(one, [])
    return rows_of(task, hub)


def rows_of(task: Task, hub: Mapping[str, OfHub]) -> str:
    """Rows by split of what `prepare` would read, in words."""
    splits = pinned(task, {key: one.name for key, one in hub.items()}).splits()
    return ", ".join(f"{table.num_rows:,} {split}" for split, table in splits.items()) + " rows"


def refused(what: str, name: str, error: Exception) -> InputError:
    """One message for whatever keeps a repository's files from us, with what to do where they are gated."""
    if "gated" in type(error).__name__.lower() or "gated" in first_line(error).lower():
        return InputError(
            f"{what} {name}: the hub names it and refuses its files, which are gated: ask for access on the repository's page, "
            "then `hf auth login` on this machine"
        )
    return InputError(f"{what} {name}: its files cannot be fetched: {first_line(error)}")


def _into_cache(one: OfHub, files: list[str]) -> None:
    """These files, and which commit the name stands for: what is read by commit alone leaves no such mark in the cache."""
    folder = _downloaded(one, files)
    if Path(folder).name != one.commit:
        named = f"{one.reference.kind} {one.reference.name}"
        raise InputError(f"{named}: moved from {one.commit} to {Path(folder).name} meanwhile; run the command again")


def _downloaded(one: OfHub, files: list[str], **further: Any) -> Any:
    kind, name = one.reference.kind, one.reference.name
    try:
        return snapshot_download(
            name, repo_type=kind, revision=one.revision, allow_patterns=files, ignore_patterns=NOT_READ, **further
        )
    except Exception as error:  # an HTTP client's, the hub's, a full disk's: they share no base class
        raise refused(kind, name, error) from error
