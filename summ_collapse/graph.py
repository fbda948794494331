"""Stages and their edges, named and fingerprinted: a DAG in an order in which it can run. Knows nothing of recipes."""

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from summ_collapse.errors import InputError
from summ_collapse.plugins import nearest
from summ_collapse.store import fingerprint


@dataclass(frozen=True)
class Stage:
    """One node: what it does, with what, from which stages (role to name)."""

    kind: str
    arm: str
    seed: int | None
    config: Mapping[str, Any]
    inputs: Mapping[str, str]
    name: str
    fingerprint: str

    @property
    def folder(self) -> str:
        """The arm with its seed, as the stage's folder is called."""
        return self.name.partition("/")[2]


class Graph:
    """Stages by name. A stage that is added twice with equal content is one stage."""

    def __init__(self, versions: Mapping[str, int], several_seeds: bool) -> None:
        self.stages: dict[str, Stage] = {}
        self._versions = versions
        self._several_seeds = several_seeds

    def add(self, kind: str, arm: str, seed: int | None, config: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
        """The name of the stage with this content; InputError where another one is called so."""
        name = f"{kind}/{arm}@{seed}" if seed is not None and self._several_seeds else f"{kind}/{arm}"
        content = {
            "kind": kind,
            "version": self._versions[kind],
            "config": config,
            "inputs": {role: self.stages[source].fingerprint for role, source in inputs.items()},
            "seed": seed,
        }
        if name in self.stages and self.stages[name].fingerprint != fingerprint(content):
            raise InputError(f"verifiers: two stages would be called {name}; rename one, or set rates and slices further apart")
        self.stages[name] = Stage(kind, arm, seed, config, inputs, name, fingerprint(content))
        return name

    def chosen(self, only: Iterable[str] = (), until: str | None = None) -> list[Stage]:
        """The stages that `--only` names (patterns such as `verify/*`), or all that `--until` needs; else every stage."""
        if until is not None:
            wanted = self._upstream(self._matching(until))
            return [stage for name, stage in self.stages.items() if name in wanted]
        patterns = list(only)
        if not patterns:
            return list(self.stages.values())
        names = {name for pattern in patterns for name in self._matching(pattern)}
        return [stage for name, stage in self.stages.items() if name in names]

    def _matching(self, pattern: str) -> list[str]:
        names = [name for name in self.stages if fnmatch.fnmatchcase(name, pattern)]
        if not names:
            raise InputError(f"unknown stage {pattern!r}{nearest(pattern, list(self.stages))}; `plan` lists them")
        return names

    def _upstream(self, names: Iterable[str]) -> set[str]:
        reached: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += self.stages[name].inputs.values()
        return reached
