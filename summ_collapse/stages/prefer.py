"""`prefer`: train a model to prefer the better side of every pair, by direct preference optimisation."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from summ_collapse.recipe.preference import PreferenceTraining
from summ_collapse.stages.fine_tuning import FineTuning, notes_of
from summ_collapse.stages.pairs import encoded
from summ_collapse.stages.reference import SIDES, column
from summ_collapse.stages.size import Lengths, Size, Work, training_work
from summ_collapse.stages.stage import Context, Outcome


class Prefer(FineTuning):
    """The model that comes out of a preference training, or the adapter over the one that it started from."""

    kind: ClassVar[str] = "prefer"
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples", "pairs": "pairs"}
    preload: ClassVar[tuple[str, ...]] = ("summ_collapse.models.preference", "summ_collapse.models.training")
    training: PreferenceTraining

    def size(self, of: Mapping[str, Size]) -> Size:
        return Size(of["pairs"].rows)

    def work(self, of: Mapping[str, Size], lengths: Lengths) -> Work:
        pairs, prompt = of["pairs"], self.reading.mean_prompt(lengths.document)
        once = training_work(self.training, pairs.rows, prompt, pairs.completion, self.reading.longest_prompt, lengths)
        return replace(once, rows=None if once.rows is None else 2 * once.rows)

    def run(self, context: Context) -> Outcome:
        """Write the model, or the adapter."""
        from summ_collapse.models.pairs import EncodedPairs, write
        from summ_collapse.models.preference import preference

        source = self.reading.source(context.inputs, "base")
        encoder = self.reading.encoder(source, 1)
        path = context.work / "pairs.arrow"
        if context.world.first:
            ours = encoded(context, encoder)
            references = list(zip(*(ours.table[column(side)].to_pylist() for side in SIDES), strict=True))
            write(path, ours.ids, references, ours.table["weight"].to_pylist())
        context.world.from_first(None)
        pairs = EncodedPairs.at(path)
        trained = self.fitted(context, source, encoder, pairs, preference(self.training.beta, self.training.likelihood))
        return Outcome(len(pairs), len(pairs), tokens=trained.tokens, notes=notes_of(trained))
