"""`pretrain`: a tiny base model from documents: its tokenizer, random weights, and what a pretrained model can do.

Without a pretraining it is these random weights, which arms then learn from scratch from.
"""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, JsonValue

from summ_collapse.errors import Stopped
from summ_collapse.recipe.blocks import Pretrain as Pretraining
from summ_collapse.recipe.blocks import Tiny, Training
from summ_collapse.stages.fitting import fit_of
from summ_collapse.stages.reading import longest_prompt
from summ_collapse.stages.size import Lengths, Size, Work, training_work
from summ_collapse.stages.stage import Context, Outcome, Stage
from summ_collapse.tasks.prompt import PLACEHOLDER, Prompt

PRETRAINING_BETA2 = 0.98  # short trainings at high rates want a shorter memory than AdamW's 0.999


class Pretrain(Stage):
    """Documents alone teach the model, if any do; the vocabulary covers the summaries' words too, as a real tokenizer's does."""

    kind: ClassVar[str] = "pretrain"
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples"}
    gives: ClassVar[str] = "model"
    preload: ClassVar[tuple[str, ...]] = ("summ_collapse.models.tiny", "summ_collapse.models.training")
    tiny: Tiny
    prompt: str
    max_document_tokens: int
    dtype: str
    thread_count: int
    words: list[str] | None = Field(None, description="a closed vocabulary of the task's own")

    def described(self) -> dict[str, JsonValue]:
        """With the threads that it comes to, not those that are written."""
        return self.model_dump(mode="json", exclude={"tiny": {"pretrain": {"threads"}}}, exclude_none=True)

    @property
    def threads(self) -> int:
        return self.thread_count

    @property
    def runs_a_model(self) -> bool:
        return self.tiny.pretrain is not None

    def size(self, of: Mapping[str, Size]) -> Size:
        return Size(of["examples"].rows)

    def work(self, of: Mapping[str, Size], lengths: Lengths) -> Work | None:
        if self.tiny.pretrain is None:
            return None
        prompt = None if lengths.document is None else min(lengths.document, self.max_document_tokens)
        longest = longest_prompt(self.prompt, self.max_document_tokens)
        return training_work(_training(self.tiny.pretrain), of["examples"].rows, prompt, lengths.summary, longest, lengths)

    def run(self, context: Context) -> Outcome:
        """Write the model and its tokenizer."""
        from summ_collapse.models.encoded import EncodedRows
        from summ_collapse.models.encoder import Encoded, Encoder
        from summ_collapse.models.loading import save
        from summ_collapse.models.tiny import make_model, pretraining_sequences, train_tokenizer
        from summ_collapse.models.training import fit

        tiny = self.tiny
        examples = context.inputs["examples"].table("train", ["document", "summary"])
        documents = examples["document"].to_pylist()
        texts = self.words or [*documents, *examples["summary"].drop_null().to_pylist(), self.prompt.replace(PLACEHOLDER, " ")]
        tokenizer = train_tokenizer(texts, tiny.tokenizer, tiny.vocabulary, tiny.positions)
        model = make_model(tiny, tokenizer)
        if tiny.pretrain is None:
            save(model, tokenizer, context.out)
            return Outcome(len(documents), len(documents), notes={"vocabulary": len(tokenizer)})
        encoder = Encoder(tokenizer, Prompt.parse(self.prompt), self.max_document_tokens)
        practice: list[list[int]] = []
        if tiny.pretrain.practice_share is not None:
            worked = context.inputs["examples"].table("practice", ["document", "summary"])
            practice = [one.ids for one in encoder.encode(worked["document"].to_pylist(), worked["summary"].to_pylist())]
        sequences = pretraining_sequences(tiny, tiny.pretrain, encoder, documents, practice)
        rows = EncodedRows.of([Encoded(ids, 0, truncated=False) for ids in sequences])
        settings = fit_of(context, _training(tiny.pretrain), self.dtype, tiny.seed, rows)
        trained = fit(model, tokenizer, rows, settings, context.out)
        if not trained.finished:
            raise Stopped(context.name)
        notes = {"vocabulary": len(tokenizer), "loss": trained.loss, "resumed_from_step": trained.resumed_from}
        return Outcome(len(documents), len(documents), tokens=trained.tokens, notes=notes)


def _training(ours: Pretraining) -> Training:
    """Its steps as those of any training."""
    return Training(
        method="full",
        steps=ours.steps,
        batch_size=ours.batch_size,
        learning_rate=ours.learning_rate,
        warmup_steps=ours.warmup_steps,
        adam_beta2=PRETRAINING_BETA2,
    )
