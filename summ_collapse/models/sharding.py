"""A model's whole state, wherever its parts lie: on this device, sharded by FSDP2, or partitioned by ZeRO-3."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, parse_flag_from_env
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.tensor import DTensor
from transformers import TrainingArguments

State = Mapping[str, object]


def sharding() -> str | None:
    """What shards models over the ranks of this launch: fsdp or zero3; None where nothing does."""
    if parse_flag_from_env("ACCELERATE_USE_FSDP"):
        return "fsdp"
    return "zero3" if parse_flag_from_env("ACCELERATE_USE_DEEPSPEED") else None


def whole_state(accelerator: Accelerator, model: nn.Module) -> State:
    """Every parameter and buffer by name, whole; under sharding in the first rank only, on CPU, and empty elsewhere.

    Collective: every rank calls it.
    """
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        return _partitioned_state(accelerator, model)
    return gathered_state(accelerator.unwrap_model(model))


def _partitioned_state(accelerator: Accelerator, model: nn.Module) -> State:
    """As DeepSpeed has it, in the compute type; what was trained from its float32 masters."""
    from deepspeed.utils import safe_get_full_fp32_param

    state = dict(accelerator.get_state_dict(model) or {})  # there in the first rank alone
    unwrapped = accelerator.unwrap_model(model)
    for name, parameter in unwrapped.named_parameters():
        if parameter.requires_grad:
            master = safe_get_full_fp32_param(parameter)  # gathers: every rank asks
            if name in state:
                state[name] = master.cpu()
    return _tied(state, unwrapped)


def sum_in_float32(arguments: TrainingArguments) -> None:
    """Have gradients of several passes summed after they were reduced: sharded, in float32, and once a step's number of them.

    Left to itself, FSDP2 keeps them whole on every device until a step's last pass: 13.5 GB of a 7B model in bfloat16.
    """
    arguments.accelerator_config.gradient_accumulation_kwargs = {"sync_each_batch": sharding() == "fsdp"}
    plugin = arguments.deepspeed_plugin
    if plugin is not None:
        plugin.deepspeed_config["communication_data_type"] = "fp32"
        plugin.deepspeed_config["data_types"] = {"grad_accum_dtype": "fp32"}


def reduce_in_float32(accelerator: Accelerator) -> None:
    """Have FSDP2 add up ranks' gradients in float32, and leave losses as they are.

    Accelerate's policy is the compute type for everything: bfloat16 keeps 8 bits of a sum over 128 rows, and of a loss.
    """
    plugin = getattr(accelerator.state, "fsdp_plugin", None)
    if plugin is not None and plugin.mixed_precision_policy is not None:
        plugin.mixed_precision_policy = replace(plugin.mixed_precision_policy, reduce_dtype=torch.float32, output_dtype=None)


def gathered_state(model: nn.Module) -> State:
    """The state of a model that torch's `fully_shard` may have sharded."""
    if any(isinstance(parameter, DTensor) for parameter in model.parameters()):
        return _tied(get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True)), model)
    return model.state_dict()


def _tied(state: State, model: nn.Module) -> State:
    """With one tensor for each parameter that has several names, so that it is saved once."""
    first: dict[int, str] = {}
    of = {name: first.setdefault(id(parameter), name) for name, parameter in model.named_parameters(remove_duplicate=False)}
    return {name: state.get(of.get(name, name), tensor) for name, tensor in state.items()}


def cast(state: State, dtype: torch.dtype) -> State:
    """Floating-point entries in `dtype`; entries that share memory (tied embeddings) still do."""
    made: dict[int, torch.Tensor] = {}
    for tensor in state.values():
        if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
            made.setdefault(tensor.data_ptr(), tensor.to(dtype))
    return {
        name: made[tensor.data_ptr()] if isinstance(tensor, torch.Tensor) and tensor.is_floating_point() else tensor
        for name, tensor in state.items()
    }
