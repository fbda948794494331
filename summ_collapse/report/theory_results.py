"""What the theory commands print and write: closed forms and simulations at the points of a grid, as JSON, CSV or a table."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from rich.table import Table

from summ_collapse.report.layout import plain
from summ_collapse.report.results import Entry
from summ_collapse.theory import gaussian, recursion, recursion_simulation
from summ_collapse.theory.normal import Floats
from summ_collapse.theory.points import Column, Points, Value
from summ_collapse.theory.reproductions import Cell
from summ_collapse.theory.settings import Angled, Independent, Setting, Trained

Row = dict[str, Value]
OUTPUTS = ("p_star", "kept_error", "kept_fraction", "accuracy")
# What is told of an experiment's arms; all but `ratio`, psi / phi, is in its results.
MEASURED: dict[str, type] = {"arm": object, **dict.fromkeys(("p", "phi", "psi", "p_star", "kept_error"), float)}
MEASURED |= {**dict.fromkeys(("p_star_verdict", "predicted", "observed"), object), "ratio": float}
SHOWN = 60  # rows of a table
DIGITS = 9  # what a number takes at most, such as 1.234e-05
LARGEST_GRID = 1_000_000


def breakdown(axes: Mapping[str, Sequence[float]]) -> Points:
    """The closed forms on the grid over phi, psi and, where given, p, mu, d and n; all of OUTPUTS, nan where more is needed."""
    if ("d" in axes) != ("n" in axes):
        raise ValueError("d and n belong together: accuracy on finite data needs both")
    if "d" in axes and "mu" not in axes:
        raise ValueError("d and n need mu, the norm of the mean")
    if "mu" in axes and "p" not in axes:
        raise ValueError("accuracy needs p, the share of wrong labels, beside mu")
    columns = grid_columns(axes)
    columns |= gaussian.closed_forms(**columns)
    return Points(columns | {name: np.full(len(columns["phi"]), np.nan) for name in OUTPUTS if name not in columns})


def phase(p: Sequence[float], ratio: Sequence[float], phi: float, mu: float, dimension: int, samples: int) -> Points:
    """The closed forms on the grid over p and psi / phi, and on which side of p* each point lies."""
    columns = grid_columns({"p": p, "ratio": ratio})
    columns |= {"phi": np.full(len(columns["p"]), phi), "psi": phi * columns["ratio"]}
    shares = {name: columns[name] for name in ("p", "phi", "psi")}
    columns |= gaussian.closed_forms(**shares, mu=mu, d=dimension, n=samples)
    side = gaussian.side(**shares)
    columns["p_star_verdict"] = np.select([side > 0, side < 0], ["helps", "hurts"], "undecided")
    return Points(columns)


def measured(entries: Sequence[Entry]) -> Points:
    """The arms of a real experiment that have p, phi and psi, with the verdicts."""
    arms = [arm for arm in entries if arm.p is not None and arm.phi is not None and arm.psi is not None]
    columns: dict[str, Column] = {
        name: np.array([getattr(arm, name, None) for arm in arms], dtype=dtype) for name, dtype in MEASURED.items()
    }
    np.divide(columns["psi"], columns["phi"], out=columns["ratio"], where=columns["phi"] > 0)
    return Points(columns)


def cells(axes: Mapping[str, Sequence[float]], selection: str, learner: str, penalty: float) -> Iterator[Cell]:
    """What is to be simulated on a grid.

    `axes` are mu, d, n and: p, phi, psi where `selection` is "independent"; else generator (and under "weak" supervision
    verifier, between) in degrees, or generator_samples (and verifier_samples), and under "random" supervision its rate.
    `selection` is then the supervision.
    """
    inputs = ("generator", "verifier", "between", "generator_samples", "verifier_samples", "rate")
    for values in _grid(axes):
        point = dict(zip(axes, values, strict=True))
        setting = Setting(point["mu"], int(point["d"]), int(point["n"]), _selection(selection, point), learner, penalty)
        yield {"selection": selection, **{name: point[name] for name in inputs if name in point}}, setting


def _selection(selection: str, point: Mapping[str, float]) -> Independent | Angled | Trained:
    if selection == "independent":
        return Independent(point["p"], point["phi"], point["psi"])
    rate = point.get("rate", 0.5)
    sizes = {name: int(point[name]) for name in ("generator_samples", "verifier_samples") if name in point}
    if sizes:
        return Trained(selection, **sizes, rate=rate)
    angles = (point[name] for name in ("generator", "verifier", "between") if name in point)
    return Angled.in_degrees(selection, *angles, rate=rate)


@dataclass(frozen=True)
class Regime:
    """A way of training on one's own output: closed forms and simulated means, a value a generation, and what they bound."""

    exact: Points
    bounds: Mapping[str, float | str]
    simulated: Points | None = None

    def content(self) -> dict[str, object]:
        """As JSON has it."""
        means = {} if self.simulated is None else {"simulated": self.simulated.lists()}
        return {**self.exact.lists(), **self.bounds, **means}

    def rows(self) -> list[Row]:
        """A row a generation."""
        means = self.simulated.columns if self.simulated else {}
        columns = {**self.exact.columns, **{f"simulated_{name}": values for name, values in means.items()}}
        return Points({"generation": np.arange(len(self.exact["S"])), **columns}).rows()


def generations(
    source: Floats,
    real: int,
    synthetic: int,
    count: int,
    repetitions: int = 0,
    seed: int = 0,
    window: recursion.Window | None = None,
    tolerance: float | None = None,
) -> Regime:
    """S, D and the L1 bound of generations 0 … count, beside simulated ones, the safe amount and the time to collapse.

    `window` mixes earlier generations instead of the real data. Without real data the time by which total collapse has come
    with probability 1/2, by the bound, is given; with them and a `tolerance`, the safe amount of synthetic data.
    """
    symbols = len(source)
    first = recursion.first_collision(source, real, synthetic)
    if window:
        collision, drift = recursion.mixed_collision(first, synthetic, count, window)
    else:
        collision = recursion.collision(first, real, synthetic, count)
        drift = recursion.drift(first, real, synthetic, count)
    exact = {"S": collision, "D": drift, "l1_bound": recursion.l1_bound(drift, symbols)}
    bounds: dict[str, float | str] = {}
    if window is None and real == 0:
        exact["survival_bound"] = recursion.survival_bound(first, synthetic, count)
        bounds["collapse_time_bound"] = recursion.collapse_time_bound(first, synthetic)
    if tolerance is not None and window is None:  # other regimes have no real data to be safe with
        safe = recursion.safe_synthetic(first, real, symbols, tolerance)
        bounds["safe_synthetic"] = "unbounded" if math.isinf(safe) else int(safe)
        bounds["logarithmic_synthetic"] = recursion.logarithmic_synthetic(real, symbols)
    if not repetitions:
        return Regime(Points(exact), bounds)
    drawn = recursion_simulation.simulate(source, real, synthetic, count, repetitions, seed, window)
    return Regime(Points(exact), bounds, drawn.means())


def as_csv(rows: Sequence[Row]) -> str:
    """A line a row, all its numbers in full precision."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _names(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def as_rich(rows: Sequence[Row], wide: bool = False) -> Table:
    """A table of the first rows, four digits each; unless it is `wide`, without the columns that have one value only."""
    left_out: set[str] = set() if wide else set(same(rows)) | _empty(rows)
    names = [name for name in _names(rows) if name not in left_out]
    table = plain(names if wide else [_folded(name) for name in names], {"arm"})
    for row in rows[:SHOWN]:
        table.add_row(*(_text(row.get(name)) for name in names))
    return table


def as_list(row: Row) -> Table:
    """A single row, a line a value."""
    table = plain(["", "value"], {""})
    for name, value in row.items():
        if value is not None:
            table.add_row(name, _text(value))
    return table


def same(rows: Sequence[Row]) -> dict[str, str]:
    """The columns that have one value in all rows, of several."""
    if len(rows) < 2:
        return {}
    found = {name: {row.get(name) for row in rows} for name in _names(rows)}
    return {name: _text(values.pop()) for name, values in found.items() if len(values) == 1 and None not in values}


def _empty(rows: Sequence[Row]) -> set[str]:
    return {name for name in _names(rows) if all(row.get(name) is None for row in rows)}


def _folded(name: str) -> str:
    """A heading in two lines where it is longer than the numbers below it are."""
    return name if len(name) <= DIGITS else "\n".join(name.rsplit("_", 1))


def _text(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def _names(rows: Sequence[Row]) -> list[str]:
    """Of all columns: not every row has all."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _grid(axes: Mapping[str, Sequence[float]]) -> list[tuple[float, ...]]:
    """All combinations, the last axis fastest."""
    for name, values in axes.items():
        if not len(values):
            raise ValueError(f"{name} has no value")
    size = math.prod(len(values) for values in axes.values())
    if size > LARGEST_GRID:
        raise ValueError(f"a grid has at most {LARGEST_GRID:,} points, got {size:,}")
    return list(product(*axes.values()))


def grid_columns(axes: Mapping[str, Sequence[float]]) -> dict[str, Column]:
    return {name: np.array(values) for name, values in zip(axes, zip(*_grid(axes), strict=True), strict=True)}
