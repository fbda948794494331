"""Lines of generations: what each measure does from one to the next, regime by regime, with an interval over seeds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from summ_collapse.report.results import Entry, Results

LEVEL = 0.95
Line = tuple[float | None, str]  # the generator's slice, and the regime
BySeed = dict[int, dict[Line, list[Entry]]]


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


def lines_of(entries: Sequence[Entry]) -> dict[Line, list[Entry]]:
    """The arms of each generator's regimes by generation, that of generation 0 first in all of them."""
    found: dict[Line, list[Entry]] = {}
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
    by_seed = seeds_lines(results)
    names = [*results.metrics, *dict.fromkeys(name for entry in results.single for name in entry.collapse)]
    return [trend for name in names for trend in _of_measure(name, by_seed)]


def seeds_lines(results: Results) -> BySeed:
    """Every seed's lines."""
    seeds = list(dict.fromkeys(entry.seed for entry in results.single if entry.seed is not None))
    return {seed: lines_of([one for one in results.single if one.seed == seed]) for seed in seeds}


def _of_measure(name: str, by_seed: BySeed) -> Iterator[Trend]:
    values = series_of(name, by_seed)
    found = intervals({line: [slope(one) for one in series] for line, series in values.items()})
    for (share, regime), series in values.items():
        mean, low, high = found[share, regime]
        over = np.mean(series, axis=0)
        yield Trend(regime, share, name, len(over) - 1, len(series), float(over[0]), float(over[-1]), mean, low, high)


def series_of(name: str, by_seed: BySeed) -> dict[Line, list[np.ndarray]]:
    """A measure from generation 0 on, under every seed that has it of all generations; lines of two generations or more."""
    values: dict[Line, list[np.ndarray]] = {}
    for lines in by_seed.values():
        for line, arms in lines.items():
            known = [value_of(arm, name) for arm in arms]
            if len(known) > 1 and None not in known:
                values.setdefault(line, []).append(np.array(known, dtype=np.float64))
    # Failed arms leave a line shorter under one seed than under another.
    return {line: [one[: min(map(len, series))] for one in series] for line, series in values.items()}


def intervals(values: Mapping[Line, Sequence[float]]) -> dict[Line, tuple[float, float | None, float | None]]:
    """The mean over seeds of each line, with its t interval by the variance of all lines together; None under one seed."""
    arrays = {line: np.array(found) for line, found in values.items()}
    freedom = sum(len(found) - 1 for found in arrays.values())
    if not freedom:
        return {line: (float(found.mean()), None, None) for line, found in arrays.items()}
    spread = np.sqrt(sum(((found - found.mean()) ** 2).sum() for found in arrays.values()) / freedom)
    reach = {
        line: float(special.stdtrit(freedom, (1 + LEVEL) / 2) * spread / np.sqrt(len(found))) for line, found in arrays.items()
    }
    return {line: (mean := float(found.mean()), mean - reach[line], mean + reach[line]) for line, found in arrays.items()}


def slope(values: np.ndarray) -> float:
    """The change from one generation to the next, by least squares."""
    generations = np.arange(len(values)) - (len(values) - 1) / 2
    return float(generations @ values / (generations @ generations))
