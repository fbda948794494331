"""Error against the number of problems, a line a method: what each was measured at, and the power that was fitted."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from summ_collapse.report.figures.canvas import look, panels
from summ_collapse.report.lines.efficiency import Errors, curve


def draw_efficiency(found: Mapping[str, Mapping[str, Errors]], paths: Sequence[Path], title: str) -> None:
    """A panel a metric; small points are seeds, large ones their means; both axes are logarithmic."""
    with panels(paths, (1.4 + 3.6 * len(found), 3.8), title, len(found)) as all_axes:
        for axes, (metric, errors) in zip(all_axes, found.items(), strict=True):
            _draw(axes, errors, metric)


def _draw(axes: Any, found: Mapping[str, Errors], metric: str) -> None:
    for place, (method, one) in enumerate(found.items()):
        style = look(place, method)
        by_seed = 100 * one.errors.mean(axis=2)
        line = curve(one.problems, by_seed.mean(axis=1) / 100)
        along = np.geomspace(one.problems.min(), one.problems.max(), 50)
        axes.plot(along, 100 * np.exp(np.polyval(line, np.log(along))), color=style["color"], linewidth=1)
        axes.plot(one.problems, by_seed.mean(axis=1), **{**style, "linestyle": "none"})
        axes.plot(one.problems, by_seed, ".", color=style["color"], markersize=3, alpha=0.5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("problems")
    axes.set_title(f"error in {metric} (%)", loc="left", fontsize=9)
