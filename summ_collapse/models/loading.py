"""Loading and saving: any hub or local causal model, adapters on top of it, tokenizer and generation settings with it.

What libraries write beside weights is made canonical here, so that equal models have equal bytes.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import parse_flag_from_env
from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import RemoteEntryNotFoundError
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from summ_collapse.errors import InputError, first_line
from summ_collapse.models.compute import resolved
from summ_collapse.models.merging import merged
from summ_collapse.models.sharding import State, cast, sharding
from summ_collapse.store import write_atomic

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
TOKENIZER_CONFIG = "tokenizer_config.json"
# Keys that say how this process came by a model, not what the model is; offline machines write others than online ones.
HOW_IT_WAS_LOADED = ("_name_or_path", "name_or_path", "local_files_only", "is_local")


@dataclass(frozen=True)
class ModelSource:
    """Where a model comes from: a folder or hub id, and for an adapter the model below it."""

    name: str
    revision: str | None = None
    below: "ModelSource | None" = None
    dtype: str = "auto"
    attention: str | None = "sdpa"  # None: whatever the model takes by itself


def device() -> torch.device:
    """This process's device: its own GPU in a launch of many, the CPU where there is none or the launch says so."""
    if parse_flag_from_env("ACCELERATE_USE_CPU"):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        return torch.device("cpu")
    # By the launcher's word: to ask CUDA which device is current would open a context on the first GPU in every rank.
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def compute_dtype(name: str) -> torch.dtype:
    """The compute type that a recipe's `dtype` means on this machine."""
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[resolved(name)]


def load_tokenizer(source: ModelSource) -> PreTrainedTokenizerBase:
    """The tokenizer that was saved with the model, or for an adapter without one that of the model below it."""
    with _named(source):
        if source.below is not None and not has_tokenizer(source):
            return load_tokenizer(source.below)
        return AutoTokenizer.from_pretrained(source.name, revision=source.revision, trust_remote_code=False)


def has_tokenizer(adapter: ModelSource) -> bool:
    """Whether a tokenizer lies beside an adapter. An unreachable hub raises: guessing could take the wrong one."""
    if Path(adapter.name).is_dir():
        return (Path(adapter.name) / TOKENIZER_CONFIG).is_file()
    cached = try_to_load_from_cache(adapter.name, TOKENIZER_CONFIG, revision=adapter.revision)
    if cached is not None:  # a path, or the mark that the repository has no such file
        return isinstance(cached, str)
    try:
        hf_hub_download(adapter.name, TOKENIZER_CONFIG, revision=adapter.revision)
    except RemoteEntryNotFoundError:
        return False
    return True


def load_model(source: ModelSource, dtype: torch.dtype, merge: bool = False) -> PreTrainedModel:
    """The model in `dtype`, adapters applied, on this device.

    For inference an adapter is merged where the weights can hold it (`merging.py`). Training on top of one wants it merged
    whatever the type (`merge`).
    """
    if source.below is not None:
        # An adapter was trained on what lies below it in one piece, and peft cannot stack two of one name.
        model = _adapted(load_model(source.below, dtype, merge=True), source)
        return model.merge_and_unload() if merge else merged(model)
    # What is to be sharded stays where the sharding finds it: whole it may not fit the device. All else is read onto the device
    # at once; by way of the CPU eight ranks would need eight times the model in a node's memory.
    aside = sharding() is not None or device().type == "cpu"
    return _from_pretrained(source, dtype, **({} if aside else {"device_map": {"": device()}}))


def adapter_settings(adapter: ModelSource) -> Any:
    """Peft's configuration of an adapter; InputError where it does something else than change weights."""
    from peft import PeftConfig

    with _named(adapter):
        settings = PeftConfig.from_pretrained(_adapter_folder(adapter))
    if settings.is_prompt_learning:
        raise InputError(f"adapter {adapter.name!r}: expected one that changes weights, such as LoRA, got {settings.peft_type}")
    return settings


def _adapted(below: PreTrainedModel, adapter: ModelSource) -> Any:
    from peft import PeftModel

    adapter_settings(adapter)
    with _named(adapter):
        try:
            return PeftModel.from_pretrained(below, _adapter_folder(adapter))
        except RuntimeError as error:
            # How torch says that weights don't fit; other errors of this type, such as a full GPU, are no fault of the adapter.
            if "size mismatch" not in str(error):
                raise
            reason = str(error).splitlines()[1].strip()
            raise InputError(f"adapter {adapter.name!r} does not fit the model below it: {reason}") from error


def _adapter_folder(adapter: ModelSource) -> str:
    """Where an adapter's files lie. Peft alone would take pickled weights where there are no safetensors."""
    folder = Path(adapter.name)
    if not folder.is_dir():
        files = [hf_hub_download(adapter.name, name, revision=adapter.revision) for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS)]
        folder = Path(files[0]).parent
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise InputError(f"adapter {adapter.name!r}: expected its weights as {ADAPTER_WEIGHTS}, which is not there")
    return str(folder)


def load_quantised(source: ModelSource, dtype: torch.dtype) -> PreTrainedModel:
    """The model in 4 bits for QLoRA (Dettmers et al. 2023: nf4, double quantisation), computing in `dtype`."""
    from transformers import BitsAndBytesConfig

    if source.below is not None:
        raise InputError(f"method: qlora starts from a whole model; {source.name} is an adapter")
    scheme = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )
    try:
        return _from_pretrained(source, dtype, quantization_config=scheme, device_map={"": device()})
    except ImportError as error:
        raise InputError("method: qlora needs bitsandbytes: pip install 'summ-collapse[qlora]'") from error


def load_classifier(source: ModelSource, dtype: torch.dtype) -> PreTrainedModel:
    """A sequence classifier in `dtype`, on this device; InputError where its head is not among the weights."""
    model, found = _from_pretrained(source, dtype, AutoModelForSequenceClassification, output_loading_info=True)
    if found["missing_keys"]:  # transformers would draw them at random
        lacking = ", ".join(sorted(found["missing_keys"]))
        raise InputError(f"model {source.name!r}: expected a sequence classifier; its weights lack {lacking}")
    return model.to(device())


def load_bare(source: ModelSource, dtype: torch.dtype) -> PreTrainedModel:
    """The model without any head, whatever it was trained for, on this device."""
    model: PreTrainedModel = _from_pretrained(source, dtype, AutoModel).to(device())
    return model


def _from_pretrained(source: ModelSource, dtype: torch.dtype, auto: Any = AutoModelForCausalLM, **further: Any) -> Any:
    with _named(source):
        return auto.from_pretrained(
            source.name,
            revision=source.revision,
            dtype=dtype,
            attn_implementation=source.attention,
            use_safetensors=True,
            trust_remote_code=False,
            **further,
        )


def positions(source: ModelSource) -> int | None:
    """How many tokens the model can read, where its configuration says so."""
    while source.below is not None:
        source = source.below
    return getattr(configuration(source), "max_position_embeddings", None)


def configuration(source: ModelSource) -> Any:
    """What transformers makes of a whole model's configuration."""
    with _named(source):
        return AutoConfig.from_pretrained(source.name, revision=source.revision, trust_remote_code=False)


def save(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    state: State | None = None,
    dtype: torch.dtype | None = None,
    below: str | None = None,
) -> None:
    """Write weights (safetensors), configuration, generation settings and tokenizer.

    `state` holds the whole weights where the model itself may not (`sharding.whole_state`), `dtype` is what to store them
    in if not as they are, and `below` names an adapter's base.
    """
    state = model.state_dict() if state is None else state
    model.save_pretrained(folder, state_dict=state if dtype is None else cast(state, dtype), safe_serialization=True)
    tokenizer.save_pretrained(folder)
    canonicalise(folder, dtype, below)


def canonicalise(folder: Path, dtype: torch.dtype | None, below: str | None) -> None:
    """Sort what libraries write in random order; drop what is not content; name the type that the weights are stored in."""
    for name in ("training_args.bin", "README.md"):
        (folder / name).unlink(missing_ok=True)
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if path.name == ADAPTER_CONFIG:
            content["base_model_name_or_path"] = below
            for key in ("target_modules", "modules_to_save", "exclude_modules"):
                if isinstance(content.get(key), list):
                    content[key].sort()
        if path.name == "config.json" and dtype is not None:
            content["dtype"] = str(dtype).removeprefix("torch.")
        for key in HOW_IT_WAS_LOADED:
            content.pop(key, None)
        if path.name not in ("tokenizer.json", "vocab.json"):
            write_atomic(path, (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())


@contextmanager
def _named(source: ModelSource) -> Iterator[None]:
    """Turns the many ways in which a model cannot be loaded into one message that names it."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise InputError(f"model {source.name!r} cannot be loaded: {first_line(error)}") from error
