"""Predicted against observed: how well what was said before retraining predicted what retraining gave.

Over the arms of one experiment, or of several pooled: rank correlations of the predicted difference, and of p* alone, with
the observed difference from the real slice; and how many of the decided verdicts were right.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from summ_collapse.metrics.bootstrap import share_interval

RESAMPLES = 1000
FEWEST_ARMS = 4  # below this a rank correlation says nothing
FEWEST_RUNS = 5  # below this arms are resampled one by one, else all arms of a run and seed together

# What is held against the observed difference: the prediction, p* alone, and what any selection has for free.
LABELS = {
    "predicted_delta": "predicted Δ",
    "p_star": "p* alone",
    "n_train": "rows kept alone",
    "kept_score": "mean score alone",
}


def agreement(entries: Sequence[Mapping[str, Any]], metric: str) -> dict[str, Any]:
    """{"arms", predictor: {"spearman", "kendall" with intervals}, "verdicts": {"decided", "right", ...}}.

    `entries` are arms of results.json under single seeds, with `run` where several runs are pooled.
    """
    arms = [entry for entry in entries if predicted_delta(entry) is not None and observed_delta(entry, metric) is not None]
    observed = np.array([observed_delta(entry, metric) for entry in arms], dtype=np.float64)
    groups = [f"{entry.get('run', '')} {entry['seed']}" for entry in arms]
    found: dict[str, Any] = {"arms": len(arms), "metric": metric, "groups": len(set(groups))}
    for name in LABELS:
        values = [predicted_delta(entry) if name == "predicted_delta" else entry[name] for entry in arms]
        known = np.array([value is not None for value in values], dtype=bool)
        numbers = np.array([value for value in values if value is not None], dtype=np.float64)
        found[name] = correlations(numbers, observed[known], [group for group, use in zip(groups, known, strict=True) if use])
    return found | {"verdicts": verdicts(arms)}


def predicted_delta(entry: Mapping[str, Any]) -> float | None:
    """The predicted difference from the real slice, 0-100; None for arms that nothing is predicted of."""
    found = entry.get("predicted_delta")
    return None if found is None else float(found["delta"])


def observed_delta(entry: Mapping[str, Any], metric: str) -> float | None:
    """The observed difference from the real slice, 0-100."""
    found = entry["vs"].get("real-slice", {}).get(metric)
    return None if found is None else float(found["delta"])


def correlations(ours: np.ndarray, observed: np.ndarray, groups: Sequence[str]) -> dict[str, dict[str, float] | None]:
    """Spearman's and Kendall's coefficients with 95% intervals of a seeded bootstrap; None where there is too little."""
    if len(ours) < FEWEST_ARMS or len(set(ours)) < 2 or len(set(observed)) < 2:
        return {"spearman": None, "kendall": None}
    # The first row is the sample itself, every arm once.
    weights = np.vstack([np.ones(len(ours)), _resampled(groups)])
    found = {"spearman": _spearman(ours, observed, weights), "kendall": _kendall(ours, observed, weights)}
    return {name: _with_interval(drawn) for name, drawn in found.items()}


def _resampled(groups: Sequence[str]) -> np.ndarray:
    """How often each arm is drawn, (RESAMPLES, arms): whole groups where there are enough of them, else single arms."""
    rng = np.random.default_rng(0)
    names, belongs = np.unique(groups, return_inverse=True)
    if len(names) < FEWEST_RUNS:
        names, belongs = np.arange(len(groups)), np.arange(len(groups))
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    return drawn[:, belongs].astype(np.float64)


def _spearman(ours: np.ndarray, observed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The correlation of mid-ranks under each row of weights, (draws,); nan where a draw has no spread."""
    below = [(values > values[:, None]) + 0.5 * (values == values[:, None]) for values in (ours, observed)]
    total = weights.sum(axis=1, keepdims=True)
    ranks = [weights @ ahead for ahead in below]
    left, right = (rank - (weights * rank).sum(axis=1, keepdims=True) / total for rank in ranks)
    with np.errstate(invalid="ignore"):
        spread = np.sqrt((weights * left**2).sum(axis=1) * (weights * right**2).sum(axis=1))
        return (weights * left * right).sum(axis=1) / spread


def _kendall(ours: np.ndarray, observed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """tau-b under each row of weights, (draws,): concordant less discordant pairs over those that no side ties."""
    left, right = (np.sign(values[:, None] - values[None, :]) for values in (ours, observed))
    concordant, untied_left, untied_right = (
        ((weights @ pairs) * weights).sum(axis=1) for pairs in (left * right, left**2, right**2)
    )
    with np.errstate(invalid="ignore"):
        return concordant / np.sqrt(untied_left * untied_right)


def _with_interval(drawn: np.ndarray) -> dict[str, float]:
    low, high = np.nanquantile(drawn[1:], [0.025, 0.975])
    return {"value": float(drawn[0]), "low": float(low), "high": float(high)}


def verdicts(arms: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Verdicts that both the prediction and the observation decided, and how many of them agree."""
    both = [arm for arm in arms if _decided(arm["predicted"]) and _decided(arm["observed"])]
    right = sum(arm["predicted"] == arm["observed"] for arm in both)
    share = share_interval(right, len(both))
    return {
        "arms": len(arms),
        "predicted_decided": sum(_decided(arm["predicted"]) for arm in arms),
        "observed_decided": sum(_decided(arm["observed"]) for arm in arms),
        "decided": len(both),
        "right": right,
        "share": None if not both else {"value": share.mean, "low": share.low, "high": share.high},
    }


def _decided(verdict: str | None) -> bool:
    return verdict in ("helps", "hurts")


def sentences(found: Mapping[str, Any]) -> list[str]:
    """The agreement in plain lines."""
    rank = found["predicted_delta"]["spearman"]
    if rank is None:
        return [f"{found['arms']} arms with a prediction: too few for a rank correlation"]
    lines = [f"rank correlation with the observed Δ {found['metric']} over {found['arms']} arms (Spearman, 95% interval):"]
    if found["groups"] < FEWEST_RUNS:
        lines[0] += f" arms of {found['groups']} seeds share their baselines, so the intervals are too narrow"
    for name, label in LABELS.items():
        value = found[name]["spearman"]
        if value is not None:
            lines.append(f"  {label:16} {value['value']:+.2f} [{value['low']:+.2f}, {value['high']:+.2f}]")
    verdict = found["verdicts"]
    share = verdict["share"]
    if share is not None:
        lines.append(
            f"verdicts that both decided: {verdict['decided']} of {verdict['arms']}; right: {verdict['right']} "
            f"({100 * share['value']:.0f}% [{100 * share['low']:.0f}, {100 * share['high']:.0f}])"
        )
    return lines
