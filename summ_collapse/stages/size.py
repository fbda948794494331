"""What can be known of a stage's work before it runs: how many rows, how long, and what passes through a model."""

from dataclasses import dataclass
from typing import Literal

from summ_collapse.recipe.blocks import Training


@dataclass(frozen=True)
class Size:
    """Rows of a table; None where the data has to be read first."""

    rows: int | None
    test: int | None = 0  # of Examples: rows held out
    samples: int = 1  # of Candidates: rows a document
    completion: int | None = None  # mean tokens of what a row holds to be learnt or scored

    @property
    def total(self) -> int | None:
        return None if self.rows is None or self.test is None else self.rows + self.test


def parts(rows: int | None, size: int) -> int | None:
    """Into how many parts of `size` rows a table is cut; None where its rows are not known."""
    return None if rows is None else -(-rows // size)


@dataclass(frozen=True)
class Lengths:
    """Mean tokens of the task's documents and summaries, where known, and the longest completion that is generated."""

    document: int | None
    summary: int | None
    longest_completion: int


@dataclass(frozen=True)
class Work:
    """What one stage does with its model. Lengths are tokens a sequence: means, and the longest that memory must hold.

    `rows` are sequences that pass through the model (rows x epochs in training, documents x beams in beam search), and
    `batch` as many as a forward pass takes in inference. `sharing` rows that are scored or sampled have one prompt, which is
    read once for all of them. Without `rows` or means only the memory is known.
    """

    kind: Literal["train", "generate", "score"]
    rows: int | None
    prompt: int | None
    completion: int | None
    longest_prompt: int
    longest_completion: int
    batch: int = 1
    sharing: int = 1
    training: Training | None = None

    @property
    def trains(self) -> bool:
        return self.kind == "train"

    @property
    def generates(self) -> bool:
        return self.kind == "generate"

    @property
    def scores(self) -> bool:
        return self.kind == "score"

    @property
    def tokens(self) -> int | None:
        """Tokens that the model reads or writes, over all epochs."""
        if self.rows is None or self.prompt is None or self.completion is None:
            return None
        return -(-self.rows // self.sharing) * self.prompt + self.rows * self.completion


def training_work(
    training: Training, rows: int | None, prompt: int | None, completion: int | None, longest_prompt: int, lengths: Lengths
) -> Work:
    """Of a fine-tuning on `rows`: rows times epochs, or all of the steps' batches."""
    passes = None if rows is None else round(rows * (training.epochs or 0))
    if training.steps is not None and rows is not None:
        passes = training.steps * training.batch_size
    longest = max(lengths.longest_completion, (lengths.summary or 0) + 1)
    return Work("train", passes, prompt, completion, longest_prompt, longest, training=training)
