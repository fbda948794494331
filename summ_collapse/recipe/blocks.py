"""The blocks that a recipe is made of: models, trainings, synthesis, selection, evaluation, launch.

Every field says its unit or its choices; no default is anywhere else.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from summ_collapse.recipe.names import DataName, LocalOrHub

Control = Literal["lead", "generator", "real-slice", "real-full", "unfiltered"]
CONTROLS: tuple[Control, ...] = get_args(Control)


class Options(BaseModel):
    """A block of a recipe: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_bool_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        # Python takes True for 1, and so would pydantic: `steps: yes` would train for one step.
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation is not bool:
            raise PydanticCustomError("no_bool", "Input should be a valid value, such as an integer, and not true or false")
        return value


Rate = Annotated[float, Field(gt=0, le=1)]


class Pretrain(Options):
    """How a tiny model learns, from documents alone, to read and to copy."""

    steps: int = Field(gt=0, description="optimizer steps")
    batch_size: int = Field(64, gt=0, description="sequences a step")
    learning_rate: float = Field(1e-3, gt=0, description="peak learning rate")
    warmup_steps: int = Field(50, ge=0, description="steps of linear warm-up")
    practice_share: float | None = Field(
        None, gt=0, le=1, description="share of sequences that are worked examples of an easier kind, where the task has such"
    )
    threads: int | None = Field(None, gt=0, description="CPU threads; those of `launch` where absent. Nothing can run beside it")
    copy_share: float = Field(
        0.5, ge=0, le=1, description="share of sequences that are random words, repeated; the rest repeat a document's span"
    )


class Tiny(Options):
    """A Llama from scratch, with a tokenizer trained on the spot."""

    layers: int = Field(2, gt=0, description="transformer layers")
    width: int = Field(128, gt=0, description="hidden size")
    heads: int = Field(4, gt=0, description="attention heads")
    positions: int = Field(256, gt=0, description="longest sequence, in tokens")
    tokenizer: Literal["word", "bpe"] = Field("word", description="word-level, or byte-level BPE")
    vocabulary: int = Field(4000, ge=300, description="largest vocabulary, in tokens")
    seed: int = Field(0, ge=0, description="seed of initialisation and pretraining")
    pretrain: Pretrain | None = Field(None, description="what it learns before any training; random weights where absent")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "Tiny":
        if self.width % (2 * self.heads):
            raise ValueError(f"expected a width that is a multiple of 2 x heads, got width {self.width}, heads {self.heads}")
        return self


class Base(Options):
    """The model that everything is trained from: a hub or local one, or a tiny one made here."""

    model: LocalOrHub | None = Field(None, description="hub id or local folder of a causal language model")
    revision: str | None = Field(None, description="hub revision: branch, tag or commit")
    tiny: Tiny | None = Field(None, description="make a tiny model instead")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="compute type; auto is bfloat16 on a machine whose GPU has it, else float32. Masters are float32",
    )
    attention: Literal["sdpa", "eager", "flash_attention_2"] = Field("sdpa", description="attention implementation")

    @model_validator(mode="after")
    def _one_of_both(self) -> "Base":
        if (self.model is None) == (self.tiny is None):
            raise ValueError("expected either `model` or `tiny`")
        return self


class EarlyStopping(Options):
    """Training ends once the loss on real rows held out for that no longer falls, with the weights that had the least."""

    share: float = Field(0.1, gt=0, lt=1, description="share of the real slice that is held out, its last rows (0-1)")
    every: int = Field(gt=0, description="optimizer steps between two looks at the loss")
    patience: int = Field(2, gt=0, description="looks without a new least loss after which it ends")


class Training(Options):
    """One fine-tuning: what is trained, how long and how fast."""

    method: Literal["full", "lora", "qlora"] = Field(
        "full", description="full fine-tuning, LoRA on all linear layers, or LoRA over a base in 4 bits (nf4)"
    )
    rank: int = Field(16, gt=0, description="LoRA rank")
    alpha: int | None = Field(None, gt=0, description="LoRA alpha; twice the rank where absent")
    epochs: float | None = Field(None, gt=0, description="passes over the rows; or give `steps`")
    steps: int | None = Field(None, gt=0, description="optimizer steps, whatever the number of rows; or give `epochs`")
    learning_rate: float = Field(gt=0, description="peak learning rate")
    schedule: Literal["linear", "cosine", "constant"] = Field("linear", description="learning-rate schedule after warm-up")
    warmup_steps: int = Field(0, ge=0, description="steps of linear warm-up")
    weight_decay: float = Field(0.0, ge=0, description="AdamW weight decay")
    dropout: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="dropout of attention weights, or of what enters an adapter, while training; none where absent",
    )
    early_stopping: EarlyStopping | None = Field(
        None, description="end where the loss on held-out real rows is least; after all steps where absent"
    )
    document_noise: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="share of a document's words that are replaced by other documents', drawn once; none where absent",
    )
    order: int | None = Field(
        None,
        gt=0,
        description="another order of the rows (and beginning of an adapter) under the same seed: members of an ensemble",
    )
    adam_beta2: float = Field(0.999, gt=0, lt=1, description="AdamW decay of the second moment")
    batch_size: int = Field(gt=0, description="rows an optimizer step, over all devices")
    micro_batch_size: int | None = Field(None, gt=0, description="rows a forward pass on one device; the batch where absent")
    gradient_checkpointing: bool = Field(False, description="recompute activations to save memory")

    @property
    def adapter(self) -> bool:
        """Whether an adapter comes out, rather than a whole model."""
        return self.method != "full"

    def rows_a_pass(self, devices: int) -> int:
        """Rows a forward pass on one device: what the recipe says, but no more than the device's share of the batch."""
        return min(self.micro_batch_size or self.batch_size, max(1, self.batch_size // devices))

    def alike(self, other: "Training") -> bool:
        """Whether both do the same to a model, whatever else they say (where to start from, on what, which unused rank)."""
        unused = set() if self.adapter else {"rank", "alpha"}
        return all(getattr(self, name) == getattr(other, name) for name in Training.model_fields if name not in unused)

    @model_validator(mode="after")
    def _consistent(self) -> "Training":
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("expected either `epochs` or `steps`")
        if self.batch_size % (self.micro_batch_size or self.batch_size):
            raise ValueError(
                f"expected a batch_size that is a multiple of micro_batch_size, got {self.batch_size} and {self.micro_batch_size}"
            )
        return self


class SliceTraining(Training):
    """A fine-tuning on a slice of the real data."""

    slice: float = Field(1.0, gt=0, le=1, description="share of the training rows, the first of the nested slices (0-1]")
    seed: int | None = Field(
        None, ge=0, description="trained once, under this seed, for all seeds; under each of them where absent"
    )
    only: dict[str, Annotated[list[str], Field(min_length=1)]] | None = Field(
        None, min_length=1, description="by column of the examples, the values whose rows it learns from; all where absent"
    )


class Retrain(Training):
    """How every arm is trained."""

    start: Literal["base", "generator"] = Field("base", alias="from", description="the model that arms start from")


class Generator(Options):
    """The model whose output is the synthetic data."""

    slice: Annotated[
        Annotated[Rate, Tag("(one)")] | Annotated[list[Rate], Field(min_length=1), Tag("(several)")],
        Discriminator(lambda value: "(several)" if isinstance(value, list) else "(one)"),
    ] = Field(description="share of the training rows that it learns from (0-1]; several make as many generators")
    train: Training | None = Field(
        None, description="how; absent with `synthesis.candidates`: the slice is then the real rows that there are"
    )

    @property
    def slices(self) -> list[float]:
        """The shares, a generator each."""
        return self.slice if isinstance(self.slice, list) else [self.slice]


class Sampled(Options):
    """How the candidates of one pool are drawn."""

    decoding: Literal["greedy", "sampling", "beam"] = Field("greedy", description="decoding method")
    samples: int = Field(1, gt=0, description="candidates a document")
    temperature: float = Field(1.0, gt=0, description="sampling temperature")
    top_p: float = Field(1.0, gt=0, le=1, description="nucleus of the sampling (0-1]")
    beams: int = Field(4, gt=1, description="beams of beam search")
    batch_size: int = Field(64, gt=0, description="documents a batch")
    chunk_size: int = Field(1024, gt=0, description="documents a chunk: what a kill can lose, and the unit ranks share")

    @property
    def given(self) -> bool:
        """Whether they are there already, however they were drawn."""
        return False

    @model_validator(mode="after")
    def _samples_differ(self) -> "Sampled":
        if self.decoding == "greedy" and self.samples > 1 and not self.given:
            raise ValueError(f"expected samples: 1 under greedy decoding, which gives equal candidates, got {self.samples}")
        if self.decoding == "beam" and self.samples > self.beams:
            raise ValueError(f"expected at most as many samples as beams ({self.beams}), got {self.samples}")
        return self


OF_METHOD = {"temperature": "sampling", "top_p": "sampling", "beams": "beam"}  # what one method of decoding alone goes by
MAIN = "main"  # what the pool is called that `synthesis` itself describes


class Synthesis(Sampled):
    """How candidates are generated."""

    candidates: DataName | None = Field(
        None, description="file of candidates that exist already, with `id` and a text; no generator is trained then"
    )

    max_new_tokens: int = Field(64, gt=0, description="longest candidate, in tokens with its end")
    engine: str = Field("transformers", description="what generates: an installed engine")
    exclude_slice: bool = Field(True, description="leave the generator's own slice out of the pool")
    only_slice: bool = Field(False, description="write for the generator's own slice alone; expected with `exclude_slice: false`")
    documents: int | None = Field(
        None, gt=0, description="documents of the pool that candidates are written for; all of them where absent"
    )
    variants: dict[Annotated[str, Field(pattern=r"^[A-Za-z][\w]*$")], Sampled] = Field(
        {}, description="further pools of the same generator, by the name that their arms begin with; no control is of them"
    )

    @property
    def given(self) -> bool:
        """Whether `candidates` names a file of them."""
        return self.candidates is not None

    @model_validator(mode="after")
    def _some_documents(self) -> "Synthesis":
        if self.only_slice and self.exclude_slice:
            raise ValueError("expected `exclude_slice: false` with `only_slice`, or no document is left")
        return self

    @model_validator(mode="after")
    def _variants_use_what_they_say(self) -> "Synthesis":
        # A variant takes nothing from the main pool: what it leaves out is a default, and its method greedy.
        for name, how in self.variants.items():
            for key, method in OF_METHOD.items():
                if how.decoding != method and getattr(how, key) != Sampled.model_fields[key].default:
                    raise ValueError(
                        f"expected `decoding: {method}` in the variant {name}, which gives `{key}`, got {how.decoding}"
                    )
        return self

    def all(self) -> dict[str, Sampled]:
        """Every pool of a generator by its name; what evaluation and controls go by is `main`."""
        return {MAIN: self, **self.variants}


class Wrong(Options):
    """What counts as a wrong candidate in p, phi and psi: a metric below a threshold."""

    metric: str = Field("rouge1", description="metric against the reference, 0-1")
    below: float = Field(0.25, gt=0, le=1, description="a candidate that scores less is wrong")


class Evaluation(Options):
    """How a model is judged on the test rows."""

    metrics: list[str] = Field([], description="metric names; the task's own where absent")
    decoding: Literal["greedy", "sampling"] = Field(
        "greedy", description="how test rows are completed: greedy, or one draw as the synthesis has it (temperature, top_p)"
    )

    attempts: int | None = Field(
        None, gt=1, le=1024, description="answers drawn to every test row for pass@1 up to pass@n; none where absent"
    )

    @property
    def drawn(self) -> bool:
        """Whether texts for test rows are draws from a model, and not its likeliest."""
        return self.decoding == "sampling"

    bootstrap: int = Field(1000, ge=100, description="bootstrap resamples behind the intervals of means under one seed")


# Files in accelerate_configs/. Whatever shards a model is for training alone: generation needs it whole on every device.
SharedShape = Literal["single", "cpu_ddp", "ddp"]
TrainingShape = Literal["single", "cpu_ddp", "ddp", "fsdp", "zero3"]


class ByMethod(Options):
    """Shapes of training, by what is trained: all weights need room that an adapter does not."""

    full: TrainingShape = Field(description="shape of full fine-tuning, such as fsdp")
    lora: TrainingShape = Field(description="shape of LoRA and QLoRA, whose frozen base is in the compute type, such as ddp")


class Launch(Options):
    """In which shape each kind of stage runs: one process, or the ranks of an accelerate configuration."""

    train: Annotated[
        Annotated[TrainingShape, Tag("(one)")] | Annotated[ByMethod, Tag("(by method)")],
        Discriminator(lambda value: "(by method)" if isinstance(value, dict | ByMethod) else "(one)"),
    ] = Field("single", description="shape of train: ranks train together; one for all methods, or one for each")
    generate: SharedShape = Field("single", description="shape of generate: ranks share the chunks")
    verify: SharedShape = Field("single", description="shape of verify: ranks share the chunks")
    evaluate: SharedShape = Field("single", description="shape of evaluate: ranks share the chunks")
    threads: int = Field(1, gt=0, description="CPU threads a process; part of the result, since rounding depends on it")
    checkpoint_steps: int = Field(500, gt=0, description="optimizer steps between checkpoints; changes no result")

    def training(self, method: str) -> TrainingShape:
        """The shape of a training by this method."""
        if isinstance(self.train, ByMethod):
            return self.train.full if method == "full" else self.train.lora
        return self.train
