"""`pretrain`: a tiny base model from documents: its tokenizer, random weights, and what a pretrained model can do."""

from summ_collapse.errors import Stopped
from summ_collapse.models.encoder import Encoded, Encoder
from summ_collapse.models.tiny import make_model, pretraining_sequences, train_tokenizer
from summ_collapse.models.training import fit
from summ_collapse.recipe.blocks import Tiny, Training
from summ_collapse.stages.stage import Context, Outcome
from summ_collapse.stages.train import fit_of
from summ_collapse.tasks.prompt import Prompt

PRETRAINING_BETA2 = 0.98  # short trainings at high rates want a shorter memory than AdamW's 0.999


def run(context: Context) -> Outcome:
    """Documents alone teach the model; the vocabulary covers the summaries' words too, as any real tokenizer's does."""
    tiny = Tiny.model_validate(context.config["tiny"])
    examples = context.inputs["examples"].table("train", ["document", "summary"])
    documents = examples["document"].to_pylist()
    texts = [*documents, *examples["summary"].to_pylist(), context.config["task"]["prompt"].replace("{document}", " ")]
    tokenizer = train_tokenizer(texts, tiny.tokenizer, tiny.vocabulary, tiny.positions)
    task = context.config["task"]
    encoder = Encoder(tokenizer, Prompt.parse(task["prompt"]), task["max_document_tokens"])
    sequences = pretraining_sequences(tiny, encoder, documents)
    training = Training(
        method="full",
        steps=tiny.pretrain.steps,
        batch_size=tiny.pretrain.batch_size,
        learning_rate=tiny.pretrain.learning_rate,
        warmup_steps=tiny.pretrain.warmup_steps,
        adam_beta2=PRETRAINING_BETA2,
    )
    trained = fit(
        make_model(tiny, tokenizer),
        tokenizer,
        [Encoded(ids, 0, truncated=False) for ids in sequences],
        fit_of(context, training, tiny.seed),
        context.out,
    )
    if not trained.finished:
        raise Stopped(context.name)
    notes = {"vocabulary": len(tokenizer), "loss": trained.loss, "resumed_from_step": trained.resumed_from}
    return Outcome(len(documents), len(documents), tokens=trained.tokens, notes=notes)
