"""The design `soft`: a noisy verdict as row weights, clipped and not, beside the rows that it keeps."""

from collections.abc import Iterator

from summ_collapse.experiment.arms import Arm, Pool
from summ_collapse.experiment.setting import Setting
from summ_collapse.graph import Node
from summ_collapse.selection.order import Order
from summ_collapse.stages.stage import Stage
from summ_collapse.stages.weigh import Weigh


def design(setting: Setting, pool: Pool) -> list[Arm]:
    """The hard filter and its soft forms, of a generator's main pool."""
    wanted = setting.recipe.soft
    if wanted is None or not pool.main:
        return []
    source, verifier = pool.candidates.name, wanted.verifier

    def rows() -> Iterator[tuple[str, Node[Stage]]]:
        hard = f"{verifier}-hard"
        yield hard, setting.select(pool.prefix + hard, pool, verifier, Order(), at_least=wanted.at_least)
        for clipped in wanted.clipped:
            name = f"{verifier}-soft{'-clipped' if clipped else ''}"
            stage = Weigh(at_least=wanted.at_least, clipped=clipped, wrong_below=setting.recipe.wrong.below, source=source)
            inputs = {"candidates": pool.candidates, "scores": pool.scores[verifier], "judge": pool.judge}
            yield name, setting.graph.add(stage, pool.prefix + name, pool.seed, inputs)

    return [
        setting.retrained(
            name,
            pool,
            table,
            verifier=verifier,
            verifier_kind=setting.recipe.verifiers[verifier].kind,
            method=name.removeprefix(f"{verifier}-"),
            scores=pool.scores[verifier].name,
            candidates=source,
        )
        for name, table in rows()
    ]
