"""How every figure is made: one style, and equal results give equal bytes."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from summ_collapse.store import write_atomic

# Okabe and Ito's palette, told apart by colour-blind readers too; then the same with other markers.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v")
STYLES = ("-", "--", "-.", ":", (0, (5, 1)))


def color(place: int) -> str:
    """The colour of the place-th line."""
    return COLORS[place % len(COLORS)]


def marker(place: int) -> str:
    """The marker of the place-th line, another one once colours repeat."""
    return MARKERS[place // len(COLORS) % len(MARKERS)]


def spread(means: Sequence[Mapping[str, float]], middle: str = "mean") -> list[list[float]]:
    """What error bars reach below and above: (2, points), from {middle, low, high}."""
    return [
        [max(0.0, value[middle] - value["low"]) for value in means],
        [max(0.0, value["high"] - value[middle]) for value in means],
    ]


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
