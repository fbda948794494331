"""`perplexity`: how likely a language model finds the candidate and its end, given the document.

With `model: generator` it is the generator judging itself; with any other model, and `train` to fine-tune it first, it is
the weaker or stronger verifier of the paper (Feng et al. 2024).
"""

from typing import ClassVar, Literal

from pydantic import Field

from summ_collapse.plugins import nearest
from summ_collapse.recipe_blocks import ModelReference, Options, SliceTraining
from summ_collapse.verifiers.request import Request, Scored


class Perplexity(Options):
    """The negative mean negative log-likelihood per token, EOS counted: higher is better."""

    sources: ClassVar[tuple[str, ...]] = ()
    samples: ClassVar[int] = 1
    kind: Literal["perplexity"]
    model: ModelReference = Field(description="base, generator, another verifier that is trained here, or a hub id or path")
    train: SliceTraining | None = Field(None, description="fine-tune the model first, on a slice of the real data")

    def problems(self, models: set[str]) -> list[str]:
        if "/" in self.model or self.model in models:
            return []
        return [
            f"model: {self.model!r} is no model of this recipe{nearest(self.model, sorted(models))}; "
            f"expected one of {', '.join(sorted(models))}, or a hub id or path with a slash"
        ]

    def score(self, request: Request) -> Scored:
        """Minus the mean negative log-likelihood in nats a token; column n_tokens counts the EOS."""
        from summ_collapse.models.likelihood import completion_likelihoods

        assert request.reader is not None, "perplexity needs a model to read with"
        model, encoder = request.reader()
        total, tokens = completion_likelihoods(model, encoder, request.documents, request.candidates, request.batch_size)
        return Scored(total / tokens, {"n_tokens": tokens})
