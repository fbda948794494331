"""What is estimated: every arm's metrics, and its differences from the baselines, with paired intervals.

    arms = compare(examples, config)["arms"]

The interval of a difference resamples test rows (and seeds, where there are several) for both arms together. p-values of
all arms against one baseline are Holm-corrected, a metric at a time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from summ_collapse.experiment.arms import VERDICT_BASELINE
from summ_collapse.metrics.bootstrap import Resampling, difference, holm, interval

# Of results.json; raise it when an entry gets or loses a key.


class Comparison:
    """Scores of all arms over all seeds, by metric: (seeds, rows) each, 0-1."""

    def __init__(self, scores: Mapping[str, Mapping[str, np.ndarray]], resamples: int) -> None:
        first = next(iter(next(iter(scores.values())).values()))
        self.scores = scores
        self.metrics = list(next(iter(scores.values())))
        self.resampling = Resampling(first.shape[1], first.shape[0], resamples)
        arms = list(scores)
        self.draws: dict[str, dict[str, np.ndarray]] = {arm: {} for arm in arms}
        for metric in self.metrics:
            means = self.resampling.many_means(np.stack([scores[arm][metric] for arm in arms]))
            for arm, drawn in zip(arms, means, strict=True):
                self.draws[arm][metric] = drawn

    def metric_intervals(self, arm: str) -> dict[str, dict[str, float]]:
        """Means and intervals of all metrics, 0-100."""
        found = {}
        for metric in self.metrics:
            mean = interval(self.scores[arm][metric], self.draws[arm][metric])
            found[metric] = {"mean": 100 * mean.mean, "low": 100 * mean.low, "high": 100 * mean.high}
        return found

    def against(self, baseline: str, arms: Sequence[str]) -> dict[str, dict[str, dict[str, float]]]:
        """By arm and metric: delta with its interval (0-100), p, and p after Holm's correction over `arms`."""
        table: dict[str, dict[str, dict[str, float]]] = {arm: {} for arm in arms}
        for metric in self.metrics:
            for arm in arms:
                found = difference(
                    self.scores[arm][metric],
                    self.scores[baseline][metric],
                    self.draws[arm][metric] - self.draws[baseline][metric],
                )
                delta = {"delta": 100 * found.delta, "low": 100 * found.low, "high": 100 * found.high, "p": found.p}
                table[arm][metric] = delta
            corrected = holm([table[arm][metric]["p"] for arm in arms])
            for arm, value in zip(arms, corrected, strict=True):
                table[arm][metric]["p_holm"] = value
        return table


def observed(versus: Mapping[str, Any], metric: str) -> str | None:
    """helps or hurts where the interval of the difference from the real slice leaves zero out, else undecided."""
    if VERDICT_BASELINE not in versus:
        return None
    found = versus[VERDICT_BASELINE][metric]
    if found["low"] > 0:
        return "helps"
    return "hurts" if found["high"] < 0 else "undecided"
