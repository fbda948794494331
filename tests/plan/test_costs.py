"""What a workload costs, held against measured facts and what autograd keeps."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from summ_collapse.plan.architecture import KNOWN, Architecture
from summ_collapse.plan.costs import GPUS, Workload, device_seconds, flops, load_seconds, memory
from summ_collapse.recipe.blocks import Training

SEVEN, EIGHT = KNOWN["meta-llama/Llama-2-7b-hf"], KNOWN["meta-llama/Meta-Llama-3-8B"]


def training(**settings: Any) -> Training:
    return Training.model_validate({"learning_rate": 1e-4, "epochs": 1, "batch_size": 4} | settings)


def workload(shape: Architecture = SEVEN, **changes: Any) -> Workload:
    settings: dict[str, Any] = {
        "kind": "train",
        "architecture": shape,
        "dtype_bytes": 2,
        "rows": 1000,
        "prompt": 525,
        "completion": 25,
        "longest_prompt": 1024,
        "longest_completion": 26,
        "training": training(),
    }
    return Workload(**settings | changes)


def test_operations_a_token_agree_with_the_rules_of_thumb() -> None:
    """Of 7B, measured facts say 40 GFLOP to train fully, 27 with LoRA, 13.5 forward; attention adds up to 3%."""
    tokens = 1000 * 550
    again = {"gradient_checkpointing": True}
    for settings, recomputed, expected in (
        ({}, False, 40.4e9),
        ({}, True, 40.4e9),
        ({"method": "lora"}, False, 27.0e9),
        (again, False, 40.4e9),  # the model's own operations, which an MFU is a share of
        (again, True, 53.9e9),
    ):
        found = flops(workload(training=training(**settings)), recomputed)
        assert found is not None
        assert found / tokens == pytest.approx(expected, rel=0.04)
    for kind in ("score", "generate"):
        found = flops(workload(kind=kind))
        assert found is not None
        assert found / tokens == pytest.approx(13.5e9, rel=0.03)


def test_hours_at_full_efficiency_agree_with_floors_worked_out_for_an_h200() -> None:
    """97 documents/s greedily in large batches, 94 rows/s scored by 8B, on 790 TFLOP/s and 4.3 TB/s: here the data sheet's."""
    generation = workload(kind="generate", batch=256, longest_completion=25)
    scoring = workload(EIGHT, kind="score", batch=256)
    for work, documents_a_second, ceiling in ((generation, 97, 989 / 790), (scoring, 94, 989 / 790)):
        seconds = device_seconds(work, GPUS["h200"], 1.0)
        assert seconds is not None
        assert 1000 / seconds == pytest.approx(documents_a_second * ceiling, rel=0.15)
        at_half = device_seconds(work, GPUS["h200"], 0.5)
        assert at_half == pytest.approx(2 * seconds)


def test_eight_candidates_that_share_a_prompt_cost_little_more_than_one() -> None:
    alone, shared = (flops(workload(kind="score", sharing=sharing)) for sharing in (1, 8))
    assert alone is not None
    assert shared is not None
    assert shared / alone == pytest.approx((525 / 8 + 25) / 550, rel=0.03)
    # In memory they stand behind a copy of the prompt each, as in generation.
    generation, scoring = (memory(workload(kind=kind, batch=64, sharing=8), "single", 1) for kind in ("generate", "score"))
    assert scoring["kv_cache"] == generation["kv_cache"] > 0
    assert scoring["activations"] < memory(workload(kind="score", batch=64), "single", 1)["activations"] / 4


def test_decoding_alone_is_bound_by_reading_the_weights() -> None:
    seconds = device_seconds(workload(kind="generate", rows=1, prompt=1, completion=100, batch=1), GPUS["h100"], 1.0)
    assert seconds == pytest.approx(100 * 2 * 6.6e9 / 3.35e12, rel=0.02)


@contextlib.contextmanager
def kept_for_backward(model: torch.nn.Module) -> Iterator[list[int]]:
    """Bytes of the storages that autograd keeps in the block, weights and their casts left out; one entry, at the end."""
    kept: dict[int, tuple[int, torch.Tensor]] = {}
    weights = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    shapes = {size for parameter in model.parameters() for size in (tuple(parameter.shape), tuple(parameter.shape)[::-1])}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights and tuple(tensor.shape) not in shapes:
            kept[storage._cdata] = (storage.nbytes(), tensor)
        return tensor

    total: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), torch.autocast("cpu", torch.bfloat16):
        yield total
    total.append(sum(size for size, _ in kept.values()))


@pytest.mark.parametrize("method", ["full", "lora"])
def test_activations_of_a_layer_are_what_autograd_keeps(method: str) -> None:
    rows, length = 3, 96
    found = []
    for layers in (2, 4):
        config = LlamaConfig(
            vocab_size=600,
            hidden_size=256,
            intermediate_size=688,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=length,
        )
        model: Any = LlamaForCausalLM(config)
        if method == "lora":
            model = get_peft_model(model.to(torch.bfloat16), LoraConfig(task_type="CAUSAL_LM", r=2, target_modules="all-linear"))
        ids = torch.arange(rows * length).reshape(rows, length)
        with kept_for_backward(model) as total:
            output = model(input_ids=ids, labels=ids, use_cache=False)
        assert output.loss.requires_grad
        found.append(total[0])
    shape = Architecture(600, 256, 2, 4, 4, 64, 688, tied_embeddings=False, positions=length)
    work = workload(shape, longest_prompt=90, longest_completion=6, training=training(method=method, batch_size=rows))
    assert memory(work, "single", 1)["activations"] == pytest.approx(found[1] - found[0], rel=0.02)


def test_gradient_checkpointing_saves_most_activations() -> None:
    plain = memory(workload(), "single", 1)
    saving = memory(workload(training=training(gradient_checkpointing=True)), "single", 1)
    assert saving["activations"] < plain["activations"] / 5
    assert {part: size for part, size in saving.items() if part not in ("activations", "total")} == {
        part: size for part, size in plain.items() if part not in ("activations", "total")
    }


def test_full_training_takes_sixteen_bytes_a_parameter_and_a_copy_to_compute_with() -> None:
    found = memory(workload(), "single", 1)
    assert found["weights"] + found["gradients"] + found["optimizer"] == (16 + 2) * SEVEN.parameters
    assert found["total"] == sum(size for part, size in found.items() if part != "total")
    in_float32 = memory(workload(dtype_bytes=4), "single", 1)
    assert in_float32["weights"] + in_float32["gradients"] + in_float32["optimizer"] == 16 * SEVEN.parameters


def test_sharding_divides_and_replication_does_not() -> None:
    work = workload(training=training(batch_size=8, micro_batch_size=1))
    whole, replicated, sharded = (memory(work, shape, 8) for shape in ("single", "ddp", "fsdp"))
    assert whole == replicated
    assert sharded["optimizer"] == whole["optimizer"] // 8
    assert whole["weights"] / 8 < sharded["weights"] < whole["weights"] / 8 + 1e9  # two layers are whole at a time
    assert memory(work, "zero3", 8) == sharded
    assert memory(work, "fsdp", 1) == whole


def test_without_a_micro_batch_the_devices_share_the_batch() -> None:
    alone, together = (memory(workload(), "ddp", devices) for devices in (1, 4))
    assert together["logits"] == alone["logits"] / 4


def test_loading_counts_against_many_small_stages() -> None:
    assert load_seconds(workload()) == pytest.approx(2 * 6.74e9 / 2e9, rel=0.01)
