"""Lines of generations: what each measure does from one to the next, regime by regime, with an interval over seeds."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy import special

from summ_collapse.report.results import Entry, Results

LEVEL = 0.95


@dataclass(frozen=True)
class Trend:
    """A measure under one regime: at generation 0, at the last, and how much it changes a generation, by least squares.

    The interval of the slope is a t interval over seeds with the variance of all regimes together, so that two seeds are enough;
    None under one seed.
    """

    regime: str
    slice: float | None
    measure: str
    generations: int
    seeds: int
    first: float
    last: float
    slope: float
    low: float | None
    high: float | None


def lines_of(entries: Sequence[Entry]) -> dict[tuple[float | None, str], list[Entry]]:
    """The arms of each generator's regimes by generation, that of generation 0 first in all of them."""
    found: dict[tuple[float | None, str], list[Entry]] = {}
    beginnings = {entry.slice: entry for entry in entries if entry.regime is None and entry.generation == 0}
    for entry in entries:
        if entry.regime is not None and entry.failed is None:
            begin = [beginnings[entry.slice]] if entry.slice in beginnings else []
            found.setdefault((entry.slice, entry.regime), begin).append(entry)
    return {line: sorted(arms, key=lambda arm: arm.generation or 0) for line, arms in found.items()}


def last_of_lines(entries: Sequence[Entry]) -> list[Entry]:
    """Without what a line of generations goes through on its way."""
    last = {id(arms[-1]) for arms in lines_of(entries).values()}
    return [entry for entry in entries if entry.generation is None or id(entry) in last or entry.failed is not None]


def value_of(entry: Entry, measure: str) -> float | None:
    """A metric's mean, or a measure of collapse."""
    return entry.metrics[measure].mean if measure in entry.metrics else entry.collapse.get(measure)


def trends(results: Results) -> list[Trend]:
    """Every measure of every regime; of lines with two generations or more."""
    by_seed = {seed: lines_of([one for one in results.single if one.seed == seed]) for seed in _seeds(results)}
    names = [*results.metrics, *dict.fromkeys(name for entry in results.single for name in entry.collapse)]
    return [trend for name in names for trend in _of_measure(name, by_seed)]


def _seeds(results: Results) -> list[int]:
    return list(dict.fromkeys(entry.seed for entry in results.single if entry.seed is not None))


def _of_measure(name: str, by_seed: dict[int, dict[tuple[float | None, str], list[Entry]]]) -> Iterator[Trend]:
    values: dict[tuple[float | None, str], list[np.ndarray]] = {}
    for lines in by_seed.values():
        for line, arms in lines.items():
            known = [value_of(arm, name) for arm in arms]
            if len(known) > 1 and None not in known:
                values.setdefault(line, []).append(np.array(known, dtype=np.float64))
    # Failed arms leave a line shorter under one seed than under another.
    lengths = {line: min(map(len, found)) for line, found in values.items()}
    slopes = {line: np.array([_slope(one[: lengths[line]]) for one in found]) for line, found in values.items()}
    freedom = sum(len(found) - 1 for found in slopes.values())
    spread = np.sqrt(sum(((found - found.mean()) ** 2).sum() for found in slopes.values()) / freedom) if freedom else None
    for (share, regime), found in slopes.items():
        reach = None if spread is None else special.stdtrit(freedom, (1 + LEVEL) / 2) * spread / np.sqrt(len(found))
        series = np.mean([one[: lengths[share, regime]] for one in values[share, regime]], axis=0)
        slope = float(found.mean())
        bounds = (None, None) if reach is None else (slope - float(reach), slope + float(reach))
        yield Trend(regime, share, name, len(series) - 1, len(found), float(series[0]), float(series[-1]), slope, *bounds)


def _slope(values: np.ndarray) -> float:
    generations = np.arange(len(values)) - (len(values) - 1) / 2
    return float(generations @ values / (generations @ generations))


def as_csv(found: Sequence[Trend]) -> str:
    """A line a trend."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([field.name for field in fields(Trend)])
    writer.writerows([["" if (value := getattr(one, field.name)) is None else value for field in fields(Trend)] for one in found])
    return buffer.getvalue()
