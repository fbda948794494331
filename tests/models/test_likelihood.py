"""Likelihoods, a document's prompt shared or not, against one plain forward pass a completion."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from summ_collapse.models.encoder import Encoder
from summ_collapse.models.likelihood import completion_likelihoods
from summ_collapse.models.tiny import train_tokenizer
from summ_collapse.tasks.newswire_articles import examples
from summ_collapse.tasks.prompt import Prompt
from summ_collapse.verifiers.perplexity import Perplexity
from summ_collapse.verifiers.request import Request

EXAMPLES = examples(40, 3)
DOCUMENTS = EXAMPLES["document"].to_pylist()
SUMMARIES = EXAMPLES["summary"].to_pylist()
PROMPT = Prompt.parse("{document}\n\nTL;DR:")
LONG = " ".join(SUMMARIES[:12])  # longer than any document
SPECIAL = "calm </s> markets <s> <pad> in the night"
CANDIDATES = ["", SUMMARIES[1], LONG, SPECIAL, SUMMARIES[2], "é 漢字 ünïcode"]
SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    # Far from uniform predictions, so that a wrong position or mask shows.
    "initializer_range": 0.3,
}


pytestmark = pytest.mark.usefixtures("one_thread")


def make_tokenizer(kind: str = "bpe", bos: bool = True, side: str = "left") -> PreTrainedTokenizerFast:
    tokenizer = train_tokenizer(DOCUMENTS + SUMMARIES, kind, 600, 4096)
    tokenizer.padding_side = side
    if not bos:
        tokenizer.bos_token = None
    return tokenizer


def make_llama(tokenizer: PreTrainedTokenizerFast, attention: str = "sdpa") -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), attn_implementation=attention, **SHAPE))


def plain(model: PreTrainedModel, encoder: Encoder, document: str, completion: str) -> tuple[float, int]:
    """(sum, tokens) from one whole sequence: no batch, no padding, no cache."""
    [row] = encoder.encode([document], [completion])
    ids = torch.tensor([row.ids])
    with torch.no_grad():
        logs = torch.log_softmax(model.eval()(ids).logits.float(), -1)[0, :-1].gather(1, ids[0, 1:, None])[:, 0]
    return logs[row.prompt_length - 1 :].double().sum().item(), len(row.ids) - row.prompt_length


def assert_plain(
    model: PreTrainedModel,
    encoder: Encoder,
    documents: Sequence[str],
    completions: Sequence[str],
    batch_size: int,
    tolerance: float = 1e-5,
) -> None:
    totals, counts = completion_likelihoods(model, encoder, documents, completions, batch_size)
    for row, (document, completion) in enumerate(zip(documents, completions, strict=True)):
        total, count = plain(model, encoder, document, completion)
        assert counts[row] == count, row
        assert totals[row] / count == pytest.approx(total / count, abs=tolerance), (row, completion[:40])


def each_document_with_all(documents: Sequence[str]) -> tuple[list[str], list[str]]:
    return [document for document in documents for _ in CANDIDATES], CANDIDATES * len(documents)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("bos", [True, False], ids=["bos", "no bos"])
@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_likelihood_is_that_of_a_plain_forward_pass(kind: str, bos: bool, side: str, attention: str) -> None:
    tokenizer = make_tokenizer(kind, bos, side)
    encoder = Encoder(tokenizer, PROMPT, 60)
    model = make_llama(tokenizer, attention)
    # One candidate a document, and documents of other lengths beside each other.
    assert_plain(model, encoder, DOCUMENTS[: len(CANDIDATES)], CANDIDATES, 4)
    # All candidates of a document: several documents a pass, and one document in several passes.
    documents = [DOCUMENTS[0], "storm", DOCUMENTS[1]]
    assert_plain(model, encoder, *each_document_with_all(documents), 2 * len(CANDIDATES))
    assert_plain(model, encoder, *each_document_with_all(documents), 4)


def test_text_of_special_tokens_is_never_parsed_as_one() -> None:
    tokenizer = make_tokenizer()
    encoder = Encoder(tokenizer, PROMPT, 60)
    [ending] = encoder.endings([SPECIAL])
    assert set(ending[:-1]).isdisjoint({tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id})
    _, counts = completion_likelihoods(make_llama(tokenizer), encoder, ["storm"] * 2, [SPECIAL, ""], 4)
    assert counts.tolist() == [len(ending), 1]


def test_documents_may_have_candidates_of_unequal_number() -> None:
    tokenizer = make_tokenizer()
    encoder = Encoder(tokenizer, PROMPT, 60)
    owners = [0, 1, 1, 1, 2, 3, 3, 4, 4, 4, 4, 4, 4, 4]
    documents = [DOCUMENTS[owner] for owner in owners]
    completions = [CANDIDATES[row % len(CANDIDATES)] for row in range(len(owners))]
    for batch_size in (1, 3, 4, 64):
        assert_plain(make_llama(tokenizer), encoder, documents, completions, batch_size)


def test_a_prompt_of_one_token_is_no_prefix() -> None:
    tokenizer = make_tokenizer("word", bos=False)
    encoder = Encoder(tokenizer, Prompt.parse("{document}"), 60)
    assert len(encoder.encode(["storm"])[0].ids) == 1
    model = make_llama(tokenizer)
    assert_plain(model, encoder, ["storm"] * 3, CANDIDATES[:3], 8)
    assert_plain(model, encoder, ["storm"] * 3 + [DOCUMENTS[0]] * 2, CANDIDATES[:5], 8)


@pytest.mark.parametrize("family", ["sliding window", "learned positions"])
def test_other_families_of_models_share_prompts_too(family: str) -> None:
    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    model: PreTrainedModel
    if family == "sliding window":
        model = MistralForCausalLM(MistralConfig(vocab_size=len(tokenizer), sliding_window=24, **SHAPE))
    else:
        config = GPT2Config(vocab_size=len(tokenizer), n_positions=2048, n_embd=32, n_layer=2, n_head=2, initializer_range=0.3)
        model = GPT2LMHeadModel(config)
    encoder = Encoder(tokenizer, PROMPT, 60)
    # Documents of other lengths, so that prompts are padded; both longer than the window.
    assert_plain(model, encoder, *each_document_with_all([DOCUMENTS[0], "storm " * 40]), 64)


def test_bfloat16_shared_is_as_close_to_float32_as_alone() -> None:
    tokenizer = make_tokenizer()
    encoder = Encoder(tokenizer, PROMPT, 60)
    documents, completions = each_document_with_all(DOCUMENTS[:3])
    model = make_llama(tokenizer)
    exact, counts = completion_likelihoods(model, encoder, documents, completions, 64)
    model = model.bfloat16()
    shared, _ = completion_likelihoods(model, encoder, documents, completions, 64)
    alone = one_at_a_time(model, encoder, documents, completions)
    errors = [np.abs((found - exact) / counts).mean() for found in (shared, alone)]
    assert errors[0] < 1.5 * errors[1] + 1e-3


def one_at_a_time(model: PreTrainedModel, encoder: Encoder, documents: Sequence[str], completions: Sequence[str]) -> np.ndarray:
    pairs = zip(documents, completions, strict=True)
    return np.concatenate([completion_likelihoods(model, encoder, [document], [text], 1)[0] for document, text in pairs])


def test_eight_candidates_of_a_document_of_500_tokens_score_as_each_alone() -> None:
    tokenizer = make_tokenizer()
    encoder = Encoder(tokenizer, PROMPT, 500)
    documents = [" ".join(DOCUMENTS[start:])[:4000] for start in (0, 5) for _ in range(8)]
    assert all(row.truncated for row in encoder.encode(documents))
    model = make_llama(tokenizer)
    shared, counts = completion_likelihoods(model, encoder, documents, SUMMARIES[:16], 16)
    alone = one_at_a_time(model, encoder, documents, SUMMARIES[:16])
    np.testing.assert_allclose(shared / counts, alone / counts, rtol=0, atol=1e-5)
    again, _ = completion_likelihoods(model, encoder, documents, SUMMARIES[:16], 16)
    assert shared.tobytes() == again.tobytes()


def test_a_prompt_is_read_once_and_no_pass_has_more_rows_than_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = make_tokenizer()
    encoder = Encoder(tokenizer, PROMPT, 60)
    model = make_llama(tokenizer)
    passes: list[tuple[int, bool]] = []
    forward = model.forward

    def watched(**arguments: Any) -> Any:
        passes.append((len(arguments["input_ids"]), "past_key_values" in arguments))
        return forward(**arguments)

    monkeypatch.setattr(model, "forward", watched)
    documents, completions = each_document_with_all(DOCUMENTS[:3])
    completion_likelihoods(model, encoder, documents, completions, 2 * len(CANDIDATES) + 1)
    assert passes == [(2, False), (2 * len(CANDIDATES), True), (1, False), (len(CANDIDATES), True)]
    passes.clear()
    completion_likelihoods(model, encoder, documents[: len(CANDIDATES)], CANDIDATES, 4)
    assert passes == [(1, False), (4, True), (len(CANDIDATES) - 4, True)]


@pytest.mark.parametrize(("per", "lengths"), [("sum", [1, 1, 1]), ("byte", [1, 6, 10]), ("token", None)])
def test_scores_are_per_token_byte_or_summed(per: str, lengths: list[int] | None) -> None:
    tokenizer = make_tokenizer()
    encoder, model = Encoder(tokenizer, PROMPT, 60), make_llama(tokenizer)
    texts = ["", "storm", "é 漢字"]
    request = Request([(text, 0) for text in texts], texts, DOCUMENTS[:3], [None] * 3, 0, 4, lambda: (model, encoder))
    scored = Perplexity(kind="perplexity", model="base", per=per).score(request)
    expected = [plain(model, encoder, document, text) for document, text in zip(DOCUMENTS[:3], texts, strict=True)]
    assert scored.score.dtype == np.float64
    assert scored.columns["n_tokens"].tolist() == [count for _, count in expected]
    lengths = lengths or [count for _, count in expected]
    wanted = [total / length for (total, _), length in zip(expected, lengths, strict=True)]
    assert scored.score.tolist() == pytest.approx(wanted, abs=1e-4)
