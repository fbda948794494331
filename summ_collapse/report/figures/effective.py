"""Measured generations beside the statistical model: squared distance to the real law, and the sum of squares."""

from collections.abc import Sequence
from pathlib import Path

from summ_collapse.report.figures.canvas import look, panels
from summ_collapse.report.lines.effective import Fitted


def draw_effective(found: Sequence[Fitted], paths: Sequence[Path], title: str) -> None:
    """Points are measured, lines the closed form: fitted to the left panel, predicted in the right one."""
    several = len({one.slice for one in found}) > 1
    with panels(paths, (9.5, 3.4), title, 2) as axes:
        for place, one in enumerate(found):
            name = f"g{one.slice:g}-{one.regime}" if several else one.regime
            style = look(place, f"{name}: n = {one.draws:,.0f}, {one.rows:,.0f} rows")
            for panel, measured in zip(axes, (one.error, one.collision), strict=True):
                panel.plot(range(len(measured)), measured, linestyle="", **style)
                panel.plot(range(len(measured)), measured[0] + one.expected, color=style["color"], linewidth=1)
        for panel, label in zip(axes, ("squared distance to the real law", "sum of squares"), strict=True):
            panel.set_xlabel("generation")
            panel.set_title(f"{label}: {'two words' if found[0].law == 'pair' else 'words'}", loc="left", fontsize=9)
