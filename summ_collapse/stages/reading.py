"""What every stage depends on that loads a model: which one, in which type, and how it is shown a document."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from summ_collapse.recipe.blocks import Options
from summ_collapse.recipe.resolve import Name
from summ_collapse.stages.size import Lengths, Work
from summ_collapse.store import Artifact
from summ_collapse.tasks.chat import Chat
from summ_collapse.tasks.prompt import PLACEHOLDER, Prompt

if TYPE_CHECKING:
    from summ_collapse.models.encoder import Encoder
    from summ_collapse.models.loading import ModelSource

TEMPLATE_TOKENS = 64  # what a chat template puts around a prompt: roles, turns, for some a date

# Roles of the models that nodes make: the one that is read, and what lies below adapters.
MODELS: Mapping[str, str] = {"model": "model", "model below*": "model"}


class Reading(Options):
    """One model, adapters with what lies below them, and the encoder's settings."""

    below: ClassVar[str] = " below"
    prompt: str
    max_document_tokens: int
    chat: Chat | None = None
    models: dict[str, Name] = Field(description="by role: what is named and not made here")
    dtype: str
    attention: str
    threads: int

    def source(self, inputs: Mapping[str, Artifact], role: str = "model") -> "ModelSource":
        """The model that plays `role`: an input or a name, an adapter with what lies below it."""
        from summ_collapse.models.loading import ModelSource

        under = role + self.below
        below = self.source(inputs, under) if under in inputs or under in self.models else None
        if role in inputs:
            place, commit = str(inputs[role].path), None
        else:  # a hub model is pinned to its commit
            place, commit = self.models[role].place, self.models[role].commit
        return ModelSource(place, commit, below, self.dtype, self.attention)

    def encoder(self, source: "ModelSource", completion_tokens: int) -> "Encoder":
        """The encoder for a model; InputError where a document, the prompt and a completion do not fit it together."""
        from summ_collapse.models.encoder import Encoder
        from summ_collapse.models.loading import load_tokenizer, positions

        encoder = Encoder(load_tokenizer(source), Prompt.parse(self.prompt), self.max_document_tokens, self.chat)
        encoder.check_room(positions(source), completion_tokens)
        return encoder

    @property
    def longest_prompt(self) -> int:
        """Tokens; no tokenizer is at hand, but none makes more than one of a byte, and one is BOS."""
        around = 0 if self.chat is None else TEMPLATE_TOKENS + len((self.chat.system or "").encode())
        return longest_prompt(self.prompt, self.max_document_tokens) + around

    def mean_prompt(self, document: int | None) -> int | None:
        """Mean tokens of a document as it is read."""
        return None if document is None else min(document, self.max_document_tokens)

    def scoring(self, rows: int | None, completion: int | None, lengths: Lengths, batch: int, sharing: int = 1) -> Work:
        """What it costs to read so many prompts, each with a completion of so many tokens, for their likelihood."""
        return Work(
            "score",
            rows=rows,
            prompt=self.mean_prompt(lengths.document),
            completion=completion,
            longest_prompt=self.longest_prompt,
            longest_completion=lengths.longest_completion,
            batch=batch,
            sharing=sharing,
        )


def longest_prompt(prompt: str, max_document_tokens: int) -> int:
    """Tokens of the longest prompt that memory must hold."""
    return max_document_tokens + len(prompt.replace(PLACEHOLDER, "").encode()) + 1
