"""Ways to select beside each other: the first metric by variant, a line a verifier and rate, a panel a generator."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from summ_collapse.report.figures.canvas import GREY, draw_intervals, look, panels
from summ_collapse.report.results import Entry

FEWEST = 3  # ways to select: so many are read off the table
BEST = "best"  # the main way to select


def varied(entries: Sequence[Entry]) -> list[Entry]:
    """The arms that such a figure shows: of verifiers with more than FEWEST ways to select at a rate, or none."""
    rated = [entry for entry in entries if entry.verifier is not None and entry.rate is not None]
    variants: dict[str | None, set[str | None]] = {}
    for entry in rated:
        variants.setdefault(entry.verifier, set()).add(entry.variant)
    return [entry for entry in rated if len(variants[entry.verifier]) > FEWEST]


def draw_variants(entries: Sequence[Entry], controls: Sequence[Entry], metric: str, paths: Sequence[Path], title: str) -> None:
    """`controls` are horizontal lines; a little apart, so that equal places do not hide each other's intervals."""
    names = list(dict.fromkeys(entry.variant for entry in entries))
    slices = list(dict.fromkeys(entry.slice for entry in entries))
    lines = list(dict.fromkeys((entry.verifier, entry.rate) for entry in entries))
    with panels(paths, (1.6 + 0.6 * len(names) * len(slices), 3.8), title, len(slices), sharey=True) as all_axes:
        for axes, share in zip(all_axes, slices, strict=True):
            ours = [entry for entry in entries if entry.slice == share]
            for place, line in enumerate(lines):
                apart = 0.12 * (place - (len(lines) - 1) / 2)
                _draw(axes, [entry for entry in ours if (entry.verifier, entry.rate) == line], names, apart, place, metric)
            for control in controls:
                if control.slice == share:
                    axes.axhline(control.metrics[metric].mean, color=GREY, linewidth=0.8, linestyle="--")
                    axes.annotate(
                        control.control, (1, control.metrics[metric].mean), xycoords=("axes fraction", "data"), fontsize=6
                    )
            axes.set_xticks(range(len(names)), [name or BEST for name in names], rotation=45, ha="right")
            if len(slices) > 1:
                axes.set_title(f"generator of {100 * (share or 0):g}%", loc="left", fontsize=9)
        all_axes[0].set_ylabel(f"{metric} on test rows (0-100)")


def _draw(axes: Any, entries: Sequence[Entry], names: Sequence[str | None], apart: float, place: int, metric: str) -> None:
    if not entries:
        return
    places = [names.index(entry.variant) + apart for entry in entries]
    label = f"{entries[0].verifier} {100 * (entries[0].rate or 0):g}%"
    draw_intervals(axes, places, [entry.metrics[metric] for entry in entries], **{**look(place, label), "linestyle": "none"})
