"""What a Llama-like model is made of, and how many parameters and bytes follow from it; no weights, no model library.

find("meta-llama/Llama-2-7b-hf").parameters      # 6,738,415,616
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from huggingface_hub import try_to_load_from_cache
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from summ_collapse.recipe.blocks import Tiny

# Architectures whose layers are Llama's. Qwen adds biases or norms over single heads, a few thousandths of a percent.
LlamaLike = Literal["llama", "mistral", "qwen2", "qwen3"]
Whole = Annotated[int, Field(strict=True, gt=0)]


@dataclass(frozen=True)
class Architecture:
    """The shape of a Llama: rotary attention with grouped key-value heads, a gated MLP, RMS norms, no biases."""

    vocabulary: int
    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    intermediate_size: int
    tied_embeddings: bool
    positions: int

    @property
    def query_width(self) -> int:
        """Features of all query heads together (H·Q in the PaLM paper)."""
        return self.heads * self.head_size

    @property
    def kv_width(self) -> int:
        """Features of all key heads together; the values have as many."""
        return self.kv_heads * self.head_size

    @property
    def layer_matmul_parameters(self) -> int:
        """Parameters of the seven linear maps of one layer: q, k, v, o, gate, up, down."""
        return sum(inputs * outputs for inputs, outputs in self._linear_shapes())

    @property
    def layers_matmul_parameters(self) -> int:
        """Parameters of the linear maps of all layers, without the map to the vocabulary."""
        return self.layers * self.layer_matmul_parameters

    @property
    def vocabulary_parameters(self) -> int:
        """Parameters of one vocabulary by hidden_size matrix: the embedding, or the map to logits."""
        return self.vocabulary * self.hidden_size

    @property
    def matmul_parameters(self) -> int:
        """Parameters that a token is multiplied with: all linear maps and that to the logits; looking up an embedding is free."""
        return self.layers_matmul_parameters + self.vocabulary_parameters

    @property
    def parameters(self) -> int:
        """All parameters; tied embeddings count once."""
        norms = (2 * self.layers + 1) * self.hidden_size
        matrices = 1 if self.tied_embeddings else 2
        return self.layers_matmul_parameters + norms + matrices * self.vocabulary_parameters

    def lora_parameters(self, rank: int) -> int:
        """Trainable parameters of LoRA on all linear layers (Hu et al. 2021): rank x (inputs + outputs) each, not the logits'."""
        return self.layers * sum(rank * (inputs + outputs) for inputs, outputs in self._linear_shapes())

    def kv_bytes_per_token(self, dtype_bytes: int) -> int:
        """Bytes of keys and values that one token leaves in the cache of all layers."""
        return 2 * self.layers * self.kv_width * dtype_bytes

    def _linear_shapes(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of q, k, v, o, gate, up and down."""
        hidden, query, key, middle = self.hidden_size, self.query_width, self.kv_width, self.intermediate_size
        return [
            (hidden, query),
            (hidden, key),
            (hidden, key),
            (query, hidden),
            (hidden, middle),
            (hidden, middle),
            (middle, hidden),
        ]


# From the config.json of each repository; a plan is to know the paper's models without the network.
KNOWN = {
    # Touvron et al. 2023, https://arxiv.org/abs/2307.09288
    "meta-llama/Llama-2-7b-hf": Architecture(32_000, 4096, 32, 32, 32, 128, 11_008, tied_embeddings=False, positions=4096),
    # Grattafiori et al. 2024, https://arxiv.org/abs/2407.21783
    "meta-llama/Meta-Llama-3-8B": Architecture(128_256, 4096, 32, 32, 8, 128, 14_336, tied_embeddings=False, positions=8192),
    # Allal et al. 2025, https://arxiv.org/abs/2502.02737
    "HuggingFaceTB/SmolLM2-135M": Architecture(49_152, 576, 30, 9, 3, 64, 1536, tied_embeddings=True, positions=8192),
}


def find(name: str, revision: str | None = None) -> Architecture | None:
    """The shape of a hub id or local folder: a known one, or what its config.json on this machine says; else None."""
    if name in KNOWN:
        return KNOWN[name]
    if Path(name).is_absolute():
        return read(Path(name) / "config.json")
    # Looks in the hub's cache alone, never on the network.
    cached = try_to_load_from_cache(name, "config.json", revision=revision)
    return read(Path(cached)) if isinstance(cached, str) else None


class _Config(BaseModel):
    """The config.json of a Llama-like model. A key that is absent or null has the value that transformers gives it."""

    model_config = ConfigDict(protected_namespaces=())  # of names with `model_`, which one key has
    model_type: LlamaLike
    vocab_size: Whole
    hidden_size: Whole
    num_hidden_layers: Whole
    num_attention_heads: Whole
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    intermediate_size: Whole
    tie_word_embeddings: bool | None = None
    max_position_embeddings: Whole


def read(path: Path) -> Architecture | None:
    """The shape that a config.json describes; None where there is none, or it is not a Llama-like model's."""
    try:
        config = _Config.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return Architecture(
        vocabulary=config.vocab_size,
        hidden_size=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads or config.num_attention_heads,
        head_size=config.head_dim or config.hidden_size // config.num_attention_heads,
        intermediate_size=config.intermediate_size,
        tied_embeddings=bool(config.tie_word_embeddings),
        positions=config.max_position_embeddings,
    )


def of_tiny(tiny: Tiny) -> Architecture:
    """The shape of a recipe's `tiny` model, with the largest vocabulary that the recipe allows (see `models/tiny.py`)."""
    return Architecture(
        vocabulary=tiny.vocabulary,
        hidden_size=tiny.width,
        layers=tiny.layers,
        heads=tiny.heads,
        kv_heads=tiny.heads,
        head_size=tiny.width // tiny.heads,
        intermediate_size=3 * tiny.width,
        tied_embeddings=True,
        positions=tiny.positions,
    )
