"""The design `controls`: the arms that no verifier selects, one function each."""

from collections.abc import Callable

from summ_collapse.experiment.arms import VERDICT_BASELINE, Arm, Pool
from summ_collapse.experiment.setting import Setting
from summ_collapse.recipe.blocks import Control
from summ_collapse.stages.mix import Mix, Part


def design(setting: Setting, pool: Pool) -> list[Arm]:
    """The recipe's controls, and always the baseline that verdicts are about; of a generator's main pool."""
    if not pool.main:
        return []
    wanted: list[Control] = [*setting.recipe.controls, "real-slice"]
    return [arm for control in dict.fromkeys(wanted) for arm in CONTROLS[control](setting, pool)]


def _lead(setting: Setting, pool: Pool) -> list[Arm]:
    """No model at all: the document's first sentence."""
    return [setting.arm("lead", pool.seed, None, _owner(pool), control="lead")] if pool.first else []


def _generator(setting: Setting, pool: Pool) -> list[Arm]:
    """The model that wrote the pool."""
    if pool.generator is None:
        return []
    return [setting.arm("generator", pool.seed, pool.generator, pool, control="generator")]


def _real_slice(setting: Setting, pool: Pool) -> list[Arm]:
    """The generator's own real rows, in the arms' configuration; where that is the generator's too, the generator itself."""
    if pool.slice is None:
        return []
    if pool.generator is not None and setting.trained_alike(pool):
        rows = setting.slice(pool.slice)
        return [setting.arm(VERDICT_BASELINE, pool.seed, pool.generator, pool, control=VERDICT_BASELINE, rows=rows.name)]
    return [setting.retrained(VERDICT_BASELINE, pool, setting.slice(pool.slice), control=VERDICT_BASELINE)]


def _real_full(setting: Setting, pool: Pool) -> list[Arm]:
    """All real rows; one arm for all pools where no generator has a part in it."""
    rows = setting.slice(1.0)
    if pool.start is not setting.base:
        return [setting.retrained("real-full", pool, rows, real=1.0, control="real-full")]
    if not pool.first:
        return []
    model = setting.train("real-full", pool.seed, setting.recipe.retrain, pool.start, rows, 1.0)
    return [setting.arm("real-full", pool.seed, model, _owner(pool), control="real-full", rows=rows.name)]


def _unfiltered(setting: Setting, pool: Pool) -> list[Arm]:
    """Every candidate."""
    source = pool.candidates.name
    inputs = {f"candidates of {source}": pool.candidates}
    everything = setting.graph.add(Mix(parts={source: Part()}), f"{pool.prefix}unfiltered", pool.seed, inputs)
    return [setting.retrained("unfiltered", pool, everything, control="unfiltered", candidates=source)]


CONTROLS: dict[Control, Callable[[Setting, Pool], list[Arm]]] = {
    "lead": _lead,
    "generator": _generator,
    "real-slice": _real_slice,
    "real-full": _real_full,
    "unfiltered": _unfiltered,
}


def _owner(pool: Pool) -> Pool | None:
    """The pool that a shared arm stands with: none where there are several."""
    return None if pool.prefix else pool
