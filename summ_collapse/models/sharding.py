"""A model's whole state, wherever its parts lie: on this device, sharded by FSDP2, or partitioned by ZeRO-3."""

from collections.abc import Mapping

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.tensor import DTensor

State = Mapping[str, object]


def whole_state(accelerator: Accelerator, model: nn.Module) -> State:
    """Every parameter and buffer by name, whole; under sharding in the first rank only, on CPU, and empty elsewhere.

    Collective: every rank calls it.
    """
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        return accelerator.get_state_dict(model)
    return gathered_state(accelerator.unwrap_model(model))


def gathered_state(model: nn.Module) -> State:
    """The state of a model that torch's `fully_shard` may have sharded."""
    if any(isinstance(parameter, DTensor) for parameter in model.parameters()):
        return get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    return model.state_dict()


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
