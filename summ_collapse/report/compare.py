"""What is estimated: every arm's metrics, and its differences from the baselines, with paired intervals.

The interval of a difference resamples test rows (and seeds, where there are several) for both arms together. p-values of
all arms against one baseline are Holm-corrected, a metric at a time.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from summ_collapse.metrics.bootstrap import Interval, Resampling, difference, holm, interval
from summ_collapse.report.results import Delta


class Comparison:
    """Scores of all arms over all seeds, by metric and arm: (seeds, rows) each, 0-1."""

    def __init__(self, scores: Mapping[str, Mapping[str, np.ndarray]], resamples: int) -> None:
        seeds, rows = next(iter(next(iter(scores.values())).values())).shape
        resampling = Resampling(rows, seeds, resamples)
        self.scores = scores
        self.draws = {
            metric: dict(zip(by_arm, resampling.many_means(np.stack(list(by_arm.values()))), strict=True))
            for metric, by_arm in scores.items()
        }

    def means(self, arm: str) -> dict[str, Interval]:
        """Means and intervals of all metrics, 0-100."""
        found = {metric: interval(by_arm[arm], self.draws[metric][arm]) for metric, by_arm in self.scores.items()}
        return {metric: Interval(100 * mean.mean, 100 * mean.low, 100 * mean.high) for metric, mean in found.items()}

    def versus(self, baselines: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, dict[str, Delta]]]:
        """By arm, role and metric: the differences from the `baselines` that each arm names by their roles, if they are arms."""
        found = {
            baseline: self._against(baseline, [arm for arm, roles in baselines.items() if baseline in roles.values()])
            for baseline in baselines
        }
        return {
            arm: {role: found[name][arm] for role, name in roles.items() if name in found} for arm, roles in baselines.items()
        }

    def _against(self, baseline: str, arms: Sequence[str]) -> dict[str, dict[str, Delta]]:
        """By arm and metric, Holm's correction over `arms`."""
        table: dict[str, dict[str, Delta]] = {arm: {} for arm in arms}
        for metric, scores in self.scores.items():
            draws = self.draws[metric]
            found = [difference(scores[arm], scores[baseline], draws[arm] - draws[baseline]) for arm in arms]
            for arm, one, corrected in zip(arms, found, holm([one.p for one in found]), strict=True):
                table[arm][metric] = Delta(100 * one.delta, 100 * one.low, 100 * one.high, one.p, corrected)
        return table
