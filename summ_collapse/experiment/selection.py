"""The design `selection`: every verifier at every rate, each beside as many random rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from summ_collapse.experiment.arms import Arm, Pool
from summ_collapse.experiment.setting import Setting
from summ_collapse.graph import Node
from summ_collapse.recipe.schema import random_verifier
from summ_collapse.recipe.selecting import Keeping, Ordering
from summ_collapse.selection.order import Order
from summ_collapse.selection.strata import CLUSTERS
from summ_collapse.stages.stage import Stage


@dataclass(frozen=True)
class Way:
    """What an arm's rows are selected by: whose scores, in which order, and where that is cut off."""

    arm: str
    verifier: str
    variant: str | None
    order: Order
    rate: float | None = None
    at_least: float | None = None
    keep: Keeping | None = None


def design(setting: Setting, pool: Pool) -> list[Arm]:
    """An arm a verifier, way of selecting and rate."""
    ways = _ways(setting, pool)
    return [arm for way in ways for arm in _arms(setting, pool, way, ways)]


def _ways(setting: Setting, pool: Pool) -> list[Way]:
    """Those that choose from this pool; random stands at every rate that any arm has."""
    recipe, random = setting.recipe, random_verifier(setting.recipe)
    found: list[Way] = []
    for variant, how in recipe.selection.of(pool.name).items():
        for verifier in how.verifiers or recipe.verifiers:
            rates: Sequence[float | None] = how.rates or [None]
            for rate in rates:
                parts = [verifier, variant, None if rate is None else f"{rate:g}"]
                arm = "-".join(part for part in parts if part is not None)
                found.append(Way(arm, verifier, variant, order_of(how), rate, how.at_least, how.keep))
    there = {(way.variant, way.rate) for way in found if way.verifier == random}
    alone = {way.rate for way in found if way.rate is not None and (way.variant, way.rate) not in there}
    lacking = sorted(alone - {rate for variant, rate in there if variant is None})
    return found + [Way(f"{random}-{rate:g}", random, None, Order(), rate) for rate in lacking]


def order_of(how: Ordering) -> Order:
    """What an order of candidates depends on, and nothing that it ignores."""
    by, strata = how.by, how.strata
    if how.across == "strata":
        by = how.by or "cluster"
        strata = (how.strata or CLUSTERS) if by in {"length", "cluster"} else None
    return Order(how.across, by, strata, how.temperature, how.near_duplicates)


def _arms(setting: Setting, pool: Pool, way: Way, ways: Sequence[Way]) -> list[Arm]:
    """The arm of one way, behind that of random rows where these have to follow its size.

    It stands beside random rows that were taken in the same way where there are such, else beside any as many.
    """
    rows = _select(setting, pool, way)
    random = random_verifier(setting.recipe)
    if way.rate is not None:
        drawn = {other.variant: other.arm for other in ways if (other.verifier, other.rate) == (random, way.rate)}
        return [_arm(setting, pool, way, rows, drawn.get(way.variant) or drawn[None])]
    # A threshold's size is known only when it has selected, so random follows it.
    beside = Way(f"{random}-as-{way.arm}", random, None, Order())
    follow = _select(setting, pool, beside, size=rows)
    return [_arm(setting, pool, beside, follow, beside.arm), _arm(setting, pool, way, rows, beside.arm)]


def _select(setting: Setting, pool: Pool, way: Way, **size: Node[Stage]) -> Node[Stage]:
    return setting.select(pool.prefix + way.arm, pool, way.verifier, way.order, way.rate, way.at_least, way.keep, **size)


def _arm(setting: Setting, pool: Pool, way: Way, rows: Node[Stage], random: str) -> Arm:
    return setting.retrained(
        way.arm,
        pool,
        rows,
        {random: random},
        verifier=way.verifier,
        verifier_kind=setting.recipe.verifiers[way.verifier].kind,
        variant=way.variant,
        rate=way.rate,
        scores=pool.scores[way.verifier].name,
        candidates=pool.candidates.name,
    )
