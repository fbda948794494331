"""What stages know of models: which artifact or hub id one is, and which encoder goes with it."""

from summ_collapse.models.encoder import Encoder
from summ_collapse.models.loading import ModelSource, load_tokenizer, positions
from summ_collapse.stages.stage import Context
from summ_collapse.tasks.prompt import Prompt


def source_of(context: Context, role: str = "model") -> ModelSource:
    """The model that plays `role`: an input artifact, an adapter with what lies below it, or a name in the configuration."""
    dtype, attention = context.config["dtype"], context.config["attention"]
    if role in context.inputs:
        return _from_artifact(context, role, dtype, attention)
    return _from_config(context, role, dtype, attention)


def _from_artifact(context: Context, role: str, dtype: str, attention: str) -> ModelSource:
    artifact = context.inputs[role]
    below = None
    if (artifact.path / "adapter_config.json").is_file():
        below = source_of(context, f"{role} below")
    return ModelSource(str(artifact.path), below=below, dtype=dtype, attention=attention)


def _from_config(context: Context, role: str, dtype: str, attention: str) -> ModelSource:
    named = context.config["models"][role]
    # A hub model is pinned to its commit; a local one is named by content and found through `local`.
    name = named.get("id") or context.local[named["sha256"]]
    return ModelSource(name, named.get("commit"), dtype=dtype, attention=attention)


def encoder_of(context: Context, source: ModelSource, completion_tokens: int) -> Encoder:
    """The encoder for a model; InputError where a document, the prompt and a completion do not fit it together."""
    task = context.config["task"]
    encoder = Encoder(load_tokenizer(source), Prompt.parse(task["prompt"]), task["max_document_tokens"])
    encoder.check_room(positions(source), completion_tokens)
    return encoder
