"""Figures of the theory and its simulations, from their points; equal points give equal bytes.

One function a figure. Files are SVG or PNG, by their suffix.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from summ_collapse.report.figures.canvas import COLORS, canvas, color
from summ_collapse.report.theory_results import Regime
from summ_collapse.theory.points import Points

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


def draw_transition(points: Points, path: Path) -> None:
    """Accuracy against p, a line a psi / phi, with the breakdown points."""
    with _panels(path) as (axes,):
        for place, ((ratio,), cells) in enumerate(points.by("ratio").items()):
            style = {"color": color(place), "linewidth": 1}
            axes.plot(cells["p"], cells["accuracy"], marker=".", markersize=3, label=f"{ratio:g}", **style)
            axes.axvline(cells["p_star"][0], linestyle=":", **style)
        axes.set(xlabel="p, share of wrong labels (dotted: p*)", ylabel="accuracy of the averaging classifier")
        axes.legend(title="ψ/φ", frameon=False)


def draw_samples(points: Points, path: Path) -> None:
    """Accuracy against n, a line a supervision; a panel a kind of selection."""
    titles = {"independent": "selection independent of x", "linear": "linear generator and verifier"}
    with _panels(path, len(titles)) as panels:
        for axes, (kind, title) in zip(panels, titles.items(), strict=True):
            lines = points.at(points["selection"] == kind).by("supervision")
            for shade, ((supervision,), cells) in zip(COLORS, lines.items(), strict=False):
                error = 1.96 * cells["accuracy_se"]
                axes.errorbar(cells["n"], cells["accuracy"], error, color=shade, marker=".", linewidth=1, label=supervision)
                axes.plot(cells["n"], cells["approximation"], color=shade, linestyle=":", linewidth=1)
            axes.set_title(title, loc="left")
            axes.set(xscale="log", xlabel="n, samples before selection (dotted: the formula)")
        panels[0].set_ylabel("accuracy of the averaging classifier")
        panels[0].legend(title="supervision", frameon=False)


def draw_sweet_spot(points: Points, path: Path) -> None:
    """The verifier's accuracy, p*, and the accuracy of what is trained, against how much of the generator is in the verifier."""
    with _panels(path, 3, share=False) as panels:
        independent, linear = (points.at(points["selection"] == kind) for kind in ("independent", "linear"))
        for axes, column, label in ((panels[0], "verifier_accuracy", "verifier's accuracy"), (panels[1], "p_star", "p*")):
            _line_with_peak(axes, linear, column, COLORS[6], None)
            axes.set_ylabel(label)
        _line_with_peak(panels[2], independent, "accuracy", COLORS[0], "selection independent of x")
        _line_with_peak(panels[2], linear, "accuracy", COLORS[1], "linear selection")
        panels[2].set_ylabel("accuracy of what is trained (95%)")
        panels[2].legend(frameon=False, fontsize=7)
        for axes in panels:
            axes.set_xlabel("share of the generator in the verifier")


def _line_with_peak(axes: Any, cells: Points, column: str, shade: str, label: str | None) -> None:
    blend, values = cells["blend"], cells[column]
    axes.plot(blend, values, color=shade, linewidth=1, label=label)
    if column == "accuracy":
        error = 1.96 * cells["accuracy_se"]
        axes.fill_between(blend, values - error, values + error, color=shade, alpha=0.2, linewidth=0)
    peak = int(np.argmax(values))
    axes.plot(blend[peak], values[peak], color=shade, marker="o")


def draw_quality(points: Points, path: Path) -> None:
    """Accuracy of what is trained over the generator's by the verifier's accuracy, with the line p = p*."""
    with _panels(path) as (axes,):
        coordinates = ("generator_accuracy", "verifier_accuracy")
        x, y = _heat(axes, points, *coordinates, "accuracy of what is trained")
        axes.contour(*_surface(points, *coordinates, "kept_error"), [0.5], colors="black", linewidths=1.5)
        axes.plot([], [], color="black", label="p = p*")
        axes.axline((0.5, 0.5), slope=1, color="black", linestyle=":", linewidth=1, label="equally good")
        axes.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()))
        axes.set(xlabel="generator's accuracy", ylabel="verifier's accuracy")
        axes.legend(loc="upper left", framealpha=0.8)


def draw_phase(points: Points, measured: Points, path: Path) -> None:
    """Accuracy over p and psi / phi with the breakdown line, and the measured arms of an experiment with what was observed."""
    with _panels(path) as (axes,):
        x, y = _heat(axes, points, "p", "ratio", "accuracy of the averaging classifier")
        shown = measured.at(~np.isnan(measured["ratio"]))
        top = min(TALLEST * y.max(), max([y.max(), *(1.05 * shown["ratio"])]))
        ratio = np.linspace(0, top, 400)
        axes.plot(1 / (1 + ratio), ratio, color="black", linewidth=1.5, label="p*")
        for verdict, (marker, shade) in OBSERVED.items():
            arms = shown.at(shown["observed"] == verdict)
            if len(arms["p"]):
                style = {"marker": marker, "color": shade, "markersize": 7, "linestyle": "none", "clip_on": False}
                style |= {"markeredgecolor": "white"} if verdict else {}
                axes.plot(arms["p"], np.minimum(arms["ratio"], top), label=f"observed: {verdict or 'nothing'}", **style)
        reach = [*x, *shown["p"]]
        axes.set(xlim=(min(reach), max(reach)), ylim=(0, top), xlabel="p, share of wrong labels", ylabel="ψ/φ")
        _name_arms(axes, shown, top)
        axes.figure.legend(loc="outside lower center", ncol=3, frameon=False)


def _name_arms(axes: Any, arms: Points, top: float) -> None:
    """Each arm's name beside its point, on the side with more room, spread out upwards where points lie close together."""
    names, p, heights = arms["arm"], arms["p"], np.minimum(arms["ratio"], top)
    gap = top / max(24, len(names) + 1)
    left, right = axes.get_xlim()
    lowest = gap / 2
    for rank, at in enumerate(np.argsort(arms["ratio"], kind="stable")):
        # As high as its point or its lower neighbours want, and as low as those above it need.
        place = min(max(heights[at], lowest), top - gap * (len(names) - rank - 0.5))
        lowest = place + gap
        on_left = p[at] > (left + right) / 2
        axes.annotate(
            names[at],
            (p[at], heights[at]),
            (p[at] + (-0.05 if on_left else 0.05) * (right - left), place),
            ha="right" if on_left else "left",
            va="center",
            fontsize=6,
            bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.8},
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "#999999", "relpos": (1 if on_left else 0, 0.5)},
        )


def draw_generations(found: Regime, path: Path) -> None:
    """S and D a generation: closed forms as lines, simulated means as points with 95% intervals."""
    with _panels(path, 2, share=False) as panels:
        for axes, name, label in zip(panels, ("S", "D"), ("S, collision probability", "D, drift from generation 0"), strict=True):
            axes.plot(found.exact[name], color=COLORS[0], linewidth=1, label="closed form")
            _simulated_means(axes, found, name, COLORS[1], label="simulated")
            axes.set(xlabel="generation", ylabel=label)
        panels[0].legend(frameon=False)


def draw_regimes(regimes: Mapping[str, Regime], path: Path) -> None:
    """S a generation for several regimes of training on one's own output, by name."""
    with _panels(path) as (axes,):
        for place, (name, found) in enumerate(regimes.items()):
            axes.plot(found.exact["S"], color=color(place), linewidth=1, label=name)
            _simulated_means(axes, found, "S", color(place), every=max(1, len(found.exact["S"]) // 40))
        axes.set(
            xlabel="generation (lines: closed form, points: simulated)", ylabel="S, collision probability (1: total collapse)"
        )
        axes.legend(frameon=False)


def _simulated_means(axes: Any, found: Regime, name: str, shade: str, label: str | None = None, every: int = 1) -> None:
    """Means over repetitions, if it was simulated, as points, with 95% intervals where there are several."""
    if found.simulated is None:
        return
    means, errors = found.simulated[name][::every], np.nan_to_num(found.simulated[f"{name}_se"][::every])
    style = {"color": shade, "linestyle": "none", "marker": ".", "markersize": 3, "linewidth": 1}
    axes.errorbar(every * np.arange(len(means)), means, 1.96 * errors, label=label, **style)


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


def draw_grid(points: Points, path: Path, grid: Mapping[str, Sequence[float]], value: str) -> None:
    """`value` against the coordinate with most values, a line a combination of the other coordinates that vary."""
    along, others = check_grid(grid)
    with _panels(path) as (axes,):
        for place, (values, cells) in enumerate(points.by(*others).items()):
            label = ", ".join(f"{name} {given:g}" for name, given in zip(others, values, strict=True))
            style = {"color": COLORS[place % len(COLORS)], "linestyle": ("-", "--", ":")[place // len(COLORS)]}
            axes.plot(cells[along], cells[value], marker=".", linewidth=1, label=label, **style)
        axes.set(xlabel=along, ylabel=value)
        if others:
            axes.legend(frameon=False, fontsize=7)


Drawing = Callable[[Points, Path], None]
DRAWN: dict[str, Drawing] = {
    "transition": draw_transition,
    "samples": draw_samples,
    "sweet-spot": draw_sweet_spot,
    "quality": draw_quality,
}


def _surface(points: Points, across: str, up: str, value: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates and values of a full grid, values (up, across)."""
    x, y = points[across], points[up]
    columns, rows = np.unique(x), np.unique(y)
    surface = np.full((len(rows), len(columns)), np.nan)
    surface[np.searchsorted(rows, y), np.searchsorted(columns, x)] = points[value]
    return columns, rows, surface


def _heat(axes: Any, points: Points, across: str, up: str, label: str) -> tuple[np.ndarray, np.ndarray]:
    """A map of accuracy over a full grid; returns its coordinates."""
    x, y, values = _surface(points, across, up, "accuracy")
    if min(values.shape) < 2:
        raise ValueError("a map needs at least two values of each coordinate")
    drawn = axes.contourf(x, y, values, np.linspace(0, 1, 21), cmap="RdBu")
    axes.figure.colorbar(drawn, ax=axes, label=label, ticks=[0, 0.25, 0.5, 0.75, 1])
    return x, y


@contextmanager
def _panels(path: Path, count: int = 1, share: bool = True) -> Iterator[Any]:
    """So many pairs of axes side by side, written to `path` at the end."""
    with canvas([path], (6, 4) if count == 1 else (9, 3.6)) as figure:
        yield figure.subplots(1, count, sharey=share, squeeze=False)[0]
