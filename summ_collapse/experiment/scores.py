"""Every verifier's scores of a pool, with the models that they are trained from."""

from collections.abc import Mapping
from typing import Any

from summ_collapse.errors import InputError
from summ_collapse.experiment.arms import Model, Pool
from summ_collapse.experiment.setting import Setting
from summ_collapse.graph import Node
from summ_collapse.recipe.blocks import Training
from summ_collapse.stages.stage import Stage


def scores_of(setting: Setting, pool: Pool, verifiers: Mapping[str, Any]) -> dict[str, Node[Stage]]:
    """These verifiers' own trainings, in an order in which each finds what it refers to, and their scores of the pool."""
    models = {"base": setting.base} | ({"generator": pool.generator} if pool.generator else {})
    waiting = dict(verifiers)
    scores: dict[str, Node[Stage]] = {}
    while waiting:
        ready = [name for name, options in waiting.items() if not {options.model, *options.sources} & set(waiting)]
        if not ready:
            first = min(waiting)
            key = "of" if waiting[first].sources else "model"
            raise InputError(f"verifiers.{first}.{key}: verifiers refer to each other in a circle")
        for name in ready:
            options = waiting.pop(name)
            model = _model(setting, pool, name, options, models)
            if options.train is not None and model is not None:
                models[name] = model
            sources = {source: scores[source] for source in options.sources}
            scores[name] = setting.verify(pool.prefix + name, pool.seed, options, pool.candidates, pool.how, model, sources)
    return scores


def _model(setting: Setting, pool: Pool, name: str, options: Any, models: Mapping[str, Model]) -> Model | None:
    """What a verifier reads with: one of the recipe's models or a named one, an adapter over it, or trained from it."""
    if options.model is None:
        return None
    model = (
        models[options.model]
        if options.model in models
        else Model(None, setting.named(options, "model"), chat=getattr(options, "chat", None))
    )
    if options.adapter is not None:
        return Model(None, setting.named(options, "adapter"), model, model.chat)
    if options.train is None:
        return model
    training = Training.model_validate(options.train.model_dump(exclude={"slice", "seed", "only"}))
    # Generators share what is trained from none of them.
    prefix = pool.owner if _from_generator(setting, options.model) else ""
    seed = pool.seed if options.train.seed is None else options.train.seed
    share, only = options.train.slice, options.train.only
    rows = setting.slice(share) if only is None else setting.part(name, share, only)
    return setting.train(prefix + name, seed, training, model, rows, share)


def _from_generator(setting: Setting, model: str) -> bool:
    """Whether a verifier's model is the generator, or trained from it."""
    while model in setting.recipe.verifiers:
        model = setting.recipe.verifiers[model].model
    return model == "generator"
