"""The design `preference`: arms that learn from the generator's own samples and their verdicts, wrong ones too.

All methods share a pool. What one draws beside it is counted (`Arm.drawn`): rollouts, and the pool of a model behind it.
"""

from dataclasses import replace

from summ_collapse.experiment.arms import Arm, Model, Pool
from summ_collapse.experiment.pools import pool_of
from summ_collapse.experiment.scores import scores_of
from summ_collapse.experiment.setting import Nodes, Setting
from summ_collapse.graph import Node
from summ_collapse.recipe.decoding import decoding_of
from summ_collapse.recipe.preference import Method, Preference, StepKind
from summ_collapse.recipe.schema import with_read
from summ_collapse.stages.distinct import Distinct
from summ_collapse.stages.mix import Mix, Part
from summ_collapse.stages.pair import Pair
from summ_collapse.stages.prefer import Prefer
from summ_collapse.stages.reference import Reference
from summ_collapse.stages.rollout import Rollout
from summ_collapse.stages.stage import Stage

RFT: Method = "rft"
DPO: Method = "dpo"
STEP: Method = "dpo-step"


def design(setting: Setting, pool: Pool) -> list[Arm]:
    """An arm a method."""
    wanted = setting.recipe.preference
    if wanted is None or pool.name != wanted.pool or pool.generator is None:
        return []
    arms: dict[Method, Arm] = {}
    learner = pool
    if RFT in wanted.arms:
        model, arms[RFT] = _rft(setting, pool, wanted)
        learner = _drawn_anew(setting, pool, wanted, model) if wanted.start == RFT else pool
    if DPO in wanted.arms:
        arms[DPO] = _preferred(setting, pool, wanted, DPO, learner, {})
    if STEP in wanted.arms:
        arms[STEP] = _preferred(setting, pool, wanted, STEP, learner, _rollouts(setting, learner, wanted))
    return [arms[method] for method in wanted.arms]


def _drawn_anew(setting: Setting, pool: Pool, wanted: Preference, model: Model) -> Pool:
    """The pool of the model that is trained on: what another one does wrong is nothing that it has to unlearn."""
    assert pool.slice is not None
    owner = f"{pool.prefix}{RFT}-"
    return pool_of(setting, pool.seed, owner, model, pool.slice, with_read(setting.recipe, [wanted.verifier]), pool.name)


def _steps(setting: Setting, wanted: Preference) -> StepKind:
    kind: StepKind = wanted.steps or setting.recipe.task.step_kind
    return kind


def _rft(setting: Setting, pool: Pool, wanted: Preference) -> tuple[Model, Arm]:
    """Retrained on right samples that differ, and on the real rows."""
    source, name = pool.candidates.name, pool.prefix + RFT
    stage = Distinct(right=wanted.right, steps=_steps(setting, wanted), source=source)
    inputs = {"candidates": pool.candidates, "scores": pool.scores[wanted.verifier]}
    rows = setting.graph.add(stage, name, pool.seed, inputs)
    if wanted.real and pool.slice is not None:
        parts = {"real": Part(), source: Part()}
        read = {"rows of real": setting.slice(pool.slice), f"rows of {source}": rows}
        rows = setting.graph.add(Mix(parts=parts), name, pool.seed, read)
    model = setting.train(name, pool.seed, setting.recipe.retrain, pool.start, rows, pool.slice)
    return model, _arm(setting, pool, wanted, RFT, model, rows.name, pool, [])


def _preferred(setting: Setting, pool: Pool, wanted: Preference, method: Method, learner: Pool, rollouts: Nodes) -> Arm:
    """The model that wrote the pool `learner`, trained on pairs of what it wrote."""
    name = pool.prefix + method
    stepwise = method == STEP
    stage = Pair(
        margin=wanted.margin,
        each=wanted.each,
        right=wanted.right,
        weights=wanted.weights,
        steps=_steps(setting, wanted) if stepwise else None,
        fall=wanted.fall if stepwise else None,
        until=wanted.until if stepwise else None,
    )
    judged = {"candidates": learner.candidates, "scores": learner.scores[wanted.verifier]}
    pairs = setting.graph.add(stage, name, pool.seed, {**judged, **rollouts})
    assert learner.generator is not None
    model = _prefer(setting, pool, wanted, name, learner.generator, pairs)
    further = [pool.candidates] if learner is not pool else []
    further += [rollouts["rollouts"]] if rollouts else []
    return _arm(setting, pool, wanted, method, model, pairs.name, learner, [node.name for node in further])


def _prefer(setting: Setting, pool: Pool, wanted: Preference, name: str, start: Model, pairs: Node[Stage]) -> Model:
    """What becomes of `start` on these pairs, which it is asked about first."""
    training, synthesis = wanted.train, setting.recipe.synthesis
    assert training is not None, f"{name}: checked with the recipe"
    asked = Reference(reading=setting.reading(start), batch_size=synthesis.batch_size, chunk_size=synthesis.chunk_size)
    pairs = setting.graph.add(asked, name, pool.seed, {**setting.completing_inputs(start), "pairs": pairs})
    stage = Prefer(
        reading=setting.reading(start, "base"),
        training=training,
        below=start.called if training.adapter else None,
    )
    inputs = {"examples": setting.examples, "pairs": pairs, **start.made("base")}
    return Model(setting.graph.add(stage, name, pool.seed, inputs), None, start if training.adapter else None, start.chat)


def _rollouts(setting: Setting, pool: Pool, wanted: Preference) -> Nodes:
    """What the generator makes of beginnings of its wrong samples, and the verifier's scores of that."""
    assert pool.generator is not None
    recipe, how = setting.recipe, pool.how.model_copy(update={"decoding": "sampling", "samples": wanted.rollouts})
    name = f"{STEP}-rollouts"
    stage = Rollout(
        completing=setting.completing(pool.generator, decoding_of(how, recipe.synthesis.max_new_tokens), how.chunk_size),
        steps=_steps(setting, wanted),
        margin=wanted.margin,
        each=wanted.each,
        most=wanted.most,
    )
    judged = {"candidates": pool.candidates, "scores": pool.scores[wanted.verifier]}
    rollouts = setting.graph.add(stage, pool.prefix + name, pool.seed, {**setting.completing_inputs(pool.generator), **judged})
    # A pool of its own, with a name that no variant of a recipe can have.
    drawn = replace(pool, name=f"{pool.prefix.removeprefix(pool.owner)}{name}", how=how, candidates=rollouts, scores={})
    scores = scores_of(setting, drawn, with_read(recipe, [wanted.verifier]))
    return {"rollouts": rollouts, "scores of rollouts": scores[wanted.verifier]}


def _arm(
    setting: Setting,
    pool: Pool,
    wanted: Preference,
    method: Method,
    model: Model,
    rows: str,
    learner: Pool,
    drawn: list[str],
) -> Arm:
    return setting.arm(
        method,
        pool.seed,
        model,
        pool,
        rows=rows,
        method=method,
        verifier=wanted.verifier,
        verifier_kind=setting.recipe.verifiers[wanted.verifier].kind,
        scores=learner.scores[wanted.verifier].name,
        candidates=learner.candidates.name,
        judge=learner.judge.name,
        drawn=drawn,
    )
