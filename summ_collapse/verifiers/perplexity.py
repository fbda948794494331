"""`perplexity`: how likely a language model finds the candidate and its end, given the document.

With `model: generator` it is the generator judging itself; with any other model, and `train` to fine-tune it first, it is
the weaker or stronger verifier of the paper (Feng et al. 2024).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from summ_collapse.plugins import nearest
from summ_collapse.recipe.blocks import SliceTraining
from summ_collapse.recipe.names import LocalOrHub, ModelReference
from summ_collapse.tasks.chat import Chat
from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.verifier import Verifier

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from summ_collapse.models.encoder import Encoder
    from summ_collapse.models.loading import ModelSource


class Perplexity(Verifier):
    """The log-likelihood of the candidate and its EOS, by default a token: higher is better."""

    kind: Literal["perplexity"]
    model: ModelReference = Field(description="base, generator, another verifier that is trained here, or a hub id or path")
    adapter: LocalOrHub | None = Field(
        None, description="hub id or local folder of an adapter over `model`; its tokenizer is used where it has one"
    )
    revision: str | None = Field(None, description="hub revision of the model: branch, tag or commit")
    adapter_revision: str | None = Field(None, description="hub revision of the adapter: branch, tag or commit")
    chat: Chat | None = Field(
        None, description="ask a hub model or one by path through its chat template; as plain text where absent"
    )
    train: SliceTraining | None = Field(None, description="fine-tune the model first, on a slice of the real data")
    per: Literal["token", "byte", "sum"] = Field(
        "token",
        description="nats a token; nats a UTF-8 byte, the end counted as one, which compares across tokenizers; or their sum",
    )

    def problems(self, models: set[str]) -> list[str]:
        """A model that nobody makes or names, and an adapter that would be trained."""
        problems = []
        if "/" not in self.model and self.model not in models:
            problems.append(
                f"model: {self.model!r} is no model of this recipe{nearest(self.model, sorted(models))}; "
                f"expected one of {', '.join(sorted(models))}, or a hub id or path with a slash"
            )
        if self.adapter is not None and self.train is not None:
            problems.append("adapter: an adapter is read as it is, and `train` would make another; expected one of the two")
        if self.revision is not None and "/" not in self.model:
            problems.append(f"revision: expected one only of a hub model, and {self.model!r} is made here")
        if self.adapter_revision is not None and self.adapter is None:
            problems.append("adapter_revision: expected one only with an adapter")
        if self.chat is not None and "/" not in self.model:
            problems.append(f"chat: expected one only of a hub model or a path; {self.model!r} is asked as task.chat says")
        return problems

    def load(self, source: "ModelSource", encoder: "Encoder") -> tuple["PreTrainedModel", "Encoder"]:
        """The causal model and its encoder: what `score` reads with."""
        from summ_collapse.models.loading import compute_dtype, load_model

        return load_model(source, compute_dtype(source.dtype)), encoder

    def score(self, request: Request) -> Scored:
        """The log-likelihood in nats, divided as `per` says; column n_tokens counts the EOS."""
        from summ_collapse.models.likelihood import completion_likelihoods

        assert request.reader is not None, "perplexity needs a model to read with"
        model, encoder = request.reader()
        total, tokens = completion_likelihoods(model, encoder, request.documents, request.candidates, request.batch_size)
        return Scored(total / self._lengths(request.candidates, tokens), {"n_tokens": tokens})

    def _lengths(self, candidates: Sequence[str], tokens: np.ndarray) -> np.ndarray:
        """What each sum is divided by."""
        if self.per == "byte":
            return np.array([len(text.encode()) + 1 for text in candidates])
        return tokens if self.per == "token" else np.ones_like(tokens)
