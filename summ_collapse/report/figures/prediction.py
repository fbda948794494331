"""Predicted against observed: the predicted difference, and p* alone, against the difference that retraining gave."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from summ_collapse.predict.agreement import observed_delta, predicted_delta
from summ_collapse.report.figures.canvas import canvas, color, marker


def draw_prediction(
    entries: Sequence[Mapping[str, Any]], found: Mapping[str, Any], metric: str, paths: Sequence[Path], title: str
) -> None:
    """Two panels with a point an arm, coloured by verifier; rank correlations (`agreement`'s) stand in the titles."""
    arms = [entry for entry in entries if predicted_delta(entry) is not None and observed_delta(entry, metric) is not None]

    with canvas(paths, (9, 4.2)) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        verifiers = list(dict.fromkeys(arm["verifier"] or arm["control"] for arm in arms))
        for place, verifier in enumerate(verifiers):
            ours = [arm for arm in arms if (arm["verifier"] or arm["control"]) == verifier]
            look = {"color": color(place), "marker": marker(place), "label": verifier, "alpha": 0.8, "linewidths": 0}
            left.scatter([predicted_delta(arm) for arm in ours], [observed_delta(arm, metric) for arm in ours], **look)
            known = [arm for arm in ours if arm["p_star"] is not None]
            right.scatter([arm["p_star"] for arm in known], [observed_delta(arm, metric) for arm in known], **look)
        for axes, name in ((left, "predicted_delta"), (right, "p_star")):
            axes.axhline(0, color="#666666", linewidth=0.8)
            axes.set_title(_heading(found[name]["spearman"]), loc="left", fontsize=9)
        left.axvline(0, color="#666666", linewidth=0.8)
        left.set_xlabel(f"predicted Δ {metric} against real-slice")
        right.set_xlabel("breakdown point p* of the selection")
        left.set_ylabel(f"observed Δ {metric} against real-slice")
        right.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
        figure.suptitle(title, x=0.02, ha="left", fontsize=10)


def _heading(spearman: Mapping[str, float] | None) -> str:
    if spearman is None:
        return "too few arms for a rank correlation"
    return f"Spearman {spearman['value']:.2f} [{spearman['low']:.2f}, {spearman['high']:.2f}]"
