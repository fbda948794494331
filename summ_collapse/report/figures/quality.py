"""Generator quality against verifier quality: which of both pays more, at every amount of synthetic data.

A panel a rate; the generator's slice of real data along the axis, a line a verifier, real data alone as a dashed line.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from summ_collapse.report.figures.canvas import GREY, draw_intervals, look, panels
from summ_collapse.report.results import Entry


def generator_slices(entries: Sequence[Entry]) -> list[float]:
    """The slices of the generators that arms were made with, smallest first."""
    return sorted({entry.slice for entry in entries if entry.slice is not None and entry.verifier is not None})


def draw_quality(entries: Sequence[Entry], metric: str, paths: Sequence[Path], title: str) -> None:
    """The first metric of every arm against its generator's slice."""
    arms = [entry for entry in entries if entry.verifier is not None]
    rates = sorted({entry.rate for entry in arms if entry.rate is not None})
    ways = list(dict.fromkeys(_way(entry) for entry in arms if entry.rate is not None))
    slices = generator_slices(entries)

    with panels(paths, (2.0 + 2.6 * len(rates), 3.8), title, len(rates), sharey=True) as all_axes:
        for axes, rate in zip(all_axes, rates, strict=True):
            for place, way in enumerate(ways):
                ours = [entry for entry in arms if entry.rate == rate and _way(entry) == way]
                _draw_line(axes, ours, metric, **look(place, way))
            controls = [entry for entry in entries if entry.control == "real-slice"]
            _draw_line(axes, controls, metric, label="real-slice", color=GREY, linestyle="--")
            axes.set_xscale("log")
            axes.set_xticks(slices, [f"{100 * share:g}%" for share in slices])
            axes.minorticks_off()
            axes.set_xlabel("generator's slice of the real data")
            axes.set_title(f"{100 * rate:g}% kept", loc="left", fontsize=9)
        all_axes[0].set_ylabel(f"{metric} on test rows (0-100, 95% interval)")


def _way(entry: Entry) -> str:
    """The verifier, with its pool and its variant where they are not the main ones."""
    return "-".join(part for part in (entry.pool, entry.verifier, entry.variant) if part is not None)


def _draw_line(axes: Any, entries: Sequence[Entry], metric: str, **look: Any) -> None:
    found = sorted((entry.slice, place) for place, entry in enumerate(entries) if entry.slice is not None)
    draw_intervals(axes, [share for share, _ in found], [entries[place].metrics[metric] for _, place in found], **look)
