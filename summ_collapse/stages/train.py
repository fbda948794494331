"""`train`: fine-tune a model on one table of Rows, wherever these came from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import JsonValue

from summ_collapse.errors import InputError
from summ_collapse.ranks import World
from summ_collapse.stages.fine_tuning import FineTuning, notes_of
from summ_collapse.stages.noise import noised
from summ_collapse.stages.size import Lengths, Size, Work, training_work
from summ_collapse.stages.stage import Context, Outcome

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from summ_collapse.models.encoder import Encoder


class Train(FineTuning):
    """Loss on the completion and its EOS only; every row is trained on, with its weight."""

    kind: ClassVar[str] = "train"
    version: ClassVar[int] = 2  # ranks share an epoch's last batch, sum in float32, and store adapters in it
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples", "rows": "rows"}
    further: ClassVar[Mapping[str, str]] = {**FineTuning.further, "validation": "rows"}
    preload: ClassVar[tuple[str, ...]] = ("summ_collapse.models.training",)

    def described(self) -> dict[str, JsonValue]:
        return self.model_dump(mode="json", exclude={"training": {"start"}}, exclude_none=True)

    def size(self, of: Mapping[str, Size]) -> Size:
        return Size(of["rows"].rows)

    def work(self, of: Mapping[str, Size], lengths: Lengths) -> Work:
        rows, prompt = of["rows"], self.reading.mean_prompt(lengths.document)
        return training_work(self.training, rows.rows, prompt, rows.completion, self.reading.longest_prompt, lengths)

    def run(self, context: Context) -> Outcome:
        """Write the model, or the adapter."""
        from summ_collapse.models.encoded import EncodedRows
        from summ_collapse.models.loading import positions
        from summ_collapse.models.trainers import SUPERVISED

        source = self.reading.source(context.inputs, "base")
        encoder = self.reading.encoder(source, 1)
        encoded = context.work / "rows.arrow"
        # Once for all ranks, which map the file: the same memory on one node. The first one also does the looking.
        first, held_out = context.world.first, None
        if first and "validation" in context.inputs:
            held_out = Texts.of(context, "validation")
        rows_in, truncated = context.world.from_first(self._encode(encoded, encoder, context, held_out) if first else None)
        if truncated is None:
            raise InputError(f"{context.name}: all of its {rows_in} rows are held out for early stopping")
        rows = EncodedRows.at(encoded)
        encoder.check_room(positions(source), rows.longest_completion)
        look = self._look(held_out, encoder, context.world)
        trained = self.fitted(context, source, encoder, rows, SUPERVISED, look)
        notes = {**notes_of(trained), "truncated": truncated}
        if trained.stopping is not None:
            notes |= {"kept_step": trained.stopping.step, "validation_loss": trained.stopping.loss}
        left_out = rows_in - len(rows)
        rejected = {"held out for early stopping": left_out} if left_out else {}
        return Outcome(rows_in, len(rows), rejected, tokens=trained.tokens, notes=notes)

    def _encode(self, path: Path, encoder: "Encoder", context: Context, held_out: "Texts | None") -> tuple[int, int | None]:
        """Write the rows as they are read: how many there are, and how many documents were cut (None where no row is left)."""
        from summ_collapse.models.encoded import write

        read = Texts.of(context, "rows")
        texts, share = read.without(held_out), self.training.document_noise
        if not texts.completions:
            return len(read.completions), None
        documents = texts.documents if share is None else noised(texts.documents, share, context.seed)
        return len(read.completions), write(path, encoder, documents, texts.completions, texts.weights)

    def _look(self, held_out: "Texts | None", encoder: "Encoder", world: World) -> "Callable[[PreTrainedModel], float] | None":
        """The mean loss of a model on the rows that were held out, nats a token; None where training does not stop early."""
        if self.training.early_stopping is None:
            return None

        def loss(model: "PreTrainedModel") -> float:
            from summ_collapse.models.likelihood import completion_likelihoods

            assert held_out is not None  # in the first rank, which is who looks
            batch = self.training.rows_a_pass(world.size)
            total, tokens = completion_likelihoods(model, encoder, held_out.documents, held_out.completions, batch)
            return -float(total.sum()) / int(tokens.sum())

        return loss


@dataclass(frozen=True)
class Texts:
    """Documents, what the model should answer, and what each row weighs."""

    ids: list[str]
    documents: list[str]
    completions: list[str]
    weights: list[float]

    @classmethod
    def of(cls, context: Context, role: str) -> "Texts":
        """Of a table of Rows."""
        examples = context.inputs["examples"].table("train", ["id", "document"])
        document_of = dict(zip(examples["id"].to_pylist(), examples["document"].to_pylist(), strict=True))
        rows = context.inputs[role].table("rows", ["id", "completion", "weight"])
        ids, completions, weights = (rows[name].to_pylist() for name in rows.column_names)
        return cls(ids, [document_of[identifier] for identifier in ids], completions, weights)

    def without(self, other: "Texts | None") -> "Texts":
        """Less all rows about a document that `other` has a row about."""
        if other is None:
            return self
        theirs = set(other.ids)
        kept = [place for place, identifier in enumerate(self.ids) if identifier not in theirs]
        ids, documents, completions = ([one[place] for place in kept] for one in (self.ids, self.documents, self.completions))
        return Texts(ids, documents, completions, [self.weights[place] for place in kept])
