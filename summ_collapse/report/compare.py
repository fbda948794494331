"""What is estimated: every arm's metrics, and its differences from the baselines, paired by test row and seed.

Differences have the t-type intervals of `metrics.contrasts`: under several seeds with training's luck in them, under one
from the rows alone. The same formulas serve both, and give intervals that hold for all arms at once, which resampled ones
do not. Means under several seeds have such intervals too. Under one seed a mean's interval is a bootstrap over the rows:
nothing is compared, and near the ends of the scale, where shares of right answers lie, it is not symmetric and should not be.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from summ_collapse.experiment.arms import VERDICT_BASELINE
from summ_collapse.metrics.bootstrap import Interval, bootstrap_means, interval
from summ_collapse.metrics.contrasts import Contrasts, Noise, around_means, contrasts, training_noise
from summ_collapse.report.results import Delta, role_order

LEVEL = 0.95

Scores = Mapping[str, np.ndarray]
Baselines = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Family:
    """All arms that have one baseline in one role, and their differences from it in one metric, 0-1."""

    arms: list[str]
    found: Contrasts
    beside: int  # how many families have the same role: all of them hold at LEVEL together (Bonferroni)

    @property
    def level(self) -> float:
        return 1 - (1 - LEVEL) / self.beside

    def deltas(self) -> dict[str, Delta]:
        """By arm, 0-100."""
        found = self.found
        own, together = found.alone(LEVEL), found.together(self.level)
        p_all = np.minimum(1, self.beside * found.p_together)
        return {
            arm: Delta(
                delta=100 * float(found.delta[at]),
                low=100 * float(found.delta[at] - own[at]),
                high=100 * float(found.delta[at] + own[at]),
                low_all=100 * float(found.delta[at] - together[at]),
                high_all=100 * float(found.delta[at] + together[at]),
                p=float(found.p[at]),
                p_all=float(p_all[at]),
            )
            for at, arm in enumerate(self.arms)
        }

    def smallest(self, trained: Collection[str]) -> float | None:
        """The true difference of a trained arm that 80% of such tables would call, 0-100; None where nothing varies."""
        among = np.array([arm in trained for arm in self.arms])
        if not (self.found.error[among] > 0).any():
            return None
        return 100 * self.found.callable_difference(level=self.level, among=among)


class Comparison:
    """All arms under the same seeds.

    `scores` are (seeds, rows) by metric and arm, 0-1; `trained` names the arms that show what training's luck is, and
    `baselines` the arms that each is held against, by what they are to it.
    """

    def __init__(
        self, scores: Mapping[str, Scores], trained: Collection[str], baselines: Baselines, resamples: int = 1000
    ) -> None:
        self.scores, self.trained, self.resamples = scores, trained, resamples
        self.seeds = next(iter(next(iter(scores.values())).values())).shape[0]
        self.noise = {metric: _noise(by_arm, trained) for metric, by_arm in scores.items()}
        self.baselines = baselines
        self.families = {
            role: {metric: self._families(metric, role) for metric in scores}
            for role in sorted({role for roles in baselines.values() for role in roles}, key=role_order)
        }

    @property
    def knows_luck(self) -> bool:
        """Whether training's own luck is in the intervals: not under one seed."""
        return all(noise is not None for noise in self.noise.values())

    def means(self) -> dict[str, dict[str, Interval]]:
        """Means and intervals by arm and metric, 0-100."""
        found: dict[str, dict[str, Interval]] = {}
        for metric, by_arm in self.scores.items():
            for arm, one in (self._over_seeds if self.knows_luck else self._over_rows)(by_arm).items():
                found.setdefault(arm, {})[metric] = Interval(100 * one.mean, 100 * one.low, 100 * one.high)
        return found

    def _over_rows(self, by_arm: Scores) -> dict[str, Interval]:
        stacked = np.stack(list(by_arm.values())).mean(axis=1)
        draws = bootstrap_means(stacked, self.resamples)
        return {arm: interval(scores, drawn, LEVEL) for arm, scores, drawn in zip(by_arm, stacked, draws, strict=True)}

    def _over_seeds(self, by_arm: Scores) -> dict[str, Interval]:
        trained = {arm: scores for arm, scores in by_arm.items() if arm in self.trained}
        widths = dict(zip(trained, around_means(np.stack(list(trained.values())), LEVEL), strict=True))
        for arm in by_arm.keys() - trained.keys():
            rows = by_arm[arm].mean(axis=0, keepdims=True)
            widths[arm] = contrasts(rows[None], np.zeros_like(rows), None).alone(LEVEL)[0]
        means = {arm: float(scores.mean()) for arm, scores in by_arm.items()}
        return {arm: Interval(mean, mean - float(widths[arm]), mean + float(widths[arm])) for arm, mean in means.items()}

    def versus(self) -> dict[str, dict[str, dict[str, Delta]]]:
        """By arm, role and metric: the differences from the baselines that are there, roles and metrics in one fixed order."""
        found: dict[str, dict[str, dict[str, Delta]]] = {arm: {} for arm in self.baselines}
        for role, by_metric in self.families.items():
            for metric, families in by_metric.items():
                for family in families:
                    for arm, delta in family.deltas().items():
                        found[arm].setdefault(role, {})[metric] = delta
        return found

    def smallest(self) -> dict[str, float | None]:
        """By metric: the smallest difference from the real slice that would be called with 80% power, 0-100."""
        found: dict[str, float | None] = dict.fromkeys(self.scores)
        for metric, families in self.families.get(VERDICT_BASELINE, {}).items():
            known = [one for family in families if (one := family.smallest(self.trained)) is not None]
            found[metric] = max(known, default=None)
        return found

    def alone(self, arm: str, baseline: str, metric: str) -> Interval:
        """One difference with its own interval, whatever else is compared, 0-100."""
        by_arm = self.scores[metric]
        found = contrasts(by_arm[arm][None], by_arm[baseline], self.noise[metric])
        delta, width = 100 * float(found.delta[0]), 100 * float(found.alone(LEVEL)[0])
        return Interval(delta, delta - width, delta + width)

    def _families(self, metric: str, role: str) -> list[Family]:
        by_arm = self.scores[metric]
        arms_of: dict[str, list[str]] = {}
        for arm, roles in self.baselines.items():
            if roles.get(role) in by_arm:
                arms_of.setdefault(roles[role], []).append(arm)
        return [
            Family(arms, contrasts(np.stack([by_arm[arm] for arm in arms]), by_arm[name], self.noise[metric]), len(arms_of))
            for name, arms in arms_of.items()
        ]


def _noise(by_arm: Scores, trained: Collection[str]) -> Noise | None:
    means = [scores.mean(axis=1) for arm, scores in by_arm.items() if arm in trained]
    return training_noise(np.stack(means)) if means else None
