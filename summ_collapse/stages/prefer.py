"""`prefer`: train a model to prefer the better side of every pair, by direct preference optimisation."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from pydantic import Field, JsonValue

from summ_collapse.errors import Stopped
from summ_collapse.recipe.blocks import Launch
from summ_collapse.recipe.preference import PreferenceTraining
from summ_collapse.stages.fitting import fit_of
from summ_collapse.stages.pairs import encoded
from summ_collapse.stages.reading import Reading
from summ_collapse.stages.reference import SIDES, column
from summ_collapse.stages.size import Lengths, Size, Work, training_work
from summ_collapse.stages.stage import Context, Outcome, PartDone, Stage
from summ_collapse.stages.train import model_to_train


class Prefer(Stage):
    """The model that comes out of a preference training, or the adapter over the one that it started from."""

    kind: ClassVar[str] = "prefer"
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples", "pairs": "pairs"}
    further: ClassVar[Mapping[str, str]] = {"base": "model", "base below*": "model"}
    gives: ClassVar[str] = "model"
    launch: ClassVar[str | None] = "train"
    preload: ClassVar[tuple[str, ...]] = ("summ_collapse.models.preference", "summ_collapse.models.training")
    reading: Reading
    training: PreferenceTraining
    below: str | None = Field(None, description="what an adapter's configuration calls its base")

    @property
    def reads(self) -> Reading:
        return self.reading

    def shape(self, launch: Launch) -> str:
        return launch.training(self.training.method)

    def size(self, of: Mapping[str, Size]) -> Size:
        return Size(of["pairs"].rows)

    def work(self, of: Mapping[str, Size], lengths: Lengths) -> Work:
        pairs, prompt = of["pairs"], self.reading.mean_prompt(lengths.document)
        once = training_work(self.training, pairs.rows, prompt, pairs.completion, self.reading.longest_prompt, lengths)
        return replace(once, rows=None if once.rows is None else 2 * once.rows)

    def run(self, context: Context) -> Outcome:
        """Write the model, or the adapter."""
        from summ_collapse.models.loading import compute_dtype
        from summ_collapse.models.pairs import EncodedPairs, write
        from summ_collapse.models.preference import preference
        from summ_collapse.models.training import fit

        source = self.reading.source(context.inputs, "base")
        encoder = self.reading.encoder(source, 1)
        path = context.work / "pairs.arrow"
        if context.world.first:
            ours = encoded(context, encoder)
            references = list(zip(*(ours.table[column(side)].to_pylist() for side in SIDES), strict=True))
            write(path, ours.ids, references, ours.table["weight"].to_pylist())
        context.world.from_first(None)
        pairs = EncodedPairs.at(path)
        trained = fit(
            model_to_train(source, self.training, compute_dtype(self.reading.dtype)),
            encoder.tokenizer,
            pairs,
            fit_of(context, self.training, self.reading.dtype, context.seed, pairs),
            context.out,
            below=self.below,
            objective=preference(self.training.beta, self.training.likelihood),
        )
        if not trained.finished:
            raise Stopped(context.name)
        if not context.world.first:
            raise PartDone
        notes: dict[str, JsonValue] = {
            "steps": trained.steps,
            "loss": trained.loss,
            "resumed_from_step": trained.resumed_from,
            "trainable_parameters": trained.trainable_parameters,
        }
        return Outcome(len(pairs), len(pairs), tokens=trained.tokens, notes=notes)
