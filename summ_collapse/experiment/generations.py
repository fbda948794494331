"""The design `generations`: lines of models, each of which learns from what the one before it wrote.

Generation 0 is the pool's generator, and the pool is what generation 1 learns from, in every regime. Generation g + 1 is another
stage behind generation g, so that a longer line goes on from a shorter one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from summ_collapse.experiment.arms import REGIME_ROLE, Arm, Model, Pool
from summ_collapse.experiment.pools import pool_of
from summ_collapse.experiment.setting import Nodes, Setting
from summ_collapse.graph import Node
from summ_collapse.recipe.generations import Generations, Regime
from summ_collapse.recipe.schema import with_read
from summ_collapse.selection.order import Order
from summ_collapse.stages.mix import Mix, Part
from summ_collapse.stages.stage import Stage

REAL_ROWS = "real"
BEGINNING = "generation-0"  # the arm of the generator itself, where all lines begin


@dataclass(frozen=True)
class _Written:
    """What one generation gives to those after it: a table, its name as a part of a mixture, and the role that it plays there."""

    part: str
    role: str
    rows: Node[Stage]


def design(setting: Setting, pool: Pool) -> list[Arm]:
    """An arm a regime and generation."""
    wanted = setting.recipe.generations
    if wanted is None or not pool.main or pool.generator is None:
        return []
    begins = _measured(setting, pool, setting.arm(BEGINNING, pool.seed, pool.generator, pool, generation=0), pool.generator)
    lines = [arm for name, regime in wanted.regimes.items() for arm in _line(setting, pool, name, regime, wanted)]
    return [begins, *lines]


def _measured(setting: Setting, first: Pool, arm: Arm, model: Model) -> Arm:
    """With what is measured of its collapse."""
    node = setting.collapse(arm.name, first.seed, model, setting.graph.stages[arm.evaluate])
    return arm.model_copy(update={"collapse": node.name})


def _line(setting: Setting, first: Pool, name: str, regime: Regime, wanted: Generations) -> Iterator[Arm]:
    """The arms of one regime, a generation each."""
    so_far: list[_Written] = []
    pools = [first]
    for generation in range(1, wanted.rounds + 1):
        arm = f"{name}-{generation}"
        so_far.append(_kept(setting, pools, f"{first.owner}{arm}", regime))
        rows = _mixture(setting, first, f"{first.owner}{arm}", regime, so_far)
        # What the last generation would write nobody reads: one model is judged.
        members = regime.generators if generation < wanted.rounds else 1
        models = [_trained(setting, pools, f"{first.owner}{arm}", regime, rows, member) for member in range(members)]
        beside = wanted.beside if wanted.beside not in (None, name) else None
        pool = pools[0]
        made = setting.arm(
            arm,
            first.seed,
            models[0],
            first,
            {REGIME_ROLE: f"{beside}-{generation}"} if beside else None,
            rows=rows.name,
            regime=name,
            generation=generation,
            mixture=regime.mixture,
            real_share=regime.real_share,
            verifier=regime.verifier,
            verifier_kind=None if regime.verifier is None else setting.recipe.verifiers[regime.verifier].kind,
            rate=regime.rate,
            # Of several generators the first stands for all: a selection's p, phi and psi are of one pool.
            scores=None if regime.verifier is None else pool.scores[regime.verifier].name,
            candidates=pool.candidates.name,
            judge=pool.judge.name,
        )
        yield _measured(setting, first, made, models[0])
        if generation < wanted.rounds:
            pools = [_next(setting, first, _member(arm, place), model, regime) for place, model in enumerate(models)]


def _member(arm: str, place: int) -> str:
    """What the stages of one of several models are called; the first has the arm's own name."""
    return f"{arm}-{place + 1}" if place else arm


def _trained(setting: Setting, pools: Sequence[Pool], arm: str, regime: Regime, rows: Node[Stage], place: int) -> Model:
    """One of a generation's models, from the base or from the model before it: the others see the same rows in another order."""
    training = regime.retrained(setting.recipe.retrain)
    if place:
        training = training.model_copy(update={"order": (training.order or 0) + place})
    pool = pools[min(place, len(pools) - 1)]
    return setting.train(_member(arm, place), pool.seed, training, pool.start, rows, pool.slice)


def _next(setting: Setting, first: Pool, arm: str, model: Model, regime: Regime) -> Pool:
    """What a generation's model writes."""
    verifiers = with_read(setting.recipe, [regime.verifier] if regime.verifier else [])
    assert first.slice is not None, f"{arm}: generations begin with a slice of real rows"
    return pool_of(setting, first.seed, f"{first.owner}{arm}-", model, first.slice, verifiers)


def _kept(setting: Setting, pools: Sequence[Pool], arm: str, regime: Regime) -> _Written:
    """All that a generation wrote, or what its regime's verifier keeps of it; of several models an even share of each."""
    written = [_kept_of(setting, pool, _member(arm, place), regime, len(pools)) for place, pool in enumerate(pools)]
    if len(written) == 1:
        return written[0]
    # All of a verifier's choices are kept; else as many rows as one model wrote, of each document what one of them did.
    mix = Mix(parts={one.part: Part() for one in written}, apart=regime.verifier is None)
    rows = setting.graph.add(mix, f"{arm}-written", pools[0].seed, {one.role: one.rows for one in written})
    return _Written(rows.name, f"rows of {rows.name}", rows)


def _kept_of(setting: Setting, pool: Pool, arm: str, regime: Regime, pools: int) -> _Written:
    source = pool.candidates.name
    if regime.verifier is None or regime.rate is None:
        return _Written(source, f"candidates of {source}", pool.candidates)
    rows = setting.select(arm, pool, regime.verifier, Order(regime.across), regime.rate / pools)
    return _Written(source, f"rows of {source}", rows)


def _mixture(setting: Setting, first: Pool, arm: str, regime: Regime, so_far: list[_Written]) -> Node[Stage]:
    """What a generation learns from: of all that was written so far, and of the real rows, what its regime says."""
    newest = so_far[-1]
    used = {"replace": so_far[-1:], "latest": so_far[-(regime.latest or 0) :]}.get(regime.mixture, so_far)
    parts: dict[str, Part] = {}
    inputs: Nodes = {}
    if regime.real_share and first.slice is not None:
        parts[REAL_ROWS] = Part()
        inputs[f"rows of {REAL_ROWS}"] = setting.slice(first.slice * regime.real_share)
    for one in used:
        parts[one.part] = Part()
        inputs[one.role] = one.rows
    if list(inputs) == [newest.role] and newest.role.startswith("rows of "):
        return newest.rows
    bounded = regime.mixture in ("subsample", "uniform", "latest") and len(parts) > 1
    stage = Mix(parts=parts, total=newest.part if bounded else None, evenly="rows" if regime.mixture == "subsample" else "parts")
    return setting.graph.add(stage, arm, first.seed, inputs)
