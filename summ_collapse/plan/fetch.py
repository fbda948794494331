"""What a run needs of the hub, brought into this machine's cache: models as they are loaded, and the task's data.

Compute nodes often have no network. What was fetched is proved with the network off (`offline.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download, try_to_load_from_cache

from summ_collapse.errors import InputError, first_line
from summ_collapse.recipe.resolve import Name, Reference, references, resolve
from summ_collapse.recipe.schema import Recipe

READ = (".safetensors", ".json", ".model", ".txt", ".jinja")  # weights, configurations, tokenizers
GIGA = 1e9


@dataclass(frozen=True)
class Wanted:
    """One repository: which of its files are read, their bytes, and how many of these are not in the cache."""

    what: str
    name: str
    revision: str | None
    commit: str
    files: list[str]
    bytes: int
    missing_bytes: int

    def told(self) -> str:
        """In words."""
        here = f"{self.missing_bytes / GIGA:.2f} GB to fetch" if self.missing_bytes else "all here"
        return f"{self.what} {self.name} at {self.commit[:12]}: {len(self.files)} files, {self.bytes / GIGA:.2f} GB, {here}"


def of_hub(recipe: Recipe) -> dict[str, tuple[Reference, Name]]:
    """Every name of the recipe that is a repository, by key, with its commit."""
    return {one.key: (one, resolve(one, recipe.commits)) for one in references(recipe) if not one.local}


def wanted(recipe: Recipe) -> Iterator[Wanted]:
    """The models that a recipe names on the hub; InputError where one cannot be asked for, or holds no safetensors."""
    for one, name in of_hub(recipe).values():
        if one.kind == "model":
            yield _model(one, name)


def fetch_model(one: Wanted) -> None:
    """Bring its files into the cache, with the library's own bars. InputError where they are refused, or have moved meanwhile."""
    _into_cache("model", one.name, one.revision, one.commit, one.files)


def fetch_data(recipe: Recipe) -> str:
    """Read the task's examples, which leaves them in the cache; how many there are."""
    for one in references(recipe.task):
        commit = resolve(one, recipe.commits).commit
        if commit is not None:
            _into_cache("dataset", one.name, one.revision, commit, [])
    return rows_of(pinned(recipe))


def _into_cache(kind: str, name: str, revision: str | None, commit: str, files: list[str]) -> None:
    """These files, and which commit the name stands for: what is read by commit alone leaves no such mark in the cache."""
    try:
        folder = snapshot_download(name, repo_type=kind, revision=revision, allow_patterns=files)
    except Exception as error:  # an HTTP client's, the hub's, a full disk's: they share no base class
        raise refused(kind, name, error) from error
    if revision != commit and Path(folder).name != commit:
        raise InputError(f"{kind} {name}: moved from {commit} to {Path(folder).name} meanwhile; run the command again")


def pinned(recipe: Recipe) -> Recipe:
    """With the task's data at its commit, as `prepare` reads it."""
    commits = [resolve(one, recipe.commits).commit for one in references(recipe.task) if not one.local]
    return recipe.model_copy(update={"task": recipe.task.model_copy(update={"revision": commits[0]})}) if commits else recipe


def rows_of(recipe: Recipe) -> str:
    """Rows by split, in words."""
    return ", ".join(f"{table.num_rows:,} {split}" for split, table in recipe.task.splits().items()) + " rows"


def refused(what: str, name: str, error: Exception) -> InputError:
    """One message for whatever keeps a repository's files from us, with what to do where they are gated."""
    if "gated" in type(error).__name__.lower() or "gated" in first_line(error).lower():
        return InputError(
            f"{what} {name}: the hub names it and refuses its files, which are gated: ask for access on the repository's page, "
            "then `hf auth login` on this machine"
        )
    return InputError(f"{what} {name}: its files cannot be fetched: {first_line(error)}")


def _model(one: Reference, name: Name) -> Wanted:
    assert name.commit is not None
    try:
        siblings = HfApi().model_info(one.name, revision=name.commit, files_metadata=True, timeout=10).siblings or []
    except Exception as error:
        raise refused("model", one.name, error) from error
    sizes = {file.rfilename: file.size or 0 for file in siblings if _is_read(file.rfilename)}
    if not any(file.endswith(".safetensors") for file in sizes):
        raise InputError(f"model {one.name}: expected weights as .safetensors, which it does not hold at {name.commit}")
    missing = [file for file in sizes if not isinstance(try_to_load_from_cache(one.name, file, revision=name.commit), str)]
    total = sum(sizes.values())
    return Wanted(
        "model", one.name, one.revision, name.commit, sorted(sizes), total, sum(sizes[file] for file in missing) if missing else 0
    )


def _is_read(file: str) -> bool:
    """Not what lies in folders, such as other formats; nor weights a second time, as their maker stores them."""
    return file.endswith(READ) and "/" not in file and not file.startswith("consolidated")
