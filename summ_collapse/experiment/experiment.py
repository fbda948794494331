"""From a recipe to its graph of stages and its arms. Pure: no files, no models.

    experiment = experiment_of(recipe, names)
    experiment.stages["train/oracle-0.25"].fingerprint

What a recipe compares is up to its designs: functions of a setting and a pool that give arms, found through the
entry-point group `summ_collapse.designs`.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from summ_collapse.errors import InputError
from summ_collapse.experiment.arms import Arm, Model, Pool
from summ_collapse.experiment.pools import pool_of
from summ_collapse.experiment.setting import Setting
from summ_collapse.graph import Graph, Node
from summ_collapse.models.compute import resolved
from summ_collapse.plugins import plugin
from summ_collapse.predict import predictor
from summ_collapse.recipe.blocks import MAIN
from summ_collapse.recipe.resolve import Names, references
from summ_collapse.recipe.schema import Recipe, read_by, scoring, with_random
from summ_collapse.stages.prepare import Prepare
from summ_collapse.stages.pretrain import Pretrain
from summ_collapse.stages.stage import Stage

SCRATCH = "from scratch"  # a tiny model that learnt nothing before

Design = Callable[[Setting, Pool], list[Arm]]


@dataclass(frozen=True)
class Experiment:
    """All stages of a recipe in an order in which they can run, and its arms."""

    recipe: Recipe
    names: Names  # what the recipe's names stand for
    graph: Graph[Stage]
    prepare: Node[Stage]
    report: Node[Stage]
    pools: list[Pool]
    arms: list[Arm]

    @property
    def stages(self) -> dict[str, Node[Stage]]:
        return self.graph.stages

    @cached_property
    def shared(self) -> frozenset[str]:
        """The stages that no single arm owns: pools, what judges and scores them, and all that these are made with."""
        pooled = {name for arm in self.arms for name in (arm.candidates, arm.judge, arm.scores) if name is not None}
        return frozenset(self.graph.upstream({self.prepare.name, *pooled}))

    def chosen(self, only: Iterable[str] = (), until: str | None = None) -> list[Node[Stage]]:
        """See `Graph.chosen`."""
        return self.graph.chosen(only, until)


def experiment_of(recipe: Recipe, names: Names | None = None) -> Experiment:
    """The graph; InputError where two stages would have one name, or verifiers refer to each other in a circle."""
    recipe = with_random(recipe)
    graph: Graph[Stage] = Graph(len(recipe.seeds) > 1)
    names = names or {}
    setting = _setting(recipe, names, graph)
    designs: list[Design] = [plugin("designs", name) for name in recipe.designs]
    pools: list[Pool] = []
    arms: list[Arm] = []
    for seed, share, name in product(recipe.seeds, recipe.generator.slices, recipe.synthesis.all()):
        pool = _pool(setting, seed, share, name)
        pools.append(pool)
        arms += [arm for design in designs for arm in design(setting, pool)]
    twice = [name for (name, _), count in Counter((arm.name, arm.seed) for arm in arms).items() if count > 1]
    if twice:
        raise InputError(f"arms: two arms would be called {twice[0]!r}; rename one")
    return Experiment(recipe, names, graph, setting.examples, _report(setting, arms), pools, arms)


def _setting(recipe: Recipe, names: Names, graph: Graph[Stage]) -> Setting:
    """What all seeds share: the examples and the base."""
    task, base = recipe.task, recipe.base
    known = {one.key: names[one.key] for one in references(task) if one.key in names}
    examples = graph.add(Prepare(task=task, names=known), "data", None, {})
    setting = Setting(recipe, names, graph, examples, Model(None, None))
    if base.tiny is None:
        return replace(setting, base=Model(None, setting.named(base, "model"), chat=task.chat))
    pretrain = Pretrain(
        tiny=base.tiny,
        prompt=task.prompt,
        max_document_tokens=task.max_document_tokens,
        dtype=resolved(base.dtype),
        words=task.vocabulary(),
        thread_count=(base.tiny.pretrain and base.tiny.pretrain.threads) or recipe.launch.threads,
    )
    return replace(setting, base=Model(graph.add(pretrain, "base", None, {"examples": examples}), None))


def _pool(setting: Setting, seed: int, share: float, name: str) -> Pool:
    """A generator that learnt from a slice, and what it writes in one way."""
    recipe = setting.recipe
    slices = recipe.generator.slices
    owner = f"g{share:g}-" if len(slices) > 1 else ""
    learns = recipe.generator.train
    generator = None
    if learns is not None:
        generator = setting.train(f"{owner}generator", seed, learns, setting.base, setting.slice(share), share)
    first = (share, name) == (slices[0], MAIN)
    return pool_of(setting, seed, owner, generator, share, scoring(recipe, name), name, first)


def setting_of(recipe: Recipe) -> str:
    """What coefficients of the predictor have to hold for."""
    tiny = recipe.base.tiny
    return predictor.setting(recipe.task.kind, tiny is not None, recipe.base.model if tiny is None or tiny.pretrain else SCRATCH)


def _promising(recipe: Recipe) -> dict[str, float]:
    """The verifiers of whose selections something may be promised, and the share of the real rows that each has learnt from.

    An oracle has seen the very answers that would count for it, a reader of one that is made of labels has too, and random rows
    are nobody's choice.
    """
    found = {}
    for name in recipe.verifiers:
        read = [(one, recipe.verifiers[one]) for one in read_by(recipe, name)]
        taught = any(one != name and getattr(options, "labels", None) is not None for one, options in read)
        if not taught and not any(one.reads_reference or one.at_random or one.attack for _, one in read):
            found[name] = max((one.train.slice for _, one in read if one.train is not None), default=0.0)
    return found


def _report(setting: Setting, arms: list[Arm]) -> Node[Stage]:
    """The comparison of all arms; it is a stage that stands above this room, and so is found by its name."""
    recipe, stages = setting.recipe, setting.graph.stages
    fit = predictor.shipped_for(setting_of(recipe))
    promise = recipe.selection.certify
    report = plugin("stages", "report")(
        contents={
            "recipe": recipe.name,
            "arms": arms,
            "evaluation": recipe.evaluation,
            "wrong": recipe.wrong,
            "coefficients": fit.coefficients if fit else None,
            "certify": promise and {"promise": promise, "verifiers": _promising(recipe)},
            "attacks": {name: attack for name, options in recipe.verifiers.items() if (attack := options.attack) is not None},
        }
    )
    read = dict.fromkeys(name for arm in arms for name in stages if name in arm.nodes)
    return setting.graph.add(report, "all", None, {"examples": setting.examples, **{name: stages[name] for name in read}})
