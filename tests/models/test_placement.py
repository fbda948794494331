"""Where weights go when they are read: onto the device at once, the rank's own."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from summ_collapse.launch.process import compute_with
from summ_collapse.models import loading
from summ_collapse.models.loading import ModelSource, load_model

SHAPE = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 50}


def test_weights_are_read_onto_the_device_and_not_moved_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By way of the CPU the ranks of a node would hold a model each in its memory first."""
    LlamaForCausalLM(LlamaConfig(**SHAPE)).save_pretrained(tmp_path)
    monkeypatch.setattr(loading, "device", lambda: torch.device("meta"))
    monkeypatch.setattr(torch.nn.Module, "to", lambda *moved, **how: pytest.fail("moved a whole model"))
    model = load_model(ModelSource(str(tmp_path)), torch.float32)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


@pytest.mark.parametrize(("rank", "index"), [(None, 0), ("3", 3)])
def test_a_rank_has_the_gpu_of_its_place_on_the_node(rank: str | None, index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("LOCAL_RANK", rank)
    assert loading.device() == torch.device("cuda", index)


def test_float32_is_not_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_float32_matmul_precision()
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    torch.set_float32_matmul_precision("high")
    try:
        compute_with(torch.get_num_threads())
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.backends.cuda.matmul.allow_tf32
        assert not torch.backends.cudnn.allow_tf32
    finally:
        torch.set_float32_matmul_precision(before)
