"""An adapter is merged where the weights can hold it, with the outputs of the unmerged one; elsewhere it is left alone."""

from pathlib import Path

import pytest
import torch
from peft import LoHaConfig, LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from summ_collapse.models.loading import ModelSource, load_model
from summ_collapse.models.merging import kept_by_merging

SHAPE = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 200}
IDS = torch.arange(1, 181).reshape(6, 30)

pytestmark = pytest.mark.usefixtures("one_thread")


def adapter(folder: Path, size: float) -> ModelSource:
    """A base at Llama's scale, and an adapter over it whose weights add `size` times as much as they are."""
    torch.manual_seed(0)
    base = LlamaForCausalLM(LlamaConfig(**SHAPE, max_position_embeddings=64))
    base.bfloat16().save_pretrained(folder / "base")
    torch.manual_seed(1)
    model = get_peft_model(base, LoraConfig(r=4, lora_alpha=4, target_modules="all-linear", init_lora_weights=False))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            below = model.get_submodule(name.split(".lora_B")[0])
            parameter.data *= size * below.weight.float().std() / below.get_delta_weight("default").float().std()
    model.save_pretrained(folder / "adapter")
    return ModelSource(str(folder / "adapter"), below=ModelSource(str(folder / "base")))


def logits(model: LlamaForCausalLM) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(IDS).logits.float()


@pytest.mark.parametrize("size", [0.01, 0.1])
def test_a_merged_adapter_gives_what_the_unmerged_one_gives_in_bfloat16(size: float, tmp_path: Path) -> None:
    source = adapter(tmp_path, size)
    ours = load_model(source, torch.bfloat16)
    assert not isinstance(ours, PeftModel)
    assert source.below is not None
    unmerged = PeftModel.from_pretrained(load_model(source.below, torch.bfloat16), source.name)
    truth = logits(load_model(source, torch.float32))
    added = (truth - logits(load_model(source.below, torch.float32))).std()
    of_merged, of_unmerged = ((logits(model) - truth).std() for model in (ours, unmerged))
    # Both are away from float32 by what bfloat16 rounds; merging adds less than half of that.
    assert of_merged < 1.5 * of_unmerged
    assert of_merged < added


def test_an_adapter_that_the_weights_cannot_hold_is_left_alone(tmp_path: Path) -> None:
    source = adapter(tmp_path, 0.0005)
    ours = load_model(source, torch.bfloat16)
    assert isinstance(ours, PeftModel)
    assert kept_by_merging(ours) < 0.9
    assert not isinstance(load_model(source, torch.float32), PeftModel)


def test_what_is_kept_is_the_projection_on_what_is_added(tmp_path: Path) -> None:
    source = adapter(tmp_path, 0.01)
    assert source.below is not None
    model = PeftModel.from_pretrained(load_model(source.below, torch.bfloat16), source.name)
    assert 0.97 < kept_by_merging(model) <= 1.03
    assert kept_by_merging(PeftModel.from_pretrained(load_model(source.below, torch.float32), source.name)) == pytest.approx(1)


def test_an_adapter_that_cannot_be_measured_is_merged_in_float32_alone(tmp_path: Path) -> None:
    source = adapter(tmp_path, 0.1)
    assert source.below is not None
    base = load_model(source.below, torch.bfloat16)
    other = get_peft_model(base, LoHaConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"]))
    other.save_pretrained(tmp_path / "other")
    found = ModelSource(str(tmp_path / "other"), below=source.below)
    assert isinstance(load_model(found, torch.bfloat16), PeftModel)
    assert not isinstance(load_model(found, torch.float32), PeftModel)
