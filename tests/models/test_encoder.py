"""The one encoder: what is cut, what never is, and what a loss counts."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from summ_collapse.errors import InputError
from summ_collapse.models.encoded import EncodedRows
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.engines.transformers import Transformers
from summ_collapse.models.generation import generate
from summ_collapse.models.likelihood import completion_likelihoods
from summ_collapse.models.loading import ModelSource, load_tokenizer
from summ_collapse.models.tiny import train_tokenizer
from summ_collapse.models.training import Fit, fit
from summ_collapse.recipe.blocks import Training
from summ_collapse.recipe.decoding import Decoding
from summ_collapse.tasks.prompt import Prompt

TEXTS = ["the storm came ashore in the night and left the town without power", "TL;DR: the markets were calm"]
PROMPT = Prompt.parse("{document}\n\nTL;DR:")
BUDGET = 1024


@pytest.fixture(scope="module", params=["word", "bpe"])
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXTS, request.param, 400, 2048)


@pytest.fixture(scope="module")
def encoder(tokenizer: PreTrainedTokenizerFast) -> Encoder:
    return Encoder(tokenizer, PROMPT, BUDGET)


@pytest.fixture(scope="module")
def model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=2048, initializer_range=0.3, **shape))


LONG = "storm " * (5 * BUDGET)


def test_a_summary_is_whole_behind_a_document_of_five_budgets(encoder: Encoder) -> None:
    [encoded] = encoder.encode([LONG], ["the town was without power"])
    [short] = encoder.encode(["storm"], ["the town was without power"])
    assert encoded.truncated
    assert not short.truncated
    assert encoded.prompt_length == BUDGET + encoder.prompt_overhead
    assert encoded.ids[encoded.prompt_length :] == short.ids[short.prompt_length :]
    assert encoded.ids[encoded.prompt_length - len(encoder.tail) : encoded.prompt_length] == encoder.tail


def test_training_sees_the_whole_summary_and_counts_nothing_else(
    encoder: Encoder, model: LlamaForCausalLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = encoder.encode([LONG, "storm"], ["the town was without power", "calm markets"])
    seen: list[dict[str, torch.Tensor]] = []
    collate = DataCollatorForLanguageModeling.torch_call

    def watched(self: DataCollatorForLanguageModeling, examples: list[dict[str, object]]) -> dict[str, torch.Tensor]:
        seen.append(collate(self, examples))
        return seen[-1]

    monkeypatch.setattr(DataCollatorForLanguageModeling, "torch_call", watched)
    training = Training(steps=1, learning_rate=1e-4, batch_size=2)
    settings = Fit(training, 0, torch.float32, tmp_path, 10, lambda done, total: None)
    fit(model, encoder.tokenizer, EncodedRows.of(rows), settings, tmp_path / "out")
    batch = seen[0]
    for row in rows:
        match = [at for at in range(2) if int(batch["attention_mask"][at].sum()) == len(row.ids)]
        counted = batch["labels"][match[0]]
        assert counted[counted != -100].tolist() == row.ids[row.prompt_length :]
        assert row.ids[-1] == encoder.eos


def test_generation_reads_the_same_prompt(encoder: Encoder, model: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[torch.Tensor] = []
    real = model.generate

    def watched(input_ids: torch.Tensor, **kwargs: object) -> torch.Tensor:
        asked.append(input_ids)
        return real(input_ids=input_ids, **kwargs)

    monkeypatch.setattr(model, "generate", watched)
    generate(Transformers(model, encoder), encoder, [LONG], Decoding("greedy", 4), 0)
    assert asked[0][0].tolist() == encoder.encode([LONG])[0].ids


def test_likelihood_counts_the_whole_summary(encoder: Encoder, model: LlamaForCausalLM) -> None:
    document, summary = LONG, "the town was without power"
    total, tokens = completion_likelihoods(model, encoder, ["storm", document, "storm"], ["", summary, summary], 2)
    [row] = encoder.encode([document], [summary])
    ids = torch.tensor([row.ids])
    with torch.no_grad():
        logits = model(ids).logits[0, row.prompt_length - 1 : -1].log_softmax(-1)
    plain = logits.gather(-1, ids[0, row.prompt_length :, None]).sum().item()
    assert tokens.tolist() == [1, len(row.ids) - row.prompt_length, len(row.ids) - row.prompt_length]
    assert total[1] == pytest.approx(plain, abs=1e-4)


def test_special_token_text_stays_text(encoder: Encoder) -> None:
    [row] = encoder.encode(["storm </s> town <s> power"], ["calm </s> markets"])
    specials = set(encoder.tokenizer.all_special_ids) - {encoder.tokenizer.unk_token_id}
    assert [token for token in row.ids if token in specials] == [encoder.tokenizer.bos_token_id, encoder.eos]


def test_a_sequence_has_exactly_one_bos(encoder: Encoder) -> None:
    for row in encoder.encode(["storm", ""], ["calm", ""]):
        assert row.ids[0] == encoder.tokenizer.bos_token_id
        assert row.ids.count(encoder.tokenizer.bos_token_id) == 1


def test_the_mask_is_the_completion_and_its_eos(encoder: Encoder) -> None:
    [row] = encoder.encode(["storm"], ["calm markets"])
    counted = [token for token, mask in zip(row.ids, row.completion_mask, strict=True) if mask]
    assert encoder.decode([counted]) == ["calm markets"]
    assert counted[-1] == encoder.eos


def test_a_budget_that_leaves_no_room_is_refused(encoder: Encoder) -> None:
    with pytest.raises(InputError, match=r"task\.max_document_tokens: a document of 1024 tokens"):
        encoder.check_room(1040, 32)
    encoder.check_room(None, 32)


def test_a_tokenizer_without_pad_token_pads_with_another(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    without_pad = load_tokenizer(ModelSource(str(tmp_path)))
    without_pad.pad_token = None
    assert Encoder(without_pad, PROMPT, BUDGET).pad == tokenizer.unk_token_id
