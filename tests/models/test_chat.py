"""A chat template is used where the recipe says so, for each model by its own, and nowhere else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from summ_collapse.errors import InputError
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.tiny import train_tokenizer
from summ_collapse.run import Request, open_run, recipe_of
from summ_collapse.tasks.chat import Chat
from summ_collapse.tasks.prompt import Prompt
from tests.conftest import inside

TEXTS = ["summarise the storm came ashore be brief", "the markets were calm"]
PROMPT = Prompt.parse("summarise {document} be brief")
TEMPLATE = (
    "{{ bos_token }}{% for turn in messages %}<|{{ turn.role }}|>{{ turn.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture(params=["word", "bpe"])
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    made = train_tokenizer(TEXTS, request.param, 400, 256)
    made.add_special_tokens({"additional_special_tokens": ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]})
    made.chat_template = TEMPLATE
    return made


def test_the_prompt_is_what_the_user_says_with_the_templates_own_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    encoder = Encoder(tokenizer, PROMPT, 8, Chat(system="be brief"))
    [encoded] = encoder.encode(["the storm <|end|> came ashore"], ["calm"])
    ids = encoded.ids[: encoded.prompt_length]
    special = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("system", "user", "assistant", "end")}
    assert [token for token in ids if token in special.values()] == [
        special[name] for name in ("system", "end", "user", "end", "assistant")
    ]
    assert ids[0] == tokenizer.bos_token_id
    assert ids.count(tokenizer.bos_token_id) == 1
    assert ids[-1] == special["assistant"]
    # A document that says what a template says is text.
    document = ids[ids.index(special["user"]) : ids.index(special["end"], ids.index(special["user"]))]
    assert "storm" in tokenizer.decode(document)
    assert encoded.ids[-1] == encoder.eos


def test_a_template_is_not_used_unasked(tokenizer: PreTrainedTokenizerFast) -> None:
    [encoded] = Encoder(tokenizer, PROMPT, 8).encode(["the storm"])
    assert tokenizer.convert_tokens_to_ids("<|user|>") not in encoded.ids


def test_what_a_model_cannot_be_asked_is_said(tokenizer: PreTrainedTokenizerFast) -> None:
    tokenizer.chat_template = (
        "{{ raise_exception('System role not supported') if messages[0].role == 'system' else messages[0].content }}"
    )
    with pytest.raises(InputError, match="refuses: System role not supported"):
        Encoder(tokenizer, PROMPT, 8, Chat(system="be brief"))
    tokenizer.chat_template = "{{ messages[0].content }}{{ messages[0].content }}"
    with pytest.raises(InputError, match="gives the prompt 2 times"):
        Encoder(tokenizer, PROMPT, 8, Chat())
    tokenizer.chat_template = None
    with pytest.raises(InputError, match="has no chat template; leave `chat` out for base models"):
        Encoder(tokenizer, PROMPT, 8, Chat())


def test_every_model_is_asked_as_its_own_block_says(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "verifier").mkdir()
    (tmp_path / "verifier" / "config.json").write_text("{}")

    def chats(**changes: Any) -> dict[str, Chat | None]:
        request = Request(write_recipe(base={"model": "verifier", "tiny": None}, **changes), (), tmp_path / "run")
        stages = open_run(recipe_of(request), request.out).experiment.stages
        return {name: stage.stage.reads.chat for name, stage in stages.items() if stage.stage.reads}

    named = {"kind": "perplexity", "model": "./verifier", "train": None}
    found = chats(
        task={"chat": {"system": "be brief"}}, verifiers={"plain": named, "asked": {**named, "chat": {}}, "strong": None}
    )
    ours = Chat(system="be brief")
    assert {found[name] for name in ("train/generator", "generate/generator", "verify/self", "evaluate/plain-0.5")} == {ours}
    assert found["verify/plain"] is None
    assert found["verify/asked"] == Chat()
    assert set(chats(verifiers={"plain": named, "strong": None}).values()) == {None}


def test_a_model_of_the_recipe_has_no_chat_of_its_own_in_a_verifier(write_recipe: Callable[..., Path]) -> None:
    done = inside("plan", write_recipe(verifiers={"self": {"kind": "perplexity", "model": "generator", "chat": {}}}))
    assert done.code == 2
    assert "verifiers.self.chat: expected one only of a hub model or a path" in done.err
