"""What stages know of models: which artifact or hub id one is, and which encoder goes with it."""

from summ_collapse.models.encoder import Encoder
from summ_collapse.models.loading import ModelSource, load_tokenizer, positions
from summ_collapse.stages.stage import Context
from summ_collapse.tasks.prompt import Prompt


def source_of(context: Context, role: str = "model") -> ModelSource:
    """The model that plays `role`: an input artifact or a name in the configuration, an adapter with what lies below it."""
    name, commit = _place(context, role)
    under = f"{role} below"
    below = source_of(context, under) if under in context.inputs or under in context.config["models"] else None
    return ModelSource(name, commit, below, context.config["dtype"], context.config["attention"])


def _place(context: Context, role: str) -> tuple[str, str | None]:
    """A folder, or a hub id with its commit."""
    if role in context.inputs:
        return str(context.inputs[role].path), None
    named = context.config["models"][role]
    # A hub model is pinned to its commit; a local one is named by content and found through `local`.
    return named.get("id") or context.local[named["sha256"]], named.get("commit")


def encoder_of(context: Context, source: ModelSource, completion_tokens: int) -> Encoder:
    """The encoder for a model; InputError where a document, the prompt and a completion do not fit it together."""
    task = context.config["task"]
    encoder = Encoder(load_tokenizer(source), Prompt.parse(task["prompt"]), task["max_document_tokens"])
    encoder.check_room(positions(source), completion_tokens)
    return encoder
