"""What a model's own generation settings may not do: change the tokens that a recipe's decoding gives."""

from pathlib import Path
from typing import Any

import pytest
from transformers import GenerationConfig, PreTrainedTokenizerFast

from summ_collapse.models.encoder import Encoder
from summ_collapse.models.engines.transformers import Transformers, load
from summ_collapse.models.loading import ModelSource, save
from summ_collapse.models.tiny import make_model, train_tokenizer
from summ_collapse.recipe.blocks import Pretrain, Tiny
from summ_collapse.recipe.decoding import Decoding
from summ_collapse.tasks.newswire_articles import examples
from summ_collapse.tasks.prompt import Prompt

LIMIT = 10
DOCUMENTS = examples(6, 7)["document"].to_pylist()
DECODINGS = {
    "greedy": Decoding("greedy", LIMIT),
    "sampling": Decoding("sampling", LIMIT, samples=2),
    "beam": Decoding("beam", LIMIT, beams=3),
}
# What instruct models ship, and whatever else of the kind the library knows.
SHIPPED: dict[str, dict[str, Any]] = {
    "repetition_penalty": {"repetition_penalty": 9.0},
    "no_repeat_ngram_size": {"no_repeat_ngram_size": 1},
    "bad_words_ids": {"bad_words_ids": [[token] for token in range(4, 60)]},
    "suppress_tokens": {"suppress_tokens": list(range(4, 60))},
    "begin_suppress_tokens": {"begin_suppress_tokens": list(range(4, 60))},
    "sequence_bias": {"sequence_bias": [[[7], 40.0]]},
    "forced_eos_token_id": {"forced_eos_token_id": 3},
    "exponential_decay": {"exponential_decay_length_penalty": [1, 400.0]},
    "least_length": {"min_new_tokens": LIMIT, "suppress_tokens": [5]},
    "sampling": {"do_sample": True, "temperature": 0.1, "top_k": 1, "min_p": 0.9, "typical_p": 0.2, "epsilon_cutoff": 0.5},
}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(DOCUMENTS, "word", 600, 128)


@pytest.fixture(scope="module")
def encoder(tokenizer: PreTrainedTokenizerFast) -> Encoder:
    return Encoder(tokenizer, Prompt.parse("{document} TL;DR:"), 64)


def engine(folder: Path, tokenizer: PreTrainedTokenizerFast, encoder: Encoder, **settings: Any) -> Transformers:
    """Over a saved tiny model that ships these generation settings."""
    tiny = Tiny(layers=1, width=32, heads=2, positions=128, vocabulary=600, pretrain=Pretrain(steps=1))
    save(make_model(tiny, tokenizer), tokenizer, folder)
    GenerationConfig(**settings).save_pretrained(folder)
    return load(ModelSource(str(folder), dtype="float32"), encoder)


@pytest.mark.parametrize("settings", SHIPPED.values(), ids=SHIPPED)
def test_a_models_own_generation_settings_change_no_token(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, encoder: Encoder, settings: dict[str, Any]
) -> None:
    prompts = [prompt.ids for prompt in encoder.encode(DOCUMENTS)]
    plain = engine(tmp_path / "plain", tokenizer, encoder)
    shipped = engine(tmp_path / "shipped", tokenizer, encoder, **settings)
    for name, decoding in DECODINGS.items():
        assert shipped.complete(prompts, decoding, 3) == plain.complete(prompts, decoding, 3), name


def test_a_tokenizers_chat_template_changes_no_prompt(tokenizer: PreTrainedTokenizerFast, encoder: Encoder) -> None:
    plain = encoder.encode(DOCUMENTS, ["a storm"] * len(DOCUMENTS))
    tokenizer.chat_template = "{% for message in messages %}<|user|> {{ message.content }} <|assistant|>{% endfor %}"
    try:
        again = Encoder(tokenizer, Prompt.parse("{document} TL;DR:"), 64)
        assert again.encode(DOCUMENTS, ["a storm"] * len(DOCUMENTS)) == plain
    finally:
        tokenizer.chat_template = None


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_a_prompt_is_read_once_for_all_its_samples(
    samples: int, tmp_path: Path, tokenizer: PreTrainedTokenizerFast, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samples of equal prompts are those of as many prompts, each read by itself, from the same random state."""
    prompts = [prompt.ids for prompt in encoder.encode(DOCUMENTS)]
    ours = engine(tmp_path, tokenizer, encoder)
    read: list[int] = []
    forward = ours.model.forward

    def counted(*arguments: Any, **named: Any) -> Any:
        read.append(named["input_ids"].numel())
        return forward(*arguments, **named)

    monkeypatch.setattr(ours.model, "forward", counted)
    found = ours.complete(prompts, Decoding("sampling", LIMIT, samples=samples, batch_size=8), 3)
    longest = max(len(prompt) for prompt in prompts)
    steps = len(prompts) * samples * LIMIT
    assert sum(read) <= len(prompts) * longest + steps
    assert len(found) == len(prompts)
    assert all(len(several) == samples for several in found)
    one_by_one = ours.complete(prompts[:1] * samples, Decoding("sampling", LIMIT, samples=1, batch_size=8), 3)
    [together] = ours.complete(prompts[:1], Decoding("sampling", LIMIT, samples=samples, batch_size=8), 3)
    assert [only.ids for [only] in one_by_one] == [each.ids for each in together]


def test_one_word_alone_can_be_sampled_from(tmp_path: Path, tokenizer: PreTrainedTokenizerFast, encoder: Encoder) -> None:
    [several] = engine(tmp_path, tokenizer, encoder).complete([[5]], Decoding("sampling", LIMIT, samples=3), 3)
    assert len(several) == 3
