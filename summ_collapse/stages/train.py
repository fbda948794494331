"""`train`: fine-tune a model on one table of Rows, wherever these came from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, JsonValue

from summ_collapse.errors import Stopped
from summ_collapse.recipe.blocks import Launch, Training
from summ_collapse.stages.fitting import fit_of
from summ_collapse.stages.reading import Reading
from summ_collapse.stages.size import Lengths, Size, Work, training_work
from summ_collapse.stages.stage import Context, Outcome, PartDone, Stage

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from summ_collapse.models.loading import ModelSource


class Train(Stage):
    """Loss on the completion and its EOS only; every row is trained on, with its weight."""

    kind: ClassVar[str] = "train"
    version: ClassVar[int] = 2  # ranks share an epoch's last batch, sum in float32, and store adapters in it
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples", "rows": "rows"}
    further: ClassVar[Mapping[str, str]] = {"base": "model", "base below*": "model"}
    gives: ClassVar[str] = "model"
    launch: ClassVar[str | None] = "train"
    preload: ClassVar[tuple[str, ...]] = ("summ_collapse.models.training",)
    reading: Reading
    training: Training
    below: str | None = Field(None, description="what an adapter's configuration calls its base")

    def described(self) -> dict[str, JsonValue]:
        return self.model_dump(mode="json", exclude={"training": {"start"}}, exclude_none=True)

    @property
    def reads(self) -> Reading:
        return self.reading

    def shape(self, launch: Launch) -> str:
        """By what is trained: all weights, or an adapter."""
        return launch.training(self.training.method)

    def size(self, of: Mapping[str, Size]) -> Size:
        return Size(of["rows"].rows)

    def work(self, of: Mapping[str, Size], lengths: Lengths) -> Work:
        rows, prompt = of["rows"], self.reading.mean_prompt(lengths.document)
        return training_work(self.training, rows.rows, prompt, rows.completion, self.reading.longest_prompt, lengths)

    def run(self, context: Context) -> Outcome:
        """Write the model, or the adapter."""
        from summ_collapse.models.encoded import EncodedRows, write
        from summ_collapse.models.loading import ADAPTER_CONFIG, compute_dtype, positions
        from summ_collapse.models.training import fit

        source = self.reading.source(context.inputs, "base")
        encoder = self.reading.encoder(source, 1)
        encoded = context.work / "rows.arrow"
        # Once for all ranks, which map the file: the same memory on one node.
        truncated = context.world.from_first(write(encoded, encoder, *_rows(context)) if context.world.first else None)
        rows = EncodedRows.at(encoded)
        encoder.check_room(positions(source), rows.longest_completion)
        trained = fit(
            _model(source, self.training, compute_dtype(self.reading.dtype)),
            encoder.tokenizer,
            rows,
            fit_of(context, self.training, self.reading.dtype, context.seed, rows),
            context.out,
            below=self.below,
        )
        if not trained.finished:
            raise Stopped(context.name)
        if not context.world.first:
            raise PartDone
        assert (context.out / ADAPTER_CONFIG).is_file() == self.training.adapter
        notes = {
            "steps": trained.steps,
            "loss": trained.loss,
            "resumed_from_step": trained.resumed_from,
            "trainable_parameters": trained.trainable_parameters,
            "truncated": truncated,
        }
        return Outcome(len(rows), len(rows), tokens=trained.tokens, notes=notes)


def _model(source: "ModelSource", training: Training, dtype: Any) -> "PreTrainedModel":
    import torch

    from summ_collapse.models.loading import load_model, load_quantised

    if training.method == "qlora":
        return load_quantised(source, dtype)
    # Full fine-tuning keeps float32 masters; below an adapter the weights are frozen and need none.
    return load_model(source, torch.float32 if training.method == "full" else dtype, merge=True)


def _rows(context: Context) -> tuple[list[str], list[str], list[float]]:
    """Documents, what the model should answer, and what each row weighs."""
    examples = context.inputs["examples"].table("train", ["id", "document"])
    document_of = dict(zip(examples["id"].to_pylist(), examples["document"].to_pylist(), strict=True))
    rows = context.inputs["rows"].table("rows", ["id", "completion", "weight"])
    documents = [document_of[identifier] for identifier in rows["id"].to_pylist()]
    return documents, rows["completion"].to_pylist(), rows["weight"].to_pylist()
