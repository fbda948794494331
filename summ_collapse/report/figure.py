"""The one figure: the first metric against the kept fraction, a line a verifier, controls as horizontal lines."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from summ_collapse.report.tables import main_entries
from summ_collapse.store import write_atomic

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":", (0, (5, 1)))


def draw_rates(results: Mapping[str, Any], paths: Sequence[Path]) -> None:
    """Draw to every path, in the format of its suffix; equal results give equal bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    entries = main_entries(results)
    metric = next(iter(entries[0]["metrics"]))
    with mpl.rc_context({"svg.hashsalt": "summ_collapse", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(7, 4.2), layout="constrained")
        axes = figure.subplots()
        _draw_verifiers(axes, entries, metric)
        _draw_controls(axes, [entry for entry in entries if entry["rate"] is None and entry["arm"] != "lead"], metric)
        axes.set_xscale("log", base=2)
        rates = sorted({entry["rate"] for entry in entries if entry["rate"] is not None})
        axes.set_xticks(rates, [f"{100 * rate:g}%" for rate in rates])
        axes.minorticks_off()
        axes.set_xlabel("kept fraction of the synthetic data")
        axes.set_ylabel(f"{metric} on test rows (0-100, 95% interval)")
        axes.set_title(str(results["recipe"]), loc="left")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
        for path in paths:
            buffer = io.BytesIO()
            metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
            figure.savefig(buffer, format=path.suffix[1:], dpi=150, metadata=metadata)
            write_atomic(path, buffer.getvalue())


def _draw_verifiers(axes: Any, entries: Sequence[Mapping[str, Any]], metric: str) -> None:
    verifiers = list(dict.fromkeys(entry["verifier"] for entry in entries if entry["verifier"] is not None))
    for place, verifier in enumerate(verifiers):
        arms = sorted((entry for entry in entries if entry["verifier"] == verifier), key=lambda entry: entry["rate"])
        found = [arm["metrics"][metric] for arm in arms]
        means = [value["mean"] for value in found]
        spread = [
            [max(0.0, value["mean"] - value["low"]) for value in found],
            [max(0.0, value["high"] - value["mean"]) for value in found],
        ]
        # A little apart, so that equal rates do not hide each other's intervals.
        rates = [arm["rate"] * 2 ** (0.05 * (place - len(verifiers) / 2)) for arm in arms]
        axes.errorbar(rates, means, spread, label=verifier, color=COLORS[place % len(COLORS)], marker="o", capsize=2)


def _draw_controls(axes: Any, controls: Sequence[Mapping[str, Any]], metric: str) -> None:
    for place, control in enumerate(controls):
        axes.axhline(
            control["metrics"][metric]["mean"],
            label=control["arm"],
            color="#666666",
            linestyle=STYLES[place % len(STYLES)],
            linewidth=1,
        )
