"""Predicted against observed: the predicted difference, and p* alone, against the difference that retraining gave."""

from collections.abc import Sequence
from pathlib import Path

from summ_collapse.predict.agreement import Agreement, Correlations
from summ_collapse.report.figures.canvas import GREY, look, panels
from summ_collapse.report.results import Entry


def draw_prediction(entries: Sequence[Entry], found: Agreement, paths: Sequence[Path], title: str) -> None:
    """Two panels with a point an arm, coloured by verifier; rank correlations (`agreement`'s) stand in the titles."""
    points = [(entry.verifier or entry.control, point) for entry in entries if (point := entry.point(found.metric))]

    with panels(paths, (9, 4.2), title, 2, sharey=True) as (left, right):
        for place, verifier in enumerate(dict.fromkeys(verifier for verifier, _ in points)):
            ours = [point for other, point in points if other == verifier]
            known = [point for point in ours if point.p_star is not None]
            style = {**look(place, verifier), "alpha": 0.8, "linewidths": 0}
            left.scatter([point.predicted_delta for point in ours], [point.observed_delta for point in ours], **style)
            right.scatter([point.p_star for point in known], [point.observed_delta for point in known], **style)
        for axes, correlations in ((left, found.predicted_delta), (right, found.p_star)):
            axes.axhline(0, color=GREY, linewidth=0.8)
            axes.set_title(_heading(correlations), loc="left", fontsize=9)
        left.axvline(0, color=GREY, linewidth=0.8)
        left.set_xlabel(f"predicted Δ {found.metric} against real-slice")
        right.set_xlabel("breakdown point p* of the selection")
        left.set_ylabel(f"observed Δ {found.metric} against real-slice")


def _heading(found: Correlations) -> str:
    rank = found.spearman
    return f"Spearman {rank.value:.2f} [{rank.low:.2f}, {rank.high:.2f}]" if rank else "too few arms for a rank correlation"
