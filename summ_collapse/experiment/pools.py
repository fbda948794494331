"""A pool: what a model writes, and what of that is wrong; whichever design asks for it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from summ_collapse.experiment.arms import Model, Pool, pool_prefix
from summ_collapse.experiment.scores import scores_of
from summ_collapse.experiment.setting import Setting
from summ_collapse.graph import Node
from summ_collapse.recipe.blocks import MAIN, Sampled
from summ_collapse.recipe.decoding import decoding_of
from summ_collapse.stages.candidates import Candidates
from summ_collapse.stages.generate import Generate
from summ_collapse.stages.stage import Stage


def pool_of(
    setting: Setting,
    seed: int,
    owner: str,
    generator: Model | None,
    share: float,
    verifiers: Mapping[str, Any],
    name: str = MAIN,
    first: bool = False,
) -> Pool:
    """What `generator` writes in the way `name` of the recipe's synthesis, with the scores of these verifiers; without one, the
    recipe's own file of candidates.

    `owner` begins the names of all that depends on the generator; `share` is of the real rows that it, or the first of its
    line, learnt from.
    """
    recipe, synthesis = setting.recipe, setting.recipe.synthesis
    how, prefix = synthesis.all()[name], pool_prefix(owner, name)
    candidates = _written(setting, prefix, seed, generator, share, how) if generator else _given(setting, owner, share)
    judge = setting.verify(f"{prefix}judge", seed, recipe.task.judge(recipe.wrong.metric), candidates, how)
    start = generator if generator and recipe.retrain.start == "generator" else setting.base
    pool = Pool(seed, owner, name, how, candidates, judge, start, generator, share, first=first)
    return replace(pool, scores=scores_of(setting, pool, verifiers))


def _written(setting: Setting, prefix: str, seed: int, generator: Model, share: float, how: Sampled) -> Node[Stage]:
    synthesis = setting.recipe.synthesis
    stage = Generate(
        completing=setting.completing(generator, decoding_of(how, synthesis.max_new_tokens), how.chunk_size),
        excluded_slice=share if synthesis.exclude_slice else 0.0,
        within=share if synthesis.only_slice else None,
        documents=synthesis.documents,
    )
    return setting.graph.add(stage, f"{prefix}generator", seed, setting.completing_inputs(generator))


def _given(setting: Setting, owner: str, share: float) -> Node[Stage]:
    """The same candidates under every seed."""
    synthesis = setting.recipe.synthesis
    stage = Candidates(
        file=setting.named(synthesis, "candidates"),
        samples=synthesis.samples,
        excluded_slice=share if synthesis.exclude_slice else 0.0,
    )
    return setting.graph.add(stage, f"{owner}pool", None, {"examples": setting.examples})
