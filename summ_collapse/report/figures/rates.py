"""The main figure: the first metric against the kept fraction, a line a verifier, controls as horizontal lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from summ_collapse.report.figures.canvas import GREY, STYLES, draw_intervals, look, panels
from summ_collapse.report.results import Entry


def draw_rates(entries: Sequence[Entry], metric: str, paths: Sequence[Path], title: str) -> None:
    """The metric of every arm against the share of the candidates that it keeps."""
    with panels(paths, (7, 4.2), None, 1) as (axes,):
        _draw_verifiers(axes, [entry for entry in entries if entry.verifier is not None], metric)
        controls = [entry for entry in entries if entry.verifier is None and entry.arm != "lead"]
        for place, control in enumerate(controls):
            style = STYLES[place % len(STYLES)]
            axes.axhline(control.metrics[metric].mean, label=control.arm, color=GREY, linestyle=style, linewidth=1)
        axes.set_xscale("log", base=2)
        rates = sorted({entry.rate for entry in entries if entry.rate is not None})
        axes.set_xticks(rates, [f"{100 * rate:g}%" for rate in rates])
        axes.minorticks_off()
        axes.set_xlabel("kept fraction of the synthetic data")
        axes.set_title(title, loc="left")
        axes.set_ylabel(f"{metric} on test rows (0-100, 95% interval)")


def _draw_verifiers(axes: Any, entries: Sequence[Entry], metric: str) -> None:
    lines: dict[str, list[tuple[float, Entry]]] = {}
    for entry in entries:
        lines.setdefault(_line_of(entry), []).append((_kept_fraction(entry), entry))
    for place, (line, points) in enumerate(lines.items()):
        arms = sorted(points, key=lambda point: point[0])
        # A little apart, so that equal rates do not hide each other's intervals.
        shares = [share * 2 ** (0.05 * (place - len(lines) / 2)) for share, _ in arms]
        draw_intervals(axes, shares, [entry.metrics[metric] for _, entry in arms], **look(place, line))


def _line_of(entry: Entry) -> str:
    """What arms of one verifier, variant and generator have in common: the name without the rate."""
    return entry.arm if entry.rate is None else entry.arm.removesuffix(f"-{entry.rate:g}")


def _kept_fraction(entry: Entry) -> float:
    """Where an arm stands: its rate, or what a threshold came to keep."""
    found = entry.kept_fraction if entry.rate is None else entry.rate
    assert found is not None
    return found
