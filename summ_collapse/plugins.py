"""What is installed: tasks, verifiers and metrics, found through entry points, ours like anybody else's."""

import difflib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from summ_collapse.errors import InputError


@cache
def installed(group: str) -> dict[str, EntryPoint]:
    """What packages on this machine register in the entry-point group `summ_collapse.<group>`, by name."""
    return {entry.name: entry for entry in sorted(entry_points(group=f"summ_collapse.{group}"), key=lambda entry: entry.name)}


@cache
def plugin(group: str, name: str) -> Any:
    """The object registered under `name`; InputError with the nearest name where there is none."""
    names = installed(group)
    if name not in names:
        raise InputError(f"unknown {group[:-1]} {name!r}{nearest(name, names)}; installed: {', '.join(names)}")
    return names[name].load()


def nearest(name: str, names: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the closest of `names`, or nothing."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


@cache
def known_metrics() -> dict[str, str]:
    """Every metric's name with the entry point of the family that computes it."""
    return {name: family for family in installed("metrics") for name in plugin("metrics", family).NAMES}


def unknown_metric(name: str) -> list[str]:
    """One message, without its key, where no installed family computes a metric of that name; else none."""
    known = known_metrics()
    return [] if name in known else [f"unknown metric {name!r}{nearest(name, known)}; installed: {', '.join(known)}"]
