"""Row weights reach the loss: twice the weight is twice the row, no weight is no row."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

from summ_collapse.models.encoded import EncodedRows
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.likelihood import completion_likelihoods
from summ_collapse.models.tiny import make_model, train_tokenizer
from summ_collapse.models.training import Fit, fit
from summ_collapse.recipe.blocks import Pretrain, Tiny, Training
from summ_collapse.tasks.prompt import Prompt

TEXTS = ["a bank bought a mine", "the mine sold its bank", "two mines opened today", "the bank closed a mine today"]
TINY = Tiny(layers=1, width=32, heads=2, positions=64, vocabulary=300, pretrain=Pretrain(steps=1))


def weights_after(rows: list[int], weights: list[float] | None, folder: Path) -> dict[str, torch.Tensor]:
    """The model after one step of plain gradients on all rows in one batch."""
    tokenizer = train_tokenizer(TEXTS, "word", 300, 64)
    torch.manual_seed(0)
    model = make_model(TINY, tokenizer)
    encoder = Encoder(tokenizer, Prompt.parse("{document} short:"), 32)
    encoded = encoder.encode([TEXTS[row] for row in rows], [TEXTS[row].split()[1] for row in rows])
    training = Training(steps=1, learning_rate=1e-2, batch_size=len(rows), schedule="constant", adam_beta2=0.5)
    folder.mkdir()
    out = folder / "out"
    out.mkdir()
    settings = Fit(training, 0, torch.float32, folder, 10, lambda done, total: None)
    fit(model, tokenizer, EncodedRows.of(encoded, weights), settings, out)
    return load_file(out / "model.safetensors")


@pytest.mark.parametrize(
    ("rows", "weights", "same"),
    [
        ([0, 1, 2], [2.0, 1.0, 1.0], [0, 0, 1, 2]),
        ([0, 1, 2, 3], [1.0, 0.0, 1.0, 1.0], [0, 2, 3]),
        ([0, 1, 2], [0.5, 0.5, 0.5], [0, 1, 2]),
    ],
    ids=["twice", "none", "all alike"],
)
def test_a_weight_is_as_many_rows(
    rows: list[int], weights: list[float], same: list[int], tmp_path: Path, one_thread: None
) -> None:
    weighed = weights_after(rows, weights, tmp_path / "weighed")
    repeated = weights_after(same, None, tmp_path / "repeated")
    assert weighed.keys() == repeated.keys()
    # Adam divides by the gradient's own size, so gradients that differ by rounding alone are compared where they count.
    for name, tensor in weighed.items():
        close = (tensor - repeated[name]).abs() <= 1e-6
        assert close.float().mean() > 0.99, name


def test_a_weight_is_not_nothing(tmp_path: Path, one_thread: None) -> None:
    weighed = weights_after([0, 1, 2], [5.0, 1.0, 1.0], tmp_path / "weighed")
    plain = weights_after([0, 1, 2], None, tmp_path / "plain")
    assert any((tensor - plain[name]).abs().max() > 1e-4 for name, tensor in weighed.items())


def test_what_weighs_less_than_nothing_is_unlearnt(tmp_path: Path, one_thread: None) -> None:
    """Of two rows, one with weight -1: its likelihood falls, and that of the other rises."""
    tokenizer = train_tokenizer(TEXTS, "word", 300, 64)
    encoder = Encoder(tokenizer, Prompt.parse("{document} short:"), 32)
    documents, completions = TEXTS[:2], [text.split()[1] for text in TEXTS[:2]]
    model = make_model(TINY, tokenizer)
    before, _ = completion_likelihoods(model, encoder, documents, completions, 2)
    weights_after([0, 1], [1.0, -1.0], tmp_path / "run")
    after, _ = completion_likelihoods(
        LlamaForCausalLM.from_pretrained(tmp_path / "run" / "out"), encoder, documents, completions, 2
    )
    assert after[0] > before[0]
    assert after[1] < before[1]
