"""`perplexity`: how likely a language model finds the candidate and its end, given the document.

With `model: generator` it is the generator judging itself; with any other model, and `train` to fine-tune it first, it is
the weaker or stronger verifier of the paper (Feng et al. 2024).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.with_model import CausalVerifier


class Perplexity(CausalVerifier):
    """The log-likelihood of the candidate and its EOS, by default a token: higher is better."""

    kind: Literal["perplexity"]
    per: Literal["token", "byte", "sum"] = Field(
        "token",
        description="nats a token; nats a UTF-8 byte, the end counted as one, which compares across tokenizers; or their sum",
    )

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
