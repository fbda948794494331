"""The design `selection`: every verifier at every rate, each beside as many random rows."""

from collections.abc import Sequence

from summ_collapse.experiment.arms import Arm, Pool
from summ_collapse.experiment.setting import Nodes, Setting
from summ_collapse.graph import Node
from summ_collapse.recipe.blocks import Ordering, Variant
from summ_collapse.recipe.schema import needed_random
from summ_collapse.selection.order import Order
from summ_collapse.selection.strata import CLUSTERS
from summ_collapse.stages.select import Select
from summ_collapse.stages.stage import Stage


def design(setting: Setting, pool: Pool) -> list[Arm]:
    """An arm a verifier, way of selecting and rate."""
    arms: list[Arm] = []
    for verifier, variant, how in _ways(setting):
        rates: Sequence[float | None] = how.rates or [None]
        for rate in rates:
            arms += _arms(setting, pool, verifier, variant, how, rate)
    return arms


def _ways(setting: Setting) -> list[tuple[str, str | None, Variant]]:
    """(verifier, variant, how) of all arms; random stands at every rate that any arm has."""
    recipe = setting.recipe
    ways = recipe.selection.all()
    found = [(name, variant, how) for variant, how in ways.items() for name in how.verifiers or recipe.verifiers]
    random = needed_random(recipe)
    there = {rate for name, variant, how in found if name == random and variant is None for rate in how.rates or ()}
    lacking = sorted({rate for how in ways.values() for rate in how.rates or ()} - there)
    return [*found, (random, None, Variant(rates=lacking))] if lacking else found


def _arms(
    setting: Setting,
    pool: Pool,
    verifier: str,
    variant: str | None,
    how: Variant,
    rate: float | None,
) -> list[Arm]:
    """The arm of one verifier at one rate, behind that of random rows where these have to follow its size."""
    name = "-".join([verifier, *([variant] if variant else []), *([f"{rate:g}"] if rate is not None else [])])
    rows = _select(setting, pool, name, pool.scores[verifier], _order(how), rate, how.at_least)
    random = needed_random(setting.recipe)
    baseline = f"{random}-as-{name}" if rate is None else f"{random}-{rate:g}"
    arms: list[Arm] = []
    if rate is None:
        # A threshold's size is known only when it has selected, so random follows it.
        follow = _select(setting, pool, baseline, pool.scores[random], Order(), None, None, {"size": rows})
        arms.append(_trained(setting, pool, baseline, random, None, None, follow, None))
    beside = None if name == baseline else baseline
    return [*arms, _trained(setting, pool, name, verifier, variant, rate, rows, beside)]


def _select(
    setting: Setting,
    pool: Pool,
    arm: str,
    scores: Node[Stage],
    order: Order,
    rate: float | None,
    at_least: float | None,
    further: Nodes | None = None,
) -> Node[Stage]:
    stage = Select(
        order=order,
        rate=rate,
        at_least=at_least,
        wrong_below=setting.recipe.wrong.below,
        slice=pool.slice,
        source=pool.candidates.name,
    )
    inputs = {"examples": setting.examples, "candidates": pool.candidates, "scores": scores, "judge": pool.judge}
    return setting.graph.add(stage, pool.prefix + arm, pool.seed, inputs | (further or {}))


def _trained(
    setting: Setting,
    pool: Pool,
    name: str,
    verifier: str,
    variant: str | None,
    rate: float | None,
    rows: Node[Stage],
    random: str | None,
) -> Arm:
    model = setting.train(pool.prefix + name, pool.seed, setting.recipe.retrain, pool.start, rows)
    return setting.arm(
        name,
        pool.seed,
        model,
        pool,
        {random: random} if random else None,
        rows=rows.name,
        verifier=verifier,
        verifier_kind=setting.recipe.verifiers[verifier].kind,
        variant=variant,
        rate=rate,
        scores=pool.scores[verifier].name,
        candidates=pool.candidates.name,
    )


def _order(how: Ordering) -> Order:
    """What an order of candidates depends on, and nothing that it ignores."""
    by, strata = how.by, how.strata
    if how.across == "strata":
        by = how.by or "cluster"
        strata = (how.strata or CLUSTERS) if by in {"length", "cluster"} else None
    return Order(how.across, by, strata, how.temperature, how.near_duplicates)
