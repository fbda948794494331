"""The main figure: the first metric against the kept fraction, a line a verifier, controls as horizontal lines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from summ_collapse.report.figures.canvas import STYLES, canvas, color, marker, spread
from summ_collapse.report.tables import main_entries


def draw_rates(results: Mapping[str, Any], paths: Sequence[Path]) -> None:
    """Draw to every path, in the format of its suffix."""
    entries = main_entries(results)
    metric = next(iter(entries[0]["metrics"]))

    with canvas(paths, (7, 4.2)) as figure:
        axes = figure.subplots()
        _draw_verifiers(axes, entries, metric)
        _draw_controls(axes, [entry for entry in entries if entry["verifier"] is None and entry["arm"] != "lead"], metric)
        axes.set_xscale("log", base=2)
        rates = sorted({entry["rate"] for entry in entries if entry["rate"] is not None})
        axes.set_xticks(rates, [f"{100 * rate:g}%" for rate in rates])
        axes.minorticks_off()
        axes.set_xlabel("kept fraction of the synthetic data")
        axes.set_ylabel(f"{metric} on test rows (0-100, 95% interval)")
        axes.set_title(str(results["recipe"]), loc="left")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


def line_of(entry: Mapping[str, Any]) -> str:
    """What arms of one verifier, variant and generator have in common: the name without the rate."""
    return str(entry["arm"]) if entry["rate"] is None else str(entry["arm"]).removesuffix(f"-{entry['rate']:g}")


def _draw_verifiers(axes: Any, entries: Sequence[Mapping[str, Any]], metric: str) -> None:
    lines = list(dict.fromkeys(line_of(entry) for entry in entries if entry["verifier"] is not None))
    for place, line in enumerate(lines):
        ours = [entry for entry in entries if entry["verifier"] is not None and line_of(entry) == line]
        arms = sorted(ours, key=_kept_fraction)
        found = [arm["metrics"][metric] for arm in arms]
        means = [value["mean"] for value in found]
        # A little apart, so that equal rates do not hide each other's intervals.
        rates = [_kept_fraction(arm) * 2 ** (0.05 * (place - len(lines) / 2)) for arm in arms]
        axes.errorbar(rates, means, spread(found), label=line, color=color(place), marker=marker(place), capsize=2)


def _kept_fraction(entry: Mapping[str, Any]) -> float:
    """Where an arm stands: its rate, or what a threshold came to keep."""
    return float(entry["kept_fraction"] if entry["rate"] is None else entry["rate"])


def _draw_controls(axes: Any, controls: Sequence[Mapping[str, Any]], metric: str) -> None:
    for place, control in enumerate(controls):
        axes.axhline(
            control["metrics"][metric]["mean"],
            label=control["arm"],
            color="#666666",
            linestyle=STYLES[place % len(STYLES)],
            linewidth=1,
        )
