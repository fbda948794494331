"""What every task has: how a document is put before a model, how it is split, and what `right` means by default."""

from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field, JsonValue

from summ_collapse.plugins import plugin
from summ_collapse.recipe.blocks import CONTROLS, Base, Control, Options
from summ_collapse.recipe.preference import StepKind
from summ_collapse.tasks.chat import Chat
from summ_collapse.tasks.law import Law
from summ_collapse.tasks.prompt import Template

ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")


class Task(Options):
    """Options of a task. `document` and `summary` are the Example's names for what is given and what is wanted.

    What `DataName` fields stand for (digests, commits) goes into fingerprints by itself.
    """

    metrics: ClassVar[tuple[str, ...]] = ROUGE  # of a recipe that names none
    controls: ClassVar[tuple[Control, ...]] = CONTROLS  # of a recipe that names none

    step_kind: ClassVar[StepKind] = "sentence"  # what a step of a summary is

    prompt: Template
    chat: Chat | None = Field(None, description="ask the recipe's models through their chat template; as plain text where absent")
    max_document_tokens: int = Field(gt=0, description="tokens of a document that a model reads; the rest is cut")
    split_seed: int = Field(0, ge=0, description="seed of the train/test split and of the nested slices")
    unlabelled: bool = Field(
        False, description="true: rows without a reference stay, in the pool alone: in no slice, and not in the test set"
    )
    max_rejected: float = Field(0.01, ge=0, le=1, description="share of rows that may be empty, duplicates or overlap (0-1)")

    def splits(self) -> dict[str, pa.Table]:
        """Examples by split: {"train", "test"}, or {"all"}; tables with id, document, summary."""
        raise TypeError(f"{type(self).__name__}: a task says where its examples come from")

    def part_read(self) -> dict[str, JsonValue]:
        """Which part of the data is read, such as a language; empty where all of it is."""
        return {}

    def test_rows(self, rows: int) -> int:
        """How many of `rows` to hold out where there is no test split."""
        raise TypeError(f"{type(self).__name__}: a task without a test split says how many rows to hold out")

    def expected(self) -> dict[str, int]:
        """Rows (train, test) and mean tokens (document_tokens, summary_tokens) that a plan can count on, where known."""
        return {}

    @property
    def practised(self) -> bool:
        """Whether there is any `practice`."""
        return False

    def practice(self) -> pa.Table | None:
        """Worked examples of an easier kind, with document and summary, as pretrained models have seen some; else None."""
        return None

    def vocabulary(self) -> list[str] | None:
        """The words of a closed vocabulary, for tiny models; None where the texts themselves say."""
        return None

    def law(self) -> Law | None:
        """What is known of how summaries come about; None where there is nothing but the texts."""
        return None

    def problems(self, base: Base) -> list[str]:
        """What of the task does not go with a recipe's base, each with its key below `task`."""
        return []

    def judge(self, metric: str) -> Any:
        """The verifier whose scores say which candidates are wrong."""
        return plugin("verifiers", "rouge").model_validate({"kind": "rouge", "metric": metric})
