"""The design `theirs`: models that were trained by other means stand in the same table, by what they predict."""

from summ_collapse.experiment.arms import ELSEWHERE, VERDICT_BASELINE, Arm, Pool
from summ_collapse.experiment.setting import Setting
from summ_collapse.recipe.resolve import references
from summ_collapse.stages.theirs import Theirs


def design(setting: Setting, pool: Pool) -> list[Arm]:
    """An arm a file of predictions, beside the baseline that verdicts are about; the same under every seed."""
    if not (pool.main and pool.first):
        return []
    found = []
    for name, block in setting.recipe.arms.items():
        names = {one.key: setting.named(block, one.where) for one in references(block)}
        stage = Theirs(metrics=setting.recipe.evaluation.metrics, block=block, names=names)
        evaluate = setting.graph.add(stage, name, None, {"examples": setting.examples})
        baselines = {VERDICT_BASELINE: pool.owner + VERDICT_BASELINE}
        found.append(Arm(name=name, seed=pool.seed, evaluate=evaluate.name, method=ELSEWHERE, baselines=baselines))
    return found
