"""A model of the same make as another, with hardly any weights: what works on one works on the other, in a moment and on a CPU.

The configuration's class, its positions, labels and special tokens stay, and so do the tokenizer and generation settings; layers
are few and narrow, and their weights random.
"""

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, GenerationConfig

from summ_collapse.models.loading import ModelSource, adapter_settings, configuration, has_tokenizer, load_model, load_tokenizer

LAYERS, KEY_HEADS, HEADS_A_KEY, HEAD_SIZE = 2, 2, 2, 16  # at most
TRIED = 4  # tokens that a new model has to be able to read


def small_copy(source: ModelSource, folder: Path) -> None:
    """Write a small model, or a new adapter over the small model below it.

    InputError where the model itself could not be read; whatever a make raises that cannot be so small.
    """
    if source.below is not None:
        _adapter(source, folder)
        return
    config, tokenizer = configuration(source), load_tokenizer(source)
    make = getattr(transformers, (config.architectures or ["none"])[0], AutoModelForCausalLM)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = make.from_config(smaller(config)) if make is AutoModelForCausalLM else make(smaller(config))
    with torch.inference_mode():
        model.eval()(input_ids=torch.arange(1, TRIED + 1)[None])
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder, safe_serialization=True)
    _generation(source, folder)


def smaller(config: Any) -> Any:
    """The configuration with few, narrow layers. Query heads stay a multiple of key heads, and wide as many times as before."""
    heads = getattr(config, "num_attention_heads", 1)
    key_heads = getattr(config, "num_key_value_heads", None) or heads
    few = min(key_heads, KEY_HEADS)
    several = few * min(heads // key_heads, HEADS_A_KEY)
    size = min(getattr(config, "head_dim", None) or config.hidden_size // heads, HEAD_SIZE)
    layers = min(config.num_hidden_layers, LAYERS)
    dimensions = {
        "num_hidden_layers": layers,
        "num_attention_heads": several,
        "num_key_value_heads": few,
        "num_kv_heads": few,
        "head_dim": size,
        "rotary_dim": size,
        "hidden_size": several * size,
        "word_embed_proj_dim": several * size,
        "pooler_hidden_size": several * size,
        "intermediate_size": 2 * several * size,
        "ffn_dim": 2 * several * size,
    }
    for name, value in dimensions.items():
        if getattr(config, name, None) is not None:
            setattr(config, name, value)
    if vars(config).get("layer_types"):  # one a layer, where layers attend in several ways
        config.layer_types = config.layer_types[:layers]
    vars(config).pop("quantization_config", None)  # of weights that are not here
    return config


def _generation(source: ModelSource, folder: Path) -> None:
    """How the model generates where nobody says otherwise, which is saved beside some models and not beside others."""
    try:
        settings = GenerationConfig.from_pretrained(source.name, revision=source.revision)
    except OSError:
        return
    settings.save_pretrained(folder)


def _adapter(source: ModelSource, folder: Path) -> None:
    from peft import get_peft_model

    assert source.below is not None
    settings = adapter_settings(source)
    below = load_model(source.below, torch.float32, merge=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        get_peft_model(below, settings).save_pretrained(folder)
    if has_tokenizer(source):
        load_tokenizer(source).save_pretrained(folder)
