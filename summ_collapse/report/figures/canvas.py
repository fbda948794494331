"""How every figure is made: one style, and equal results give equal bytes."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.report.results import Delta
from summ_collapse.store import write_atomic

# Okabe and Ito's palette, told apart by colour-blind readers too; then the same with other markers.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v")
GREY = "#666666"
STYLES = ("-", "--", "-.", ":", (0, (5, 1)))


def color(place: int) -> str:
    """The colour of the place-th line."""
    return COLORS[place % len(COLORS)]


def look(place: int, label: str | None) -> dict[str, str | None]:
    """How the place-th line is drawn: with another marker once colours repeat."""
    return {"color": color(place), "marker": MARKERS[place // len(COLORS) % len(MARKERS)], "label": label}


def draw_intervals(axes: Any, places: Sequence[float], found: Sequence[Interval | Delta], **look: Any) -> None:
    """Means or differences with what their intervals reach below and above."""
    middles = [one.mean if isinstance(one, Interval) else one.delta for one in found]
    below = [max(0.0, middle - one.low) for middle, one in zip(middles, found, strict=True)]
    above = [max(0.0, one.high - middle) for middle, one in zip(middles, found, strict=True)]
    axes.errorbar(places, middles, [below, above], capsize=2, **look)


@contextmanager
def canvas(paths: Sequence[Path], size: tuple[float, float]) -> Iterator[Any]:
    """A matplotlib figure of `size` inches to fill; at the end it is written to every path, in the format of its suffix."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "summ_collapse", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=size, layout="constrained")
        yield figure
        for path in paths:
            buffer = io.BytesIO()
            metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
            figure.savefig(buffer, format=path.suffix[1:], dpi=150, metadata=metadata)
            write_atomic(path, buffer.getvalue())


@contextmanager
def panels(paths: Sequence[Path], size: tuple[float, float], title: str | None, count: int, **shared: bool) -> Iterator[Any]:
    """`count` axes side by side below a title, where there is one; the legend of the last one stands to its right."""
    with canvas(paths, size) as figure:
        axes = figure.subplots(1, count, squeeze=False, **shared)[0]
        yield axes
        if axes[-1].get_legend_handles_labels()[0]:
            axes[-1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
        if title is not None:
            figure.suptitle(title, x=0.02, ha="left", fontsize=10)
