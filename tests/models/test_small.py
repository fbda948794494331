"""Small models keep what a recipe can stumble over: the make, its labels, its room and its tokenizer."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    BloomConfig,
    DebertaV2Config,
    Gemma2Config,
    GPT2Config,
    LlamaConfig,
    MambaConfig,
    MixtralConfig,
    OPTConfig,
    Phi3Config,
    Qwen3Config,
    RobertaConfig,
)

from summ_collapse.models.loading import ModelSource, has_tokenizer, load_classifier, load_model, load_tokenizer, positions
from summ_collapse.models.small import small_copy
from summ_collapse.models.tiny import train_tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")

WIDE: dict[str, Any] = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 8, "intermediate_size": 512}
GROUPED = {**WIDE, "num_key_value_heads": 2, "pad_token_id": 0, "eos_token_id": 2}
CAUSAL = {
    "LlamaForCausalLM": LlamaConfig(**GROUPED),
    "Qwen3ForCausalLM": Qwen3Config(**GROUPED, head_dim=64),
    "Gemma2ForCausalLM": Gemma2Config(**GROUPED, head_dim=64),
    "Phi3ForCausalLM": Phi3Config(**GROUPED),
    "MixtralForCausalLM": MixtralConfig(**GROUPED),
    "GPT2LMHeadModel": GPT2Config(n_embd=256, n_layer=4, n_head=8),
    "OPTForCausalLM": OPTConfig(hidden_size=256, num_hidden_layers=4, num_attention_heads=8, ffn_dim=512),
    "BloomForCausalLM": BloomConfig(hidden_size=256, n_layer=4, n_head=8),
    "MambaForCausalLM": MambaConfig(hidden_size=256, num_hidden_layers=4),
}
LABELS = {0: "contradiction", 1: "neutral", 2: "entailment"}
CLASSIFIERS = {
    "RobertaForSequenceClassification": RobertaConfig(**WIDE, id2label=LABELS),
    "DebertaV2ForSequenceClassification": DebertaV2Config(**WIDE, id2label=LABELS),
    "LlamaForSequenceClassification": LlamaConfig(**GROUPED, id2label=LABELS),
}


def described(folder: Path, make: str, config: Any) -> ModelSource:
    """A model as far as a small one needs it: configuration and tokenizer, no weights."""
    tokenizer = train_tokenizer(["a storm hit the coast"], "bpe", 300, 64)
    config.vocab_size, config.architectures = len(tokenizer), [make]
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return ModelSource(str(folder), dtype="float32", attention="eager")


@pytest.mark.parametrize("make", CAUSAL)
def test_a_causal_model_of_any_make_can_be_small(make: str, tmp_path: Path) -> None:
    small_copy(described(tmp_path / "large", make, CAUSAL[make]), tmp_path / "small")
    source = ModelSource(str(tmp_path / "small"), dtype="float32", attention="eager")
    model = load_model(source, torch.float32)
    assert type(model).__name__ == make
    assert model.num_parameters() < 1_000_000
    vocabulary = len(load_tokenizer(source))
    assert model(torch.arange(5)[None].to(model.device)).logits.shape == (1, 5, vocabulary)
    assert positions(source) == positions(ModelSource(str(tmp_path / "large")))


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_a_classifier_keeps_its_labels(make: str, tmp_path: Path) -> None:
    small_copy(described(tmp_path / "large", make, CLASSIFIERS[make]), tmp_path / "small")
    model = load_classifier(ModelSource(str(tmp_path / "small"), dtype="float32", attention="eager"), torch.float32)
    assert model.config.id2label == LABELS
    assert model(torch.arange(1, 6)[None].to(model.device)).logits.shape == (1, 3)


def test_an_adapter_is_made_anew_over_the_small_model(tmp_path: Path) -> None:
    base = described(tmp_path / "large", "LlamaForCausalLM", LlamaConfig(**GROUPED))
    small_copy(base, tmp_path / "small")
    below = ModelSource(str(tmp_path / "small"), dtype="float32")
    settings = LoraConfig(r=3, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM")
    get_peft_model(load_model(below, torch.float32), settings).save_pretrained(tmp_path / "adapter")
    adapter = ModelSource(str(tmp_path / "adapter"), below=below, dtype="float32")
    small_copy(adapter, tmp_path / "again")
    found = load_model(ModelSource(str(tmp_path / "again"), below=below, dtype="float32"), torch.float32)
    assert found(torch.arange(5)[None].to(found.device)).logits.shape[:2] == (1, 5)
    assert not has_tokenizer(ModelSource(str(tmp_path / "again"), below=below))
    tokenizer = load_tokenizer(below)
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    tokenizer.save_pretrained(tmp_path / "adapter")
    small_copy(adapter, tmp_path / "with its own")
    kept = load_tokenizer(ModelSource(str(tmp_path / "with its own"), below=below))
    assert kept.chat_template == tokenizer.chat_template
