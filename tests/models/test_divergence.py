"""Training that diverges stops where it does, and says so; what is a number is trained on."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from summ_collapse.errors import ArmFailed
from summ_collapse.models.encoded import EncodedRows
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.tiny import train_tokenizer
from summ_collapse.models.training import Fit, fit
from summ_collapse.ranks import World
from summ_collapse.recipe.blocks import Training
from summ_collapse.tasks.prompt import Prompt

DOCUMENTS = [f"the storm of {place} hit the town on {day} ." for place in ("north", "south") for day in range(8)]
SUMMARIES = [f"storm {day}" for _ in range(2) for day in range(8)]
ENDLESS = 1e30  # a learning rate


@pytest.fixture
def encoder() -> Encoder:
    tokenizer = train_tokenizer([*DOCUMENTS, *SUMMARIES, "TL;DR: never"], "word", 200, 64)
    return Encoder(tokenizer, Prompt.parse("{document} TL;DR:"), 32)


@pytest.fixture
def model(encoder: Encoder, one_thread: None) -> LlamaForCausalLM:
    torch.manual_seed(0)
    size = len(encoder.tokenizer)
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=size, max_position_embeddings=64, tie_word_embeddings=False, **shape))


def settings(work: Path, rate: float, **more: object) -> Fit:
    training = Training(steps=12, learning_rate=rate, batch_size=8, schedule="constant")
    return Fit(training, 0, torch.float32, work, 1, **{"progress": lambda done, total: None, **more})


def test_a_loss_that_is_no_number_ends_training_at_its_step(model: LlamaForCausalLM, encoder: Encoder, tmp_path: Path) -> None:
    seen: list[int] = []
    rows = EncodedRows.of(encoder.encode(DOCUMENTS, SUMMARIES))
    told = settings(tmp_path / "work", ENDLESS, progress=lambda done, total: seen.append(done))
    with pytest.raises(ArmFailed, match="training diverged: the loss of step 2 of 12 is not a finite number") as failure:
        fit(model, encoder.tokenizer, rows, told, tmp_path / "out")
    assert failure.value.rows == 16
    assert seen == [0, 1, 2]
    # Nothing is left of the step itself, so that who goes on finds the same.
    assert [path.name for path in (tmp_path / "work").glob("checkpoint-*")] == ["checkpoint-1"]
    with pytest.raises(ArmFailed, match="the loss of step 2 of 12"):
        fit(model, encoder.tokenizer, rows, told, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_rank_stops_where_the_loss_of_one_is_no_number(model: LlamaForCausalLM, encoder: Encoder, tmp_path: Path) -> None:
    asked: list[bool] = []

    def any_of(ours: bool) -> bool:
        """Another rank, whose loss is no number from the third step on."""
        asked.append(ours)
        return len(asked) > 4

    world = World(0, 1, any_of=any_of)
    told = settings(tmp_path / "work", 1e-3, world=world)
    with pytest.raises(ArmFailed, match="the loss of step 3 of 12"):
        fit(model, encoder.tokenizer, EncodedRows.of(encoder.encode(DOCUMENTS, SUMMARIES)), told, tmp_path / "out")
    assert not any(asked)


def test_a_weight_that_is_no_number_in_the_end_is_no_model(model: LlamaForCausalLM, encoder: Encoder, tmp_path: Path) -> None:
    unused = encoder.tokenizer.convert_tokens_to_ids("never")
    with torch.no_grad():
        model.get_input_embeddings().weight[unused] = float("nan")  # no loss ever sees it
    told = settings(tmp_path / "work", 1e-3)
    with pytest.raises(ArmFailed, match="a weight after the last step is not a finite number"):
        fit(model, encoder.tokenizer, EncodedRows.of(encoder.encode(DOCUMENTS, SUMMARIES)), told, tmp_path / "out")
    assert not (tmp_path / "out").exists()
