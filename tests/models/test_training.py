"""What a training learns, from which seed, and what of it is on disk when: against the definition of the loss."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

from summ_collapse.models.checkpoints import MARKER
from summ_collapse.models.encoded import EncodedRows
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.likelihood import completion_likelihoods
from summ_collapse.models.tiny import make_model, train_tokenizer
from summ_collapse.models.training import Fit, Trained, fit
from summ_collapse.recipe.blocks import Pretrain, Tiny, Training
from summ_collapse.tasks.newswire_articles import examples
from summ_collapse.tasks.prompt import Prompt

EXAMPLES = examples(12, 7)
DOCUMENTS, SUMMARIES = EXAMPLES["document"].to_pylist(), EXAMPLES["summary"].to_pylist()
# Completions of unequal length, so that a mean over rows is not one over tokens.
COMPLETIONS = [summary if row % 2 else summary.split()[0] for row, summary in enumerate(SUMMARIES)]
TINY = Tiny(layers=1, width=32, heads=2, positions=128, vocabulary=600, pretrain=Pretrain(steps=1))

pytestmark = pytest.mark.usefixtures("one_thread")


def start() -> tuple[LlamaForCausalLM, Encoder]:
    tokenizer = train_tokenizer(DOCUMENTS + SUMMARIES, "word", 600, 128)
    torch.manual_seed(0)
    return make_model(TINY, tokenizer), Encoder(tokenizer, Prompt.parse("{document} TL;DR:"), 64)


def trained(
    folder: Path,
    training: Training,
    seed: int = 0,
    weights: Sequence[float] | None = None,
    rows: int = 12,
    stop_at: int | None = None,
) -> tuple[Trained, dict[str, torch.Tensor]]:
    """What the training says of itself, and the weights that it saved; none where it was to stop at a step."""
    model, encoder = start()
    encoded = EncodedRows.of(encoder.encode(DOCUMENTS[:rows], COMPLETIONS[:rows]), weights)
    (folder / "out").mkdir(parents=True, exist_ok=True)
    steps: list[int] = []
    settings = Fit(
        training,
        seed,
        torch.float32,
        folder / "work",
        2,
        lambda done, total: steps.append(done),
        stop=lambda: stop_at is not None and steps[-1] >= stop_at,
    )
    found = fit(model, encoder.tokenizer, encoded, settings, folder / "out", below="base")
    if not found.finished:
        return found, {}
    [saved] = (folder / "out").glob("*.safetensors")
    return found, load_file(saved)


@pytest.mark.parametrize("micro", [12, 4])
@pytest.mark.parametrize("weights", [None, [1.0, 3.0] * 6], ids=["plain", "weighed"])
def test_the_loss_is_that_of_a_completions_tokens_and_its_end_alone(
    tmp_path: Path, micro: int, weights: list[float] | None
) -> None:
    model, encoder = start()
    totals, counts = completion_likelihoods(model.eval(), encoder, DOCUMENTS, COMPLETIONS, 4)
    each = torch.tensor(weights or [1.0] * 12, dtype=torch.float64).numpy()
    expected = -(each * totals).sum() / (each * counts).sum()
    training = Training(steps=1, learning_rate=1e-3, batch_size=12, micro_batch_size=micro)
    found, _ = trained(tmp_path, training, weights=weights)
    assert found.loss == pytest.approx(expected, rel=1e-4)
    assert found.tokens == sum(len(row.ids) for row in encoder.encode(DOCUMENTS, COMPLETIONS))


def furthest(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], part: str = "") -> float:
    """The largest difference of two models' weights, or of those whose name has `part`."""
    return max(float((tensor - other[name]).abs().max()) for name, tensor in one.items() if part in name)


def test_a_seed_decides_the_order_of_rows(tmp_path: Path) -> None:
    training = Training(steps=3, learning_rate=1e-2, batch_size=2, schedule="constant")
    one, again, other = (trained(tmp_path / str(at), training, seed)[1] for at, seed in enumerate((1, 1, 2)))
    assert furthest(one, again) == 0
    assert furthest(one, other) > 1e-3


def test_a_seed_decides_how_an_adapter_begins(tmp_path: Path) -> None:
    """LoRA's A has no gradient in its first step, since B is 0: what is saved is what it began as."""
    training = Training(method="lora", rank=4, steps=1, learning_rate=1e-2, batch_size=12)
    one, again, other = (trained(tmp_path / str(at), training, seed)[1] for at, seed in enumerate((1, 1, 2)))
    assert furthest(one, again) == 0
    assert furthest(one, other, "lora_A") > 1e-2


@pytest.mark.parametrize("method", ["full", "lora"])
def test_dropout_is_drawn_again_as_it_was_where_a_training_goes_on(tmp_path: Path, method: str) -> None:
    plain = {"method": method, "rank": 4, "steps": 4, "learning_rate": 1e-2, "batch_size": 4}
    training = Training.model_validate({**plain, "dropout": 0.3})
    whole, weights = trained(tmp_path / "whole", training)
    stopped, _ = trained(tmp_path / "parts", training, stop_at=2)
    assert not stopped.finished
    gone_on, same = trained(tmp_path / "parts", training)
    assert (gone_on.resumed_from, gone_on.loss) == (stopped.steps, pytest.approx(whole.loss))
    assert furthest(weights, same) == 0
    assert furthest(weights, trained(tmp_path / "plain", Training.model_validate(plain))[1]) > 1e-4
    if method == "full":
        assert '"attention_dropout": 0.0' in (tmp_path / "whole" / "out" / "config.json").read_text()


def test_a_checkpoint_is_on_disk_before_its_marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(handle: int) -> None:
        seen.append(Path(f"/proc/self/fd/{handle}").resolve().name)
        fsync(handle)

    def watched_replace(path: Path, target: Path) -> Path:
        seen.append(f"named {Path(target).name}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    training = Training(steps=3, learning_rate=1e-3, batch_size=4)
    trained(tmp_path, training)
    marked = seen.index(f"named {MARKER}")
    [checkpoint] = (tmp_path / "work").glob("checkpoint-*")
    assert checkpoint.name == "checkpoint-2"
    files = {path.name for path in checkpoint.iterdir()} - {MARKER}
    assert "model.safetensors" in files
    assert files < set(seen[:marked])
