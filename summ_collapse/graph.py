"""Nodes and their edges, named and fingerprinted: a DAG in an order in which it can run. Pure: no files, no models.

slice = graph.add(Slice(share=0.25), "0.25", None, {"examples": examples})
"""

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import JsonValue

from summ_collapse.errors import InputError
from summ_collapse.plugins import nearest
from summ_collapse.store import fingerprint


class Work(Protocol):
    """What a graph has to know of a stage: its kind, what it reads and gives, and all that can change a byte of it."""

    kind: ClassVar[str]
    version: ClassVar[int]
    inputs: ClassVar[Mapping[str, str]]
    further: ClassVar[Mapping[str, str]]
    gives: ClassVar[str]

    def described(self) -> Mapping[str, JsonValue]: ...


ANY = "any"  # what a role takes that any table may play

W = TypeVar("W", bound=Work)


@dataclass(frozen=True)
class Node(Generic[W]):
    """One stage in a graph: what it does, under which name and seed, from which nodes (role to name)."""

    stage: W
    arm: str
    seed: int | None
    inputs: Mapping[str, str]
    name: str
    fingerprint: str

    @property
    def kind(self) -> str:
        return self.stage.kind

    @property
    def folder(self) -> str:
        """The arm with its seed, as the stage's folder is called."""
        return self.name.partition("/")[2]


class Graph(Generic[W]):
    """Nodes by name. A stage that is added twice with equal content is one node."""

    def __init__(self, several_seeds: bool) -> None:
        self.stages: dict[str, Node[W]] = {}
        self._several_seeds = several_seeds

    def add(self, stage: W, arm: str, seed: int | None, inputs: Mapping[str, Node[W]]) -> Node[W]:
        """The node of this stage; InputError where another one is called so, TypeError where an input is of a wrong table."""
        name = f"{stage.kind}/{arm}@{seed}" if seed is not None and self._several_seeds else f"{stage.kind}/{arm}"
        _check_roles(name, stage, inputs)
        content = {
            "kind": stage.kind,
            "version": stage.version,
            "config": stage.described(),
            "inputs": {role: source.fingerprint for role, source in inputs.items()},
            "seed": seed,
        }
        made = Node(stage, arm, seed, {role: source.name for role, source in inputs.items()}, name, fingerprint(content))
        if self.stages.setdefault(name, made).fingerprint != made.fingerprint:
            raise InputError(f"verifiers: two stages would be called {name}; rename one, or set rates and slices further apart")
        return self.stages[name]

    def chosen(self, only: Iterable[str] = (), until: str | None = None) -> list[Node[W]]:
        """The nodes that `--only` names (patterns such as `verify/*`), or all that `--until` needs; else every node."""
        if until is not None:
            wanted = self.upstream(self._matching(until))
            return [node for name, node in self.stages.items() if name in wanted]
        patterns = list(only)
        if not patterns:
            return list(self.stages.values())
        names = {name for pattern in patterns for name in self._matching(pattern)}
        return [node for name, node in self.stages.items() if name in names]

    def _matching(self, pattern: str) -> list[str]:
        names = [name for name in self.stages if fnmatch.fnmatchcase(name, pattern)]
        if not names:
            raise InputError(f"unknown stage {pattern!r}{nearest(pattern, self.stages)}; `plan` lists them")
        return names

    def upstream(self, names: Iterable[str]) -> set[str]:
        """These nodes, and all that they need."""
        reached: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += self.stages[name].inputs.values()
        return reached


def descendants(inputs: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """How many nodes wait for each, directly or not; `inputs` names what each needs, in an order in which they can run."""
    below: dict[str, set[str]] = {name: set() for name in inputs}
    for name in reversed(list(inputs)):  # whatever needs a node stands behind it
        for source in inputs[name]:
            below[source] |= below[name] | {name}
    return {name: len(found) for name, found in below.items()}


def _check_roles(name: str, stage: Work, inputs: Mapping[str, Node[Any]]) -> None:
    missing = stage.inputs.keys() - inputs.keys()
    if missing:
        raise TypeError(f"{name}: expected an input {min(missing)!r}")
    for role, source in inputs.items():
        patterns = {**stage.further, **stage.inputs}
        wanted = next((table for pattern, table in patterns.items() if fnmatch.fnmatchcase(role, pattern)), None)
        if wanted is None or wanted not in (ANY, source.stage.gives):
            raise TypeError(f"{name}: {source.name} gives {source.stage.gives}, and the role {role!r} takes {wanted}")
