"""Generation, likelihood and training, against plain uses of the same models."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, LlamaForCausalLM, PreTrainedTokenizerFast

from summ_collapse.models.encoded import EncodedRows
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.engines.transformers import Transformers
from summ_collapse.models.generation import generate
from summ_collapse.models.likelihood import completion_likelihoods
from summ_collapse.models.loading import ModelSource, load_model
from summ_collapse.models.order import RowOrder
from summ_collapse.models.tiny import make_model, train_tokenizer
from summ_collapse.models.training import Fit, fit
from summ_collapse.recipe.blocks import Pretrain, Tiny, Training
from summ_collapse.recipe.decoding import Decoding
from summ_collapse.tasks.newswire_articles import examples
from summ_collapse.tasks.prompt import Prompt

TINY = Tiny(layers=2, width=32, heads=2, positions=128, vocabulary=600, pretrain=Pretrain(steps=1))
EXAMPLES = examples(60, 7)
DOCUMENTS = EXAMPLES["document"].to_pylist()
SUMMARIES = EXAMPLES["summary"].to_pylist()


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(DOCUMENTS + SUMMARIES, "word", 600, 128)


@pytest.fixture(scope="module")
def encoder(tokenizer: PreTrainedTokenizerFast) -> Encoder:
    return Encoder(tokenizer, Prompt.parse("{document} TL;DR:"), 64)


@pytest.fixture
def model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    return make_model(TINY, tokenizer).eval()


def plain_greedy(model: LlamaForCausalLM, encoder: Encoder, document: str, limit: int) -> list[int]:
    """One document, no batch, no padding, no cache."""
    ids = encoder.encode([document])[0].ids
    made: list[int] = []
    with torch.no_grad():
        while len(made) < limit and encoder.eos not in made:
            made.append(int(model(torch.tensor([ids + made])).logits[0, -1].argmax()))
    return made


def test_greedy_batches_give_what_single_documents_give(model: LlamaForCausalLM, encoder: Encoder) -> None:
    completions = generate(Transformers(model, encoder), encoder, DOCUMENTS[:12], Decoding("greedy", 10, batch_size=5), 0)
    for document, [completion] in zip(DOCUMENTS[:12], completions, strict=True):
        made = plain_greedy(model, encoder, document, 10)
        assert completion.text == encoder.decode([[token for token in made if token != encoder.eos]])[0]
        assert completion.n_tokens == len(made)
        assert completion.finish == ("stop" if encoder.eos in made else "length")


def test_sampling_is_a_function_of_its_seed(model: LlamaForCausalLM, encoder: Encoder) -> None:
    decoding = Decoding("sampling", 8, samples=3, batch_size=4)
    before = torch.random.get_rng_state()
    first, again, other = (generate(Transformers(model, encoder), encoder, DOCUMENTS[:6], decoding, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert all(len(completions) == 3 for completions in first)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_beam_search_gives_its_best_beams(model: LlamaForCausalLM, encoder: Encoder) -> None:
    [completions] = generate(Transformers(model, encoder), encoder, DOCUMENTS[:1], Decoding("beam", 6, samples=2, beams=4), 0)
    assert len({completion.text for completion in completions}) == 2


def test_likelihood_agrees_with_one_forward_pass_a_row(model: LlamaForCausalLM, encoder: Encoder) -> None:
    completions = ["", *SUMMARIES[1:8], SUMMARIES[8] * 4]
    totals, counts = completion_likelihoods(model, encoder, DOCUMENTS[:9], completions, 4)
    for row, encoded in enumerate(encoder.encode(DOCUMENTS[:9], completions)):
        ids = torch.tensor([encoded.ids])
        with torch.no_grad():
            logs = model(ids).logits[0, :-1].log_softmax(-1).gather(-1, ids[0, 1:, None])[:, 0]
        assert counts[row] == len(encoded.ids) - encoded.prompt_length
        assert totals[row] / counts[row] == pytest.approx(logs[encoded.prompt_length - 1 :].mean().item(), abs=1e-5)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_training_learns_and_saves_a_model_that_plain_libraries_load(
    method: str, model: LlamaForCausalLM, encoder: Encoder, tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path / "base")
    before, _ = completion_likelihoods(model, encoder, DOCUMENTS, SUMMARIES, 16)
    rows = encoder.encode(DOCUMENTS, SUMMARIES)
    training = Training(method=method, rank=8, steps=40, learning_rate=1e-2, batch_size=16)
    trained = fit(
        model,
        encoder.tokenizer,
        EncodedRows.of(rows),
        Fit(training, 3, torch.float32, tmp_path / "work", 100, lambda done, total: None),
        tmp_path / "out",
        below="base",
    )
    below = ModelSource(str(tmp_path / "base")) if method == "lora" else None
    ours = load_model(ModelSource(str(tmp_path / "out"), below=below), torch.float32).eval()
    after, _ = completion_likelihoods(ours, encoder, DOCUMENTS, SUMMARIES, 16)
    assert after.mean() > before.mean() + 5
    if method == "lora":
        plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tmp_path / "base"), tmp_path / "out").eval()
        assert trained.trainable_parameters < ours.num_parameters()
    else:
        plain = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    ids = torch.tensor([rows[0].ids])
    with torch.no_grad():
        assert torch.allclose(plain(ids).logits, ours(ids).logits, atol=1e-5)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert "training_args.bin" not in names
    # Offline and online machines write other values here for the same tokenizer.
    assert not {"local_files_only", "is_local"} & set(json.loads((tmp_path / "out" / "tokenizer_config.json").read_text()))
    assert all(str(tmp_path) not in path.read_text() for path in (tmp_path / "out").glob("*.json"))


def test_an_adapter_on_an_adapter_applies_both_in_bfloat16(model: LlamaForCausalLM, encoder: Encoder, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "base")
    below: ModelSource = ModelSource(str(tmp_path / "base"))
    rows = encoder.encode(DOCUMENTS, SUMMARIES)
    training = Training(method="lora", rank=8, steps=30, learning_rate=1e-2, batch_size=16)
    for level in ("first", "second"):
        settings = Fit(training, 3, torch.float32, tmp_path / f"work-{level}", 100, lambda done, total: None)
        start = load_model(below, torch.float32, merge=True)
        fit(start, encoder.tokenizer, EncodedRows.of(rows), settings, tmp_path / level, below="below")
        below = ModelSource(str(tmp_path / level), below=below)
    sums = {
        dtype: completion_likelihoods(load_model(below, dtype).eval(), encoder, DOCUMENTS, SUMMARIES, 16)[0].mean()
        for dtype in (torch.float32, torch.bfloat16)
    }
    bare, _ = completion_likelihoods(model, encoder, DOCUMENTS, SUMMARIES, 16)
    assert sums[torch.float32] > bare.mean() + 5
    assert abs(sums[torch.bfloat16] - sums[torch.float32]) < 0.1 * (sums[torch.float32] - bare.mean())


def test_no_checkpoint_stands_behind_the_last_step(model: LlamaForCausalLM, encoder: Encoder, tmp_path: Path) -> None:
    training = Training(steps=4, learning_rate=1e-3, batch_size=8, schedule="constant")
    settings = Fit(training, 0, torch.float32, tmp_path / "work", 2, lambda done, total: None)
    fit(model, encoder.tokenizer, EncodedRows.of(encoder.encode(DOCUMENTS, SUMMARIES)), settings, tmp_path / "out")
    assert [path.name for path in (tmp_path / "work").glob("checkpoint-*")] == ["checkpoint-2"]


def test_an_epoch_has_every_row_once_in_an_order_of_its_seed() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 60, 1003)
    order = RowOrder(lengths, 16, seed=5)
    first, second = order.epoch_order(0), order.epoch_order(1)
    assert sorted(first) == sorted(second) == list(range(1003))
    assert first.tolist() != second.tolist()
    assert first.tolist() == RowOrder(lengths, 16, seed=5).epoch_order(0).tolist()


def test_batches_hold_rows_of_similar_length() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 60, 4096)
    ours = RowOrder(lengths, 16, seed=5).epoch_order(0)
    padded = [lengths[rows].reshape(-1, 16).max(1).sum() * 16 for rows in (ours, rng.permutation(4096))]
    assert padded[0] < 1.05 * lengths.sum()
    assert padded[1] > 1.5 * lengths.sum()
