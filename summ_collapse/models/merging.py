"""Adapters put into the weights below them for inference, where those can hold them.

A weight of bfloat16 has 8 bits: what an adapter adds is lost where it is less than half of the last one. Over many weights such
losses are noise, smaller than that of bfloat16 arithmetic itself, until most of them round down; how far it has come to that
is measured, on the very weights. Unmerged, every linear map is three.
"""

from typing import Any

import torch

LEAST_KEPT = 0.99  # share of what an adapter adds that has to be in the merged weights


def merged(model: Any) -> Any:
    """The peft model without its adapter's own layers where merging keeps `LEAST_KEPT` of it, else as it is."""
    exact = model.dtype == torch.float32
    return model.merge_and_unload() if exact or kept_by_merging(model) >= LEAST_KEPT else model


@torch.inference_mode()
def kept_by_merging(model: Any) -> float:
    """The share of an adapter that merged weights hold: of all it adds, the projection of what they change by.

    0 for an adapter of another kind than LoRA, of which this is not known.
    """
    from peft.tuners.lora import LoraLayer

    layers = [layer for layer in model.modules() if isinstance(layer, LoraLayer)]
    kept = whole = 0.0
    for layer in layers:
        weight = layer.get_base_layer().weight
        for name in layer.active_adapters:
            added = layer.get_delta_weight(name).float()
            changed = (weight + added.to(weight.dtype)).float() - weight.float()
            kept += float((changed * added).sum())
            whole += float((added * added).sum())
    return kept / whole if whole else float(bool(layers))
