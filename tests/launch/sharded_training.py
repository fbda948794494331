"""Trains a tiny Llama under torch's `fully_shard` on gloo ranks and saves it with the code that saves under FSDP.

torchrun --standalone --nproc-per-node 2 tests/launch/sharded_training.py FOLDER full|lora
"""

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from peft import LoraConfig, get_peft_model
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from summ_collapse.models.loading import save
from summ_collapse.models.sharding import gathered_state
from summ_collapse.models.tiny import make_model, train_tokenizer
from summ_collapse.recipe.blocks import Pretrain, Tiny

TINY = Tiny(layers=2, width=32, heads=2, positions=64, vocabulary=300, pretrain=Pretrain(steps=1))
TEXTS = ["the quick brown fox jumps over the lazy dog", "a stitch in time saves nine"] * 4
STEPS = 3


def main(folder: Path, method: str) -> None:
    """Write the base to `folder/base`, the trained model to `folder/trained`, and rank 0's logits to `folder/logits.pt`."""
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    tokenizer = train_tokenizer(TEXTS, "word", 300, 64)
    model = make_model(TINY, tokenizer)
    if rank == 0:
        save(model, tokenizer, folder / "base")
    if method == "lora":
        torch.manual_seed(0)
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear"))
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    for layer in model.get_submodule("base_model.model.model.layers" if method == "lora" else "model.layers"):
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    optimizer = torch.optim.AdamW([parameter for parameter in model.parameters() if parameter.requires_grad], lr=1e-2)
    ids = tokenizer(TEXTS[rank : rank + 1], return_tensors="pt").input_ids
    for _ in range(STEPS):
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    probe = tokenizer(TEXTS[0], return_tensors="pt").input_ids
    with torch.no_grad():
        logits = model(input_ids=probe).logits
    state = gathered_state(model)
    if rank == 0:
        save(model, tokenizer, folder / "trained", state, torch.float32 if method == "full" else None, "base")
        torch.save({"ids": probe, "logits": logits, "loss": loss.item()}, folder / "logits.pt")
    dist.barrier()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
    sys.stdout.flush()
    os._exit(0)  # gloo's threads can outlive the interpreter, whose end then aborts the process now and again
