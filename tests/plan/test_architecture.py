"""Shapes of models, held against the real ones, made without weights."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from summ_collapse.plan import architecture
from summ_collapse.plan.architecture import KNOWN, Architecture
from summ_collapse.recipe.blocks import Tiny

SEVEN, EIGHT = KNOWN["meta-llama/Llama-2-7b-hf"], KNOWN["meta-llama/Meta-Llama-3-8B"]

LLAMA2_7B = LlamaConfig(
    vocab_size=32_000,
    hidden_size=4096,
    intermediate_size=11_008,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=32,
    max_position_embeddings=4096,
)
LLAMA3_8B = LlamaConfig(
    vocab_size=128_256,
    hidden_size=4096,
    intermediate_size=14_336,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=8,
    max_position_embeddings=8192,
)
SMOLLM2_135M = LlamaConfig(
    vocab_size=49_152,
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    max_position_embeddings=8192,
    tie_word_embeddings=True,
)
TINY = Tiny.model_validate({"layers": 3, "width": 64, "heads": 4, "positions": 128, "vocabulary": 500, "pretrain": {"steps": 1}})
TINY_CONFIG = LlamaConfig(
    vocab_size=500,
    hidden_size=64,
    intermediate_size=192,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=4,
    max_position_embeddings=128,
    tie_word_embeddings=True,
)
SHAPES = pytest.mark.parametrize(
    ("shape", "config"),
    [
        (SEVEN, LLAMA2_7B),
        (EIGHT, LLAMA3_8B),
        (KNOWN["HuggingFaceTB/SmolLM2-135M"], SMOLLM2_135M),
        (architecture.of_tiny(TINY), TINY_CONFIG),
    ],
    ids=["7B", "8B", "135M", "tiny"],
)


def weightless(config: LlamaConfig) -> PreTrainedModel:
    """The real model, without its weights."""
    with torch.device("meta"):
        return LlamaForCausalLM(config)


def count(model: torch.nn.Module, trainable: bool = False) -> int:
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad or not trainable)


@SHAPES
def test_parameters_are_those_of_the_real_model(shape: Architecture, config: LlamaConfig) -> None:
    model = weightless(config)
    linear = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    assert shape.parameters == count(model)
    assert shape.matmul_parameters == sum(module.weight.numel() for module in linear)
    assert shape.layers_matmul_parameters == sum(module.weight.numel() for module in linear if module is not model.lm_head)


@SHAPES
@pytest.mark.parametrize("rank", [4, 16])
def test_lora_trains_what_peft_makes_trainable(shape: Architecture, config: LlamaConfig, rank: int) -> None:
    adapter = LoraConfig(task_type="CAUSAL_LM", r=rank, target_modules="all-linear")
    model = get_peft_model(weightless(config), adapter, low_cpu_mem_usage=True)
    targets = {name.rpartition(".lora_A")[0].rpartition(".")[2] for name, _ in model.named_parameters() if ".lora_A" in name}
    assert targets == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert shape.lora_parameters(rank) == count(model, trainable=True)


def test_a_token_leaves_half_a_mebibyte_of_keys_and_values_in_llama2_7b() -> None:
    assert SEVEN.kv_bytes_per_token(2) == 2 * 32 * 4096 * 2 == 2**19
    assert EIGHT.kv_bytes_per_token(2) == 2**17  # a quarter: eight key heads for 32 query heads


@pytest.mark.parametrize(("config", "shape"), [(LLAMA3_8B, EIGHT), (TINY_CONFIG, architecture.of_tiny(TINY))], ids=["8B", "tiny"])
def test_a_local_folders_shape_is_read_from_its_configuration(tmp_path: Path, config: LlamaConfig, shape: Architecture) -> None:
    config.save_pretrained(tmp_path)
    assert architecture.find(str(tmp_path)) == shape


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"model_type": "gpt2", "n_embd": 768}', '{"model_type": "llama", "vocab_size": 10}']
)
def test_a_configuration_that_is_no_llamas_has_no_shape(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    assert architecture.find(str(tmp_path)) is None
    assert architecture.find(str(tmp_path / "missing")) is None
