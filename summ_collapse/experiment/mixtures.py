"""The design `mixtures`: real rows and synthetic ones together, in every amount and weight, beside the real rows alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from summ_collapse.experiment.arms import MIXTURE, POOLED_ROLE, REAL_ROLE, Arm, Mixed, Pool
from summ_collapse.experiment.selection import order_of
from summ_collapse.experiment.setting import Setting
from summ_collapse.graph import Node
from summ_collapse.recipe.blocks import Rate
from summ_collapse.recipe.mixtures import Mixtures
from summ_collapse.stages.blend import REAL, SYNTHETIC, Blend
from summ_collapse.stages.stage import Stage
from summ_collapse.theory.mixing import Weighing

UNFILTERED = "unfiltered"


@dataclass(frozen=True)
class Source:
    """Synthetic rows of one kind: what they are called, the table, and the verifier and rate that kept them, if any did."""

    name: str
    role: str
    table: Node[Stage]
    verifier: str | None = None
    rate: Rate | None = None


def design(setting: Setting, pool: Pool) -> list[Arm]:
    """Of a generator's main pool: the real rows alone in each amount, then every mixture."""
    wanted = setting.recipe.mixtures
    if wanted is None or not pool.main:
        return []
    shares = wanted.real if wanted.real is not None else [pool.slice or 0.0]
    amounts: list[int | None] = [None] if wanted.synthetic is None else [amount for amount in wanted.synthetic if amount]
    alone = [_alone(setting, pool, share) for share in shares if share]
    return alone + [
        _mixture(setting, pool, source, share, amount, weight)
        for source, share, amount in product(_sources(setting, pool, wanted), shares, amounts)
        for weight in (wanted.weights if share else wanted.weights[:1])
        if share or amount is not None  # all synthetic rows alone are an arm of `selection` or `controls` already
    ]


def _sources(setting: Setting, pool: Pool, wanted: Mixtures) -> Iterator[Source]:
    recipe = setting.recipe
    if wanted.unfiltered:
        yield Source(UNFILTERED, f"candidates of {SYNTHETIC}", pool.candidates)
    verifiers = list(pool.scores) if wanted.verifiers is None else wanted.verifiers
    for verifier, rate in product(verifiers, wanted.rates or recipe.selection.rates):
        # Under the name that the design `selection` gives it, in the same order: what both ask for is one stage.
        name = f"{verifier}-{rate:g}"
        rows = setting.select(pool.prefix + name, pool, verifier, order_of(recipe.selection), rate)
        yield Source(name, f"rows of {SYNTHETIC}", rows, verifier, rate)


def _alone(setting: Setting, pool: Pool, share: float) -> Arm:
    """A share of the real rows alone; where that is the generator's own, trained as it was, the generator itself."""
    name, rows = real_name(share), setting.slice(share)
    mixed = Mixed(source=REAL, real=share, synthetic=0, weight=None)
    if share == pool.slice and pool.generator is not None and setting.trained_alike(pool):
        return setting.arm(name, pool.seed, pool.generator, pool, rows=rows.name, method=MIXTURE, mixed=mixed)
    return setting.retrained(name, pool, rows, real=share, method=MIXTURE, mixed=mixed)


def real_name(share: float) -> str:
    """The arm of a share of the real rows alone."""
    return f"real-{share:g}"


def _mixture(setting: Setting, pool: Pool, source: Source, share: float, amount: int | None, weight: Weighing | float) -> Arm:
    def named(how: Weighing | float) -> str:
        made = source.name if amount is None else f"{source.name}-{amount}"
        return f"{made}+real-{share:g}-{how}" if share else made

    inputs = {source.role: source.table} | ({f"rows of {REAL}": setting.slice(share)} if share else {})
    stage = Blend(synthetic=amount, weight=weight if share else "pooled", source=pool.candidates.name)
    beside = {REAL_ROLE: real_name(share), POOLED_ROLE: named("pooled")} if share else {}
    if setting.recipe.mixtures is None or "pooled" not in setting.recipe.mixtures.weights:
        beside.pop(POOLED_ROLE, None)
    return setting.retrained(
        named(weight),
        pool,
        setting.graph.add(stage, pool.prefix + named(weight), pool.seed, inputs),
        beside,
        real=share or None,
        verifier=source.verifier,
        verifier_kind=setting.recipe.verifiers[source.verifier].kind if source.verifier else None,
        rate=source.rate,
        method=MIXTURE,
        candidates=pool.candidates.name,
        scores=pool.scores[source.verifier].name if source.verifier else None,
        mixed=Mixed(source=source.name, real=share, synthetic=amount, weight=f"{weight}" if share else None),
    )
