"""What the theory says of a choice: a line an option, against the coordinate with most values; a panel a value of another."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from summ_collapse.report.figures.canvas import look, panels
from summ_collapse.theory.points import Points

MOST = 4  # panels side by side


def draw_choice(points: Points, path: Path, grid: Mapping[str, Sequence[float]]) -> None:
    """ValueError where more than one coordinate has several values beside the one along the axis, or too many of them."""
    if all(len(values) < 2 for values in grid.values()):
        raise ValueError(f"a figure needs a grid: several values of {' or '.join(grid)}")
    along, *others = sorted((name for name, values in grid.items() if len(values) > 1), key=lambda name: -len(grid[name]))
    if len(others) > 1 or (others and len(grid[others[0]]) > MOST):
        raise ValueError(f"a figure has a grid along one axis, and up to {MOST} values of one more; got {', '.join(grid)}")
    shown = [name for name in points.columns if name not in grid and name != "p" and not name.endswith("_weight")]
    cells = points.by(*others) if others else {(): points}
    with panels([path], (1.8 + 3.4 * len(cells), 3.8), None, len(cells), sharey=True) as all_axes:
        for axes, (values, found) in zip(all_axes, cells.items(), strict=True):
            for place, name in enumerate(shown):
                style = look(place, name.replace("_", " "))
                axes.plot(found[along], found[name], linewidth=1.2, color=style["color"], label=style["label"])
            axes.set_xlabel(along)
            axes.set_title(
                ", ".join(f"{name} {value:g}" for name, value in zip(others, values, strict=True)), loc="left", fontsize=9
            )
