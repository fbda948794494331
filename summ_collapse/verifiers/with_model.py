"""What verifiers have in common that read with a model: which one it is, how it is asked, and whether it is trained first."""

from typing import TYPE_CHECKING

from pydantic import Field

from summ_collapse.plugins import nearest
from summ_collapse.recipe.blocks import SliceTraining
from summ_collapse.recipe.names import LocalOrHub, ModelReference
from summ_collapse.tasks.chat import Chat
from summ_collapse.verifiers.verifier import Encoding, Verifier

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from summ_collapse.models.encoder import Encoder
    from summ_collapse.models.loading import ModelSource


class CausalVerifier(Verifier):
    """A verifier that reads with a causal language model."""

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

    def load(self, source: "ModelSource", encoding: Encoding) -> tuple["PreTrainedModel", "Encoder"]:
        """The causal model and its encoder: what `score` reads with."""
        from summ_collapse.models.loading import compute_dtype, load_model

        return load_model(source, compute_dtype(source.dtype)), encoding()
