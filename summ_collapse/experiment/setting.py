"""What designs build with: a recipe, what its names stand for, one graph; and the steps that every design is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from summ_collapse.errors import InputError
from summ_collapse.experiment.arms import GENERATOR_ROLE, VERDICT_BASELINE, Arm, Model, Pool
from summ_collapse.graph import Graph, Node
from summ_collapse.models.compute import resolved
from summ_collapse.recipe.blocks import Options, Sampled, Training
from summ_collapse.recipe.decoding import Decoding, decoding_of
from summ_collapse.recipe.resolve import Name, Names, Reference, references, unresolved
from summ_collapse.recipe.schema import Recipe
from summ_collapse.recipe.selecting import Keeping
from summ_collapse.selection.order import Order
from summ_collapse.stages.attempts import Attempts
from summ_collapse.stages.collapse import Collapse
from summ_collapse.stages.completing import Completing
from summ_collapse.stages.evaluate import Evaluate
from summ_collapse.stages.reading import Reading
from summ_collapse.stages.select import Select
from summ_collapse.stages.slice import Slice
from summ_collapse.stages.stage import Stage
from summ_collapse.stages.train import Train
from summ_collapse.stages.verify import Verify
from summ_collapse.verifiers.verifier import Verifier

Nodes = dict[str, Node[Stage]]


@dataclass(frozen=True)
class Setting:
    """One recipe in one graph, with what all its seeds share."""

    recipe: Recipe
    names: Names
    graph: Graph[Stage]
    examples: Node[Stage]
    base: Model

    def named(self, block: Options, key: str) -> Name:
        """What the name stands for that a block of the recipe has under `key`."""
        return next(self._name(one) for one in references(block) if one.where == key)

    def _name(self, reference: Reference) -> Name:
        return self.names.get(reference.key, unresolved(reference.name))

    def slice(self, share: float, after: float = 0.0) -> Node[Stage]:
        """The rows of a slice of the real data, without those of the smaller one that it comes `after`."""
        name = f"{share:g}-after-{after:g}" if after else f"{share:g}"
        return self.graph.add(Slice(share=share, after=after), name, None, {"examples": self.examples})

    def part(self, name: str, share: float, only: dict[str, list[str]]) -> Node[Stage]:
        """The rows of a slice that are of one part of the world."""
        return self.graph.add(Slice(share=share, only=only), name, None, {"examples": self.examples})

    def train(self, arm: str, seed: int, training: Training, start: Model, rows: Node[Stage], real: float | None = None) -> Model:
        """A model that is trained from `start` on a table of rows.

        `real` is the slice that the rows' real ones are of, or their generator's: what early stopping looks at is its last part.
        Without one a training cannot stop early.
        """
        stage = Train(
            reading=self.reading(start, "base"),
            training=training,
            below=start.called if training.adapter else None,
        )
        inputs = {"examples": self.examples, "rows": rows, **start.made("base")}
        if training.early_stopping is not None:
            if real is None:
                raise InputError(f"early_stopping: expected real rows to look at, and none are behind {arm}")
            inputs["validation"] = self.slice(real, real * (1 - training.early_stopping.share))
        return Model(self.graph.add(stage, arm, seed, inputs), None, start if training.adapter else None, start.chat)

    def completing(self, model: Model, decoding: Decoding, chunk_size: int | None = None) -> Completing:
        """How a model completes documents."""
        engine = self.recipe.synthesis.engine
        return Completing(reading=self.reading(model), decoding=decoding, chunk_size=chunk_size, engine=engine)

    def completing_inputs(self, model: Model) -> Nodes:
        """What a stage reads that completes documents with it."""
        return {"examples": self.examples, **model.made("model")}

    def verify(
        self,
        arm: str,
        seed: int,
        verifier: Verifier,
        candidates: Node[Stage],
        how: Sampled,
        model: Model | None = None,
        sources: Mapping[str, Node[Stage]] | None = None,
    ) -> Node[Stage]:
        """One verifier's scores of a pool, whose candidates were drawn as `how` says."""
        uneven = self.recipe.synthesis.candidates is not None
        stage = Verify(
            verifier=verifier,
            names={one.key: self._name(one) for one in references(verifier)},
            reading=self.reading(model) if model else None,
            # Who reads others' scores ranks all candidates at once; a document of a given file has any number of candidates.
            chunk_size=None
            if sources or verifier.whole_pool or (uneven and verifier.samples > 1)
            else how.chunk_size * how.samples,
            batch_size=how.batch_size if model else 1,
            shared_prompts=model is not None and how.samples > 1,
        )
        read = {f"scores of {name}": scores for name, scores in (sources or {}).items()}
        models = model.made("model") if model else {}
        return self.graph.add(stage, arm, seed, {"examples": self.examples, "candidates": candidates, **models, **read})

    def select(
        self,
        arm: str,
        pool: Pool,
        verifier: str,
        order: Order,
        rate: float | None = None,
        at_least: float | None = None,
        keep: Keeping | None = None,
        **size: Node[Stage],
    ) -> Node[Stage]:
        """The rows of a pool that come first by a verifier: a share, whatever scores enough, or as many as `size` has.

        With `keep` those that come first by how easy they are, of what passes.
        """
        stage = Select(
            order=order,
            rate=rate,
            at_least=at_least,
            wrong_below=self.recipe.wrong.below,
            slice=pool.slice,
            source=pool.candidates.name,
            keep=keep.which if keep else None,
            among=keep.among if keep else None,
            among_at_least=keep.among_at_least if keep else None,
        )
        inputs = {"examples": self.examples, "candidates": pool.candidates, "scores": pool.scores[verifier]}
        if keep is not None:
            inputs["ease"] = pool.scores[keep.by]
        return self.graph.add(stage, arm, pool.seed, {**inputs, "judge": pool.judge, **size})

    def collapse(self, arm: str, seed: int, model: Model, evaluate: Node[Stage]) -> Node[Stage]:
        """How far a model has come from the real texts, of which `evaluate` has what it writes."""
        synthesis = self.recipe.synthesis
        stage = Collapse(
            reading=self.reading(model),
            law=self.recipe.task.law(),
            batch_size=synthesis.batch_size,
            chunk_size=synthesis.chunk_size,
        )
        return self.graph.add(stage, arm, seed, {**self.completing_inputs(model), "predictions": evaluate})

    def arm(
        self,
        name: str,
        seed: int,
        model: Model | None,
        pool: Pool | None,
        beside: Mapping[str, str] | None = None,
        **facts: Any,
    ) -> Arm:
        """An arm and its evaluation; `pool` is the one that it belongs to, None where pools share it."""
        prefix = pool.prefix if pool else ""
        synthesis = self.recipe.synthesis
        evaluation = self.recipe.evaluation
        decoding = decoding_of(synthesis, synthesis.max_new_tokens, evaluation.decoding)
        completing = self.completing(model, replace(decoding, samples=1)) if model else None
        stage = Evaluate(metrics=evaluation.metrics, completing=completing)
        inputs = self.completing_inputs(model) if model else {"examples": self.examples}
        evaluate = self.graph.add(stage, prefix + name, seed if model else None, inputs)
        attempts = self._attempts(prefix + name, seed, model, evaluation.attempts) if model and evaluation.attempts else None
        baselines: dict[str, str] = {}
        if pool is not None:
            # The generator is a baseline where there is one. It and its real rows are the same for all of its pools.
            owned = [VERDICT_BASELINE, *([GENERATOR_ROLE] if pool.generator else [])]
            named = {role: pool.owner + role for role in owned} | {role: prefix + other for role, other in (beside or {}).items()}
            baselines = {role: other for role, other in named.items() if other != prefix + name}
        return Arm(
            name=prefix + name,
            seed=seed,
            evaluate=evaluate.name,
            train=model.node.name if model and model.node else None,
            attempts=attempts.name if attempts else None,
            slice=pool.slice if pool else None,
            pool=None if pool is None or pool.main else pool.name,
            baselines=baselines,
            **{"judge": pool.judge.name if pool else None, **facts},
        )

    def _attempts(self, arm: str, seed: int, model: Model, samples: int) -> Node[Stage]:
        """Several answers of a model to every test row; one stage for all arms that it plays."""
        synthesis, wrong = self.recipe.synthesis, self.recipe.wrong
        decoding = replace(decoding_of(synthesis, synthesis.max_new_tokens, "sampling"), samples=samples)
        stage = Attempts(completing=self.completing(model, decoding), metric=wrong.metric, below=wrong.below)
        return self.graph.add(stage, model.node.arm if model.node else arm, seed, self.completing_inputs(model))

    def retrained(
        self,
        name: str,
        pool: Pool,
        rows: Node[Stage],
        beside: Mapping[str, str] | None = None,
        real: float | None = None,
        **facts: Any,
    ) -> Arm:
        """The arm of a model that learnt from a table of rows, in the arms' configuration; `real` as `train` has it.

        Where absent, that is the slice of the pool's generator.
        """
        real = pool.slice if real is None else real
        model = self.train(pool.prefix + name, pool.seed, self.recipe.retrain, pool.start, rows, real)
        return self.arm(name, pool.seed, model, pool, beside, rows=rows.name, **facts)

    def trained_alike(self, pool: Pool) -> bool:
        """Whether arms train as the generator of this pool did, from the same model: only their data differs then."""
        learns = self.recipe.generator.train
        return learns is not None and pool.start is self.base and self.recipe.retrain.alike(learns)

    def reading(self, model: Model, role: str = "model") -> Reading:
        """What every stage that loads a model depends on."""
        task, base = self.recipe.task, self.recipe.base
        return Reading(
            prompt=task.prompt,
            max_document_tokens=task.max_document_tokens,
            chat=model.chat,
            models={part: below.name for part, below in model.parts(role) if below.name is not None},
            dtype=resolved(base.dtype),
            attention=base.attention,
            threads=self.recipe.launch.threads,
        )
