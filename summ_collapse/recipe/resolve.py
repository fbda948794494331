"""What every path and hub id in a recipe stands for: the digest of local files, or the commit of a hub repository.

One walk finds them all: any field of type `LocalOrHub`, `DataName` or `ModelReference` (`recipe.blocks`), wherever it is.

    names = {one.key: resolve(one, recipe.commits) for one in references(recipe)}
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, Field, JsonValue

from summ_collapse.errors import InputError, first_line
from summ_collapse.recipe.blocks import Options
from summ_collapse.recipe.names import Refers
from summ_collapse.store import digest_tree


class Name(Options):
    """What a name stands for: content or a commit, which fingerprints hold; and its place, which they never do."""

    place: str = Field(exclude=True)
    id: str | None = None
    commit: str | None = None
    sha256: str | None = None
    unresolved: bool = False

    def short(self) -> str:
        """A hub id, or a digest."""
        return self.id or self.sha256 or "unresolved"


Names = Mapping[str, Name]
Block = TypeVar("Block", bound=BaseModel)


@dataclass(frozen=True)
class Reference:
    """A name that stands somewhere in a recipe, with the revision that stands beside it."""

    where: str
    kind: str  # model or dataset
    name: str
    revision: str | None
    beside: str | None = None  # the key that the revision stands under

    @property
    def key(self) -> str:
        """What tells it from others: two revisions of one repository are two models."""
        return self.name if self.revision is None else f"{self.name}@{self.revision}"

    @property
    def local(self) -> bool:
        """Whether it is a path on this machine."""
        return Path(self.name).is_absolute()

    @property
    def what(self) -> str:
        """In a message."""
        return "data" if self.kind == "dataset" else self.kind


def unresolved(name: str) -> Name:
    """A name of which this machine knows nothing."""
    return Name(place=name, unresolved=True)


def resolve(reference: Reference, commits: Mapping[str, str]) -> Name:
    """What a name stands for; `commits` are known already, by key. InputError where it can be neither found nor resolved."""
    path = Path(reference.name)
    if reference.local:
        if not path.exists():
            raise InputError(f"{reference.kind} {path}: no such file or folder (a hub id has the form organisation/name)")
        return Name(place=reference.name, sha256=digest_tree(path))
    commit = commits.get(reference.key) or _commit(reference.name, reference.revision, reference.kind)
    return Name(place=reference.name, id=reference.name, commit=commit)


def references(block: BaseModel, where: str = "") -> Iterator[Reference]:
    """Every name below a block that stands for files or a repository."""
    for key, field in type(block).model_fields.items():
        value, path = getattr(block, key), f"{where}.{key}".lstrip(".")
        kind = _refers(field.annotation, field.metadata)
        if kind is None:
            yield from _below(value, path)
        elif isinstance(value, str) and (kind.bare or "/" in value):
            beside = next((name for name in (f"{key}_revision", "revision") if name in type(block).model_fields), None)
            yield Reference(path, kind.kind, value, getattr(block, beside) if beside else None, beside)


def pinned(block: Block, names: Names) -> Block:
    """The block with the commit that each of its names stands for in the place of the revision beside it."""
    commits = {
        one.beside: name.commit for one in references(block) if one.beside and (name := names.get(one.key)) and name.commit
    }
    return block.model_copy(update=commits)


def described(block: BaseModel, names: Names, **leave: Any) -> dict[str, JsonValue]:
    """The block as JSON, with content in the place of every name; `leave` goes to `model_dump`."""
    found = block.model_dump(mode="json", **leave)
    for one in references(block):
        *parents, key = one.where.split(".")
        place = found
        for parent in parents:
            place = place.get(parent, {})
        if key in place:
            place[key] = names.get(one.key, unresolved(one.name)).model_dump(mode="json", exclude_none=True)
            place.pop(one.beside or "", None)  # the commit says it
    return found


def _below(value: Any, path: str) -> Iterator[Reference]:
    if isinstance(value, BaseModel):
        yield from references(value, path)
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _below(entry, f"{path}.{key}")


def _refers(annotation: Any, metadata: list[Any]) -> Refers | None:
    """The mark of a field whose values are such names."""
    if get_origin(annotation) is Annotated:
        metadata = [*metadata, *get_args(annotation)[1:]]
    for mark in metadata:
        if isinstance(mark, Refers):
            return mark
    return next((found for part in get_args(annotation) if (found := _refers(part, [])) is not None), None)


def _commit(name: str, revision: str | None, kind: str) -> str:
    if revision is not None and re.fullmatch(r"[0-9a-f]{40}", revision):
        return revision
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    api = HfApi()
    try:
        information = (api.model_info if kind == "model" else api.dataset_info)(name, revision=revision, timeout=10)
        return str(information.sha)
    except Exception as error:
        # The HTTP client's own connection errors share no base class across its versions.
        known = isinstance(error, (OSError, HfHubHTTPError, OfflineModeIsEnabled, ValueError))
        if not known and not type(error).__module__.startswith("http"):
            raise
        reason = error
    folder = f"{kind}s--{name.replace('/', '--')}"
    cached = Path(constants.HF_HUB_CACHE) / folder / "refs" / (revision or "main")
    if cached.is_file():
        return cached.read_text().strip()
    raise InputError(f"{kind} {name}: no such local path, and the hub cannot resolve it: {first_line(reason)}")
