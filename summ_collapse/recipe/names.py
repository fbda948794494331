"""Types of fields whose values name files or hub repositories; `recipe.resolve` finds them wherever they stand."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ValidationInfo

from summ_collapse.recipe.file import GivenPath

DATA_SUFFIXES = (".jsonl", ".json", ".csv", ".parquet")


def _local_or_hub(value: Any, info: ValidationInfo) -> Any:
    """A local path becomes absolute, from the recipe's folder on; a hub id stays as it is."""
    if not isinstance(value, str):
        return value
    if isinstance(value, GivenPath):
        return str(Path(value).expanduser().resolve()) if is_local(value) or Path(value).exists() else str(value)
    folder = (info.context or {}).get("folder")
    if folder is None or not (is_local(value) or (folder / value).exists()):
        return value
    return str((folder / Path(value).expanduser()).resolve())


def is_local(name: str) -> bool:
    """Whether a data or model name is a path on this machine rather than a hub id such as `org/name`."""
    return name.startswith((".", "/", "~")) or name.endswith(DATA_SUFFIXES) or not re.fullmatch(r"[\w.-]+/[\w.-]+", name)


@dataclass(frozen=True)
class Refers:
    """Marks a field whose value names files or a hub repository; `recipe.resolve` finds it wherever it stands."""

    kind: Literal["model", "dataset"]
    bare: bool = True  # whether a word without a slash is such a name too, or one of the recipe's own models


LocalOrHub = Annotated[str, BeforeValidator(_local_or_hub), Refers("model")]
DataName = Annotated[str, BeforeValidator(_local_or_hub), Refers("dataset")]
# A bare word names a model of the recipe; anything with a slash is a path or a hub id.
ModelReference = Annotated[
    str,
    BeforeValidator(lambda value, info: _local_or_hub(value, info) if "/" in str(value) else value),
    Refers("model", bare=False),
]
