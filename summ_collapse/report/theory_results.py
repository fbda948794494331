"""What the theory commands print and write: records of closed forms and of simulations, as JSON, CSV or a table.

A record is a flat dictionary, one a point of a grid. What has no value (psi where nothing is wrong) is None.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from rich.table import Table

from summ_collapse.report.results import Results
from summ_collapse.theory import gaussian, recursion, recursion_simulation
from summ_collapse.theory.reproductions import record_of
from summ_collapse.theory.settings import Angled, Independent, Setting, Trained
from summ_collapse.theory.simulation import simulate

Record = dict[str, Any]
OUTPUTS = ("p_star", "kept_error", "kept_fraction", "accuracy")
LARGEST_GRID = 1_000_000


def breakdown(axes: Mapping[str, Sequence[float] | None]) -> list[Record]:
    """A record a point of the grid over phi, psi and, where given, p, mu, d and n: p*, p', kappa and accuracy.

    Accuracy is the infinite-sample one for p and mu alone; where d and n are given too it is the paper's approximation, with
    `expected`, ours, beside it.
    """
    given = {name: values for name, values in axes.items() if values is not None}
    if ("d" in given) != ("n" in given):
        raise ValueError("d and n belong together: accuracy on finite data needs both")
    if "d" in given and "mu" not in given:
        raise ValueError("d and n need mu, the norm of the mean")
    if "mu" in given and "p" not in given:
        raise ValueError("accuracy needs p, the share of wrong labels, beside mu")
    points = _grid(given)
    phi, psi = points["phi"], points["psi"]
    found = {"p_star": gaussian.breakdown_point(phi, psi)}
    if "p" in given:
        found["kept_error"] = gaussian.kept_error(points["p"], phi, psi)
        found["kept_fraction"] = gaussian.kept_fraction(points["p"], phi, psi)
    if "n" in given:
        shape = (points["mu"], points["d"], points["n"])
        found["accuracy"] = gaussian.finite_sample_accuracy(points["p"], phi, psi, *shape)
        found["expected"] = gaussian.expected_accuracy(points["p"], phi, psi, *shape)
    elif "mu" in given:
        found["accuracy"] = gaussian.infinite_sample_accuracy(points["p"], phi, psi, points["mu"])
    return _records(points | found, OUTPUTS)


def phase(p: Sequence[float], ratio: Sequence[float], phi: float, mu: float, dimension: int, samples: int) -> list[Record]:
    """A record a point of the grid over p and psi / phi: p*, p', kappa, accuracy, and on which side of p* it lies.

    `accuracy` is the paper's approximation, `expected` ours, which is closer at p*.
    """
    points = _grid({"p": p, "ratio": ratio})
    points["phi"] = np.full(len(points["p"]), phi)
    points["psi"] = phi * points["ratio"]
    shares = (points["p"], points["phi"], points["psi"])
    points["p_star"] = gaussian.breakdown_point(*shares[1:])
    points["kept_error"] = gaussian.kept_error(*shares)
    points["kept_fraction"] = gaussian.kept_fraction(*shares)
    points["accuracy"] = gaussian.finite_sample_accuracy(*shares, mu, dimension, samples)
    points["expected"] = gaussian.expected_accuracy(*shares, mu, dimension, samples)
    records = _records(points)
    for record, sign in zip(records, gaussian.side(*shares), strict=True):
        record["p_star_verdict"] = {1.0: "helps", 0.0: "undecided", -1.0: "hurts"}[float(sign)]
    return records


def measured(results: Results) -> list[Record]:
    """The arms of a real experiment that have p, phi and psi, with the verdicts."""
    arms = [arm for arm in results.main if arm.p is not None and arm.phi is not None and arm.psi is not None]
    return [
        {
            **{name: getattr(arm, name) for name in ("arm", "p", "phi", "psi")},
            "ratio": arm.psi / arm.phi if arm.phi and arm.psi is not None else None,
            **{name: getattr(arm, name) for name in ("p_star", "kept_error", "p_star_verdict", "predicted", "observed")},
        }
        for arm in arms
    ]


def simulation(
    axes: Mapping[str, Sequence[float]],
    selection: str,
    learner: str,
    penalty: float,
    repetitions: int,
    seed: int,
    workers: int | None,
) -> list[Record]:
    """A record a point of the grid: simulated accuracy beside the closed forms.

    `axes` are mu, d, n and: p, phi, psi where `selection` is "independent"; else generator (and under "weak" supervision
    verifier, between) in degrees, or generator_samples (and verifier_samples), and under "random" supervision its rate.
    `selection` is then the supervision.
    """
    points = _plain(_grid(axes))
    settings = [
        Setting(point["mu"], int(point["d"]), int(point["n"]), _selection(selection, point), learner, penalty) for point in points
    ]
    found = simulate(settings, repetitions, seed, workers)
    inputs = ("generator", "verifier", "between", "generator_samples", "verifier_samples", "rate")
    keys = [{"selection": selection, **{name: point[name] for name in inputs if name in point}} for point in points]
    return [without_nan(record_of(key, cell)) for key, cell in zip(keys, found, strict=True)]


def _selection(selection: str, point: Mapping[str, float]) -> Independent | Angled | Trained:
    if selection == "independent":
        return Independent(point["p"], point["phi"], point["psi"])
    rate = {"rate": point["rate"]} if "rate" in point else {}
    if "generator_samples" in point:
        verifier_samples = int(point["verifier_samples"]) if "verifier_samples" in point else None
        return Trained(selection, int(point["generator_samples"]), verifier_samples, **rate)
    angles = {name: math.radians(point[name]) for name in ("generator", "verifier", "between") if name in point}
    return Angled(selection, **angles, **rate)


def generations(
    source: Sequence[float] | np.ndarray,
    real: int,
    synthetic: int,
    count: int,
    repetitions: int = 0,
    seed: int = 0,
    window: recursion.Window | None = None,
    tolerance: float | None = None,
) -> Record:
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
    found: Record = {"S": collision.tolist(), "D": drift.tolist(), "l1_bound": recursion.l1_bound(drift, symbols).tolist()}
    if window is None and real == 0:
        found["survival_bound"] = recursion.survival_bound(first, synthetic, count).tolist()
        found["collapse_time_bound"] = recursion.collapse_time_bound(first, synthetic)
    if tolerance is not None and window is None:  # other regimes have no real data to be safe with
        safe = recursion.safe_synthetic(first, real, symbols, tolerance)
        found["safe_synthetic"] = "unbounded" if math.isinf(safe) else int(safe)
        found["logarithmic_synthetic"] = recursion.logarithmic_synthetic(real, symbols)
    if repetitions:
        drawn = recursion_simulation.simulate(source, real, synthetic, count, repetitions, seed, window)
        found["simulated"] = {name: [_value(value) for value in values] for name, values in drawn.means().items()}
    return found


def by_generation(found: Mapping[str, Any]) -> list[Record]:
    """The lists of `generations` as records, one a generation."""
    columns = {name: values for name, values in found.items() if isinstance(values, list)}
    columns |= {f"simulated_{name}": values for name, values in found.get("simulated", {}).items()}
    return [{"generation": at, **{name: values[at] for name, values in columns.items()}} for at in range(len(found["S"]))]


def as_csv(records: Sequence[Mapping[str, Any]]) -> str:
    """A line a record, all its numbers in full precision."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _names(records), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()


def as_rich(records: Sequence[Mapping[str, Any]], rows: int = 60) -> Table:
    """A table of the first `rows` records, four digits each; its caption says how many are left out."""
    left = len(records) - rows
    table = Table(caption=f"{left:,} rows more, in --json and --csv" if left > 0 else None)
    names = _names(records)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for record in records[:rows]:
        values = [record.get(name) for name in names]
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value) for value in values))
    return table


def _names(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of all columns: not every record has all."""
    return list(dict.fromkeys(name for record in records for name in record))


def _grid(axes: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
    """Columns of all combinations, the last axis fastest."""
    for name, values in axes.items():
        if not len(values):
            raise ValueError(f"{name} has no value")
    size = math.prod(len(values) for values in axes.values())
    if size > LARGEST_GRID:
        raise ValueError(f"a grid has at most {LARGEST_GRID:,} points, got {size:,}")
    return dict(zip(axes, np.array(list(product(*axes.values())), dtype=np.float64).T, strict=True))


def _records(columns: Mapping[str, np.ndarray], outputs: Sequence[str] = ()) -> list[Record]:
    """Columns as records; outputs without a column are None."""
    missing = {name: None for name in outputs if name not in columns}
    return [{**record, **missing} for record in _plain(columns)]


def _plain(columns: Mapping[str, np.ndarray]) -> list[Record]:
    whole = ("d", "n", "generator_samples", "verifier_samples")
    lists = [[_value(value, name in whole) for value in column.tolist()] for name, column in columns.items()]
    return [dict(zip(columns, values, strict=True)) for values in zip(*lists, strict=True)]


def _value(value: float, whole: bool = False) -> float | int | None:
    if math.isnan(value):
        return None
    return int(value) if whole else value


def without_nan(record: Record) -> Record:
    """The record with None where it has no value."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in record.items()}
