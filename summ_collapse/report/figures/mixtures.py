"""The metric against the number of real rows: a panel an amount of synthetic rows, a line a source and weight."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from summ_collapse.report.figures.canvas import GREY, look, panels
from summ_collapse.report.lines.mixtures import Mixture

REAL = "real rows alone"


def draw_mixtures(found: Sequence[Mixture], metric: str, paths: Sequence[Path], title: str) -> None:
    """Rows on a scale on which there is a place for none."""
    panels_of = sorted({(one.slice or 0.0, one.synthetic_rows) for one in found if one.synthetic_rows})
    several = len({share for share, _ in panels_of}) > 1
    places = {rows: place for place, rows in enumerate(sorted({one.real_rows for one in found}))}
    with panels(paths, (1.6 + 3.2 * len(panels_of), 3.8), title, len(panels_of), sharey=True) as all_axes:
        for axes, (share, amount) in zip(all_axes, panels_of, strict=True):
            ours = [one for one in found if (one.slice or 0.0) == share and one.synthetic_rows in (0, amount)]
            _draw(axes, ours, places)
            axes.set_xticks(list(places.values()), [f"{rows:,}" for rows in places])
            axes.set_xlabel("real rows")
            of = f" of the {100 * share:g}% generator" if several else ""
            axes.set_title(f"{amount:,} synthetic rows{of}", loc="left", fontsize=9)
        all_axes[0].set_ylabel(f"{metric} on test rows (0-100)")


def _draw(axes: Any, found: Sequence[Mixture], places: dict[int, int]) -> None:
    alone = sorted((places[one.real_rows], one.mean) for one in found if not one.synthetic_rows)
    if alone:
        axes.plot(*zip(*alone, strict=True), color=GREY, marker="x", label=REAL)
    # What has no real rows has no weight: every line begins there.
    none = {one.source: one.mean for one in found if not one.real_rows}
    lines = dict.fromkeys((one.source, one.weight) for one in found if one.weight is not None)
    for place, (source, weight) in enumerate(lines):
        points = [(places[one.real_rows], one.mean) for one in found if (one.source, one.weight) == (source, weight)]
        begin = [(places[0], none[source])] if source in none else []
        axes.plot(*zip(*(begin + sorted(points)), strict=True), **look(place, f"{source}, {weight}"))
