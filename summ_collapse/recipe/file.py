"""A recipe's YAML file and the `key=value` overrides of its keys, before anybody asks what they mean."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from summ_collapse.errors import InputError


class GivenPath(str):
    """A path from the command line: the user's own, relative to where the command runs."""


def read_recipe(path: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """The mapping in `path` with overrides applied; InputError names the file, what was expected and what came."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such recipe file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: expected a recipe file, got a folder") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected UTF-8, got byte {error.object[error.start]:#04x} at offset {error.start}") from None
    try:
        raw = yaml.load(text, Loader=_UniqueKeys)
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise InputError(f"{path}: expected a mapping of recipe keys, got {type(raw).__name__}")
    for override in overrides:
        _apply(raw, override)
    return raw


class _UniqueKeys(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys without a word; a recipe must not lose one so."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.YAMLError(
                    f"key {key.value!r} stands twice, again in line {key.start_mark.line + 1}, column {key.start_mark.column + 1}"
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _apply(raw: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise InputError(f"override {override!r}: expected key.path=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"override {override!r}: expected a YAML value behind '=', got {text!r}") from None
    *parents, last = path.split(".")
    place = raw
    for parent in parents:
        if place.get(parent) is None:
            place[parent] = {}
        place = place[parent]
        if not isinstance(place, dict):
            raise InputError(f"override {override!r}: {parent!r} is a value, not a block of keys")
    place[last] = GivenPath(value) if isinstance(value, str) else value
