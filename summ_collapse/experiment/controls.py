"""The design `controls`: the arms that no verifier selects, one function each."""

from collections.abc import Callable

from summ_collapse.experiment.arms import VERDICT_BASELINE, Arm, Model, Pool
from summ_collapse.experiment.setting import Setting
from summ_collapse.graph import Node
from summ_collapse.recipe.blocks import Control
from summ_collapse.stages.mix import Mix, Part
from summ_collapse.stages.stage import Stage


def design(setting: Setting, pool: Pool) -> list[Arm]:
    """The recipe's controls, and always the baseline that verdicts are about."""
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
    """The generator's own real rows, in the arms' configuration."""
    if pool.slice is None:
        return []
    model, rows = _trained(setting, pool, VERDICT_BASELINE, setting.slice(pool.slice))
    return [setting.arm(VERDICT_BASELINE, pool.seed, model, pool, control=VERDICT_BASELINE, rows=rows.name)]


def _real_full(setting: Setting, pool: Pool) -> list[Arm]:
    """All real rows; one arm for all pools where no generator has a part in it."""
    shared = pool.start is setting.base
    if shared and not pool.first:
        return []
    owner = _owner(pool) if shared else pool
    name = "real-full" if shared else f"{pool.prefix}real-full"
    rows = setting.slice(1.0)
    model = setting.train(name, pool.seed, setting.recipe.retrain, pool.start, rows)
    return [setting.arm("real-full", pool.seed, model, owner, control="real-full", rows=rows.name)]


def _unfiltered(setting: Setting, pool: Pool) -> list[Arm]:
    """Every candidate."""
    source = pool.candidates.name
    mixed = Mix(parts={source: Part()})
    everything = setting.graph.add(mixed, f"{pool.prefix}unfiltered", pool.seed, {f"candidates of {source}": pool.candidates})
    model, rows = _trained(setting, pool, "unfiltered", everything)
    candidates = pool.candidates.name
    arm = setting.arm("unfiltered", pool.seed, model, pool, control="unfiltered", rows=rows.name, candidates=candidates)
    return [arm]


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


def _trained(setting: Setting, pool: Pool, name: str, rows: Node[Stage]) -> tuple[Model, Node[Stage]]:
    return setting.train(pool.prefix + name, pool.seed, setting.recipe.retrain, pool.start, rows), rows
