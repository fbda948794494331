"""Figures of the theory and its simulations, from records; equal records give equal bytes.

One function a figure. Files are SVG or PNG, by their suffix.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from summ_collapse.report.figures.canvas import COLORS, canvas, color

Records = Sequence[Mapping[str, Any]]

SUFFIXES = (".svg", ".png")
MOST_LINES = 20
# Arms with a larger psi / phi than this many times the map's are drawn at its edge.
TALLEST = 3
# In the order that they are drawn in: what is decided lies on top.
OBSERVED = {
    None: ("x", "#666666"),  # not retrained, or not compared
    "undecided": ("o", "#666666"),
    "hurts": ("v", "#D55E00"),
    "helps": ("^", "#009E73"),
}


def draw_transition(records: Records, path: Path) -> None:
    """Accuracy against p, a line a psi / phi, with the breakdown points."""
    with _figure(path) as axes:
        for place, ratio in enumerate(dict.fromkeys(record["ratio"] for record in records)):
            cells = [record for record in records if record["ratio"] == ratio]
            style = {"color": color(place), "linewidth": 1}
            axes.plot(*_columns(cells, "p", "accuracy"), marker=".", markersize=3, label=f"{ratio:g}", **style)
            axes.axvline(cells[0]["p_star"], linestyle=":", **style)
        axes.set_xlabel("p, share of wrong labels (dotted: p*)")
        axes.set_ylabel("accuracy of the averaging classifier")
        axes.legend(title="ψ/φ", frameon=False)


def draw_samples(records: Records, path: Path) -> None:
    """Accuracy against n, a line a supervision; a panel a kind of selection."""
    kinds = tuple(dict.fromkeys(record["selection"] for record in records))
    titles = {"independent": "selection independent of x", "linear": "linear generator and verifier"}
    with _figures(path, len(kinds)) as panels:
        for axes, kind in zip(panels, kinds, strict=True):
            for place, supervision in enumerate(dict.fromkeys(record["supervision"] for record in records)):
                cells = [record for record in records if (record["selection"], record["supervision"]) == (kind, supervision)]
                n, accuracy, error = _columns(cells, "n", "accuracy", "accuracy_se")
                axes.errorbar(n, accuracy, 1.96 * error, color=COLORS[place], marker=".", linewidth=1, label=supervision)
                axes.plot(*_columns(cells, "n", "approximation"), color=COLORS[place], linestyle=":", linewidth=1)
            axes.set_xscale("log")
            axes.set_title(titles[kind], loc="left")
            axes.set_xlabel("n, samples before selection (dotted: the formula)")
        panels[0].set_ylabel("accuracy of the averaging classifier")
        panels[0].legend(title="supervision", frameon=False)


def draw_sweet_spot(records: Records, path: Path) -> None:
    """The verifier's accuracy, p*, and the accuracy of what is trained, against how much of the generator is in the verifier."""
    titles = {"independent": "selection independent of x", "linear": "linear selection"}
    with _figures(path, 3, share=False) as panels:
        once = [record for record in records if record["selection"] == "linear"]
        for axes, column, label in ((panels[0], "verifier_accuracy", "verifier's accuracy"), (panels[1], "p_star", "p*")):
            _line_with_peak(axes, once, column, COLORS[6], None)
            axes.set_ylabel(label)
        for place, kind in enumerate(titles):
            cells = [record for record in records if record["selection"] == kind]
            _line_with_peak(panels[2], cells, "accuracy", COLORS[place], titles[kind])
        panels[2].set_ylabel("accuracy of what is trained (95%)")
        panels[2].legend(frameon=False, fontsize=7)
        for axes in panels:
            axes.set_xlabel("share of the generator in the verifier")


def _line_with_peak(axes: Any, cells: Records, column: str, shade: str, label: str | None) -> None:
    blend, values = _columns(cells, "blend", column)
    axes.plot(blend, values, color=shade, linewidth=1, label=label)
    if column == "accuracy":
        (error,) = _columns(cells, "accuracy_se")
        axes.fill_between(blend, values - 1.96 * error, values + 1.96 * error, color=shade, alpha=0.2, linewidth=0)
    peak = int(np.argmax(values))
    axes.plot(blend[peak], values[peak], color=shade, marker="o")


def draw_quality(records: Records, path: Path) -> None:
    """Accuracy of what is trained over the generator's by the verifier's accuracy, with the line p = p*."""
    with _figure(path) as axes:
        x, y, accuracy = _surface(records, "generator_accuracy", "verifier_accuracy", "accuracy")
        _, _, error = _surface(records, "generator_accuracy", "verifier_accuracy", "kept_error")
        _heat(axes, x, y, accuracy, "accuracy of what is trained")
        axes.contour(x, y, error, [0.5], colors="black", linewidths=1.5)
        axes.plot([], [], color="black", label="p = p*")
        axes.axline((0.5, 0.5), slope=1, color="black", linestyle=":", linewidth=1, label="equally good")
        axes.set_xlim(x.min(), x.max())
        axes.set_ylim(y.min(), y.max())
        axes.set_xlabel("generator's accuracy")
        axes.set_ylabel("verifier's accuracy")
        axes.legend(loc="upper left", framealpha=0.8)


def draw_phase(records: Records, measured: Records, path: Path) -> None:
    """Accuracy over p and psi / phi with the breakdown line, and the measured arms of an experiment with what was observed."""
    with _figure(path) as axes:
        x, y, accuracy = _surface(records, "p", "ratio", "accuracy")
        shown = [record for record in measured if record["ratio"] is not None]
        edge = TALLEST * float(y.max())
        top = min(edge, max([float(y.max()), *(1.05 * record["ratio"] for record in shown)]))
        _heat(axes, x, y, accuracy, "accuracy of the averaging classifier")
        ratio = np.linspace(0, top, 400)
        axes.plot(1 / (1 + ratio), ratio, color="black", linewidth=1.5, label="p*")
        for verdict, (marker, shade) in OBSERVED.items():
            arms = [record for record in shown if record["observed"] == verdict]
            if arms:
                style = {"marker": marker, "color": shade, "markersize": 7, "linestyle": "none", "clip_on": False}
                style |= {"markeredgecolor": "white"} if verdict else {}
                p, height = _columns(arms, "p", "ratio")
                axes.plot(p, np.minimum(height, top), label=f"observed: {verdict or 'nothing'}", **style)
        reach = [float(x.min()), float(x.max()), *(arm["p"] for arm in shown)]
        axes.set_xlim(min(reach), max(reach))
        axes.set_ylim(0, top)
        _name_arms(axes, shown, top)
        axes.set_xlabel("p, share of wrong labels")
        axes.set_ylabel("ψ/φ")
        axes.figure.legend(loc="outside lower center", ncol=3, frameon=False)


def _name_arms(axes: Any, arms: Records, top: float) -> None:
    """Each arm's name beside its point, on the side with more room, spread out upwards where points lie close together."""
    gap = top / max(24, len(arms) + 1)
    left, right = axes.get_xlim()
    lowest = gap / 2
    for at, arm in enumerate(sorted(arms, key=lambda arm: arm["ratio"])):
        # As high as its point or its lower neighbours want, and as low as those above it need.
        place = min(max(min(arm["ratio"], top), lowest), top - gap * (len(arms) - at - 0.5))
        lowest = place + gap
        on_left = arm["p"] > (left + right) / 2
        axes.annotate(
            arm["arm"],
            (arm["p"], min(arm["ratio"], top)),
            (arm["p"] + (-0.05 if on_left else 0.05) * (right - left), place),
            ha="right" if on_left else "left",
            va="center",
            fontsize=6,
            bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.8},
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "#999999", "relpos": (1 if on_left else 0, 0.5)},
        )


def draw_generations(found: Mapping[str, Any], path: Path) -> None:
    """S and D a generation: closed forms as lines, simulated means as points with 95% intervals."""
    with _figures(path, 2, share=False) as panels:
        for axes, name, label in zip(panels, ("S", "D"), ("S, collision probability", "D, drift from generation 0"), strict=True):
            axes.plot(found[name], color=COLORS[0], linewidth=1, label="closed form")
            if "simulated" in found:
                _simulated_means(axes, found["simulated"], name, COLORS[1], label="simulated")
            axes.set_xlabel("generation")
            axes.set_ylabel(label)
        panels[0].legend(frameon=False)


def draw_regimes(regimes: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """S a generation for several regimes of training on one's own output, by name."""
    with _figure(path) as axes:
        for place, (name, found) in enumerate(regimes.items()):
            axes.plot(found["S"], color=color(place), linewidth=1, label=name)
            if "simulated" in found:
                _simulated_means(axes, found["simulated"], "S", color(place), every=max(1, len(found["S"]) // 40))
        axes.set_xlabel("generation (lines: closed form, points: simulated)")
        axes.set_ylabel("S, collision probability (1: total collapse)")
        axes.legend(frameon=False)


def _simulated_means(
    axes: Any, simulated: Mapping[str, Any], name: str, shade: str, label: str | None = None, every: int = 1
) -> None:
    """Means over repetitions as points, with 95% intervals where there are several."""
    means, errors = (np.array(simulated[key], dtype=np.float64)[::every] for key in (name, f"{name}_se"))
    style = {"color": shade, "linestyle": "none", "marker": ".", "markersize": 3, "linewidth": 1}
    axes.errorbar(every * np.arange(len(means)), means, 1.96 * np.nan_to_num(errors), label=label, **style)


def check_grid(grid: Mapping[str, Sequence[float]]) -> tuple[str, list[str]]:
    """The coordinate to draw along, the one with most values, and the others that vary; ValueError for what is no figure."""
    sizes = {name: len(set(values)) for name, values in grid.items()}
    varying = [name for name, size in sizes.items() if size > 1]
    if not varying:
        raise ValueError("a figure needs a grid: at least one input with several values")
    along = max(varying, key=lambda name: sizes[name])
    others = [name for name in varying if name != along]
    lines = math.prod(sizes[name] for name in others)
    if lines > MOST_LINES:
        raise ValueError(f"a figure shows at most {MOST_LINES} lines, and this grid has {lines:,}")
    return along, others


def draw_grid(records: Records, grid: Mapping[str, Sequence[float]], value: str, path: Path) -> None:
    """`value` against the coordinate with most values, a line a combination of the other coordinates that vary."""
    along, others = check_grid(grid)
    series: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        series.setdefault(", ".join(f"{name} {record[name]:g}" for name in others), []).append(record)
    with _figure(path) as axes:
        for place, (label, cells) in enumerate(series.items()):
            style = {"color": COLORS[place % len(COLORS)], "linestyle": ("-", "--", ":")[place // len(COLORS)]}
            axes.plot(*_columns(cells, along, value), marker=".", linewidth=1, label=label, **style)
        axes.set_xlabel(along)
        axes.set_ylabel(value)
        if others:
            axes.legend(frameon=False, fontsize=7)


DRAWN: dict[str, Callable[[Records, Path], None]] = {
    "transition": draw_transition,
    "samples": draw_samples,
    "sweet-spot": draw_sweet_spot,
    "quality": draw_quality,
}


def _columns(records: Records, *names: str) -> list[np.ndarray]:
    return [
        np.array([np.nan if record[name] is None else record[name] for record in records], dtype=np.float64) for name in names
    ]


def _surface(records: Records, across: str, up: str, value: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates and values of a full grid, values (up, across)."""
    x, y, z = _columns(records, across, up, value)
    columns, rows = np.unique(x), np.unique(y)
    surface = np.full((len(rows), len(columns)), np.nan)
    surface[np.searchsorted(rows, y), np.searchsorted(columns, x)] = z
    return columns, rows, surface


def _heat(axes: Any, x: np.ndarray, y: np.ndarray, values: np.ndarray, label: str) -> None:
    if min(values.shape) < 2:
        raise ValueError("a map needs at least two values of each coordinate")
    drawn = axes.contourf(x, y, values, np.linspace(0, 1, 21), cmap="RdBu")
    axes.figure.colorbar(drawn, ax=axes, label=label, ticks=[0, 0.25, 0.5, 0.75, 1])


@contextmanager
def _figure(path: Path) -> Iterator[Any]:
    """One pair of axes, written to `path` at the end."""
    with _figures(path, 1) as panels:
        yield panels[0]


@contextmanager
def _figures(path: Path, count: int, share: bool = True) -> Iterator[Any]:
    with canvas([path], (6, 4) if count == 1 else (9, 3.6)) as figure:
        yield figure.subplots(1, count, sharey=share, squeeze=False)[0]
