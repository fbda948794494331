"""The exact Llama-2-7B shape with random weights, on one GPU: training, generation and scoring as the package does them.

    python benchmarks/gpu_smoke.py --out benchmarks/results/gpu_smoke.json [--rows 512] [--only lora generate verify full fsdp]

Random weights cost the same arithmetic as trained ones. Every step runs in a process of its own, so that its peak memory is
its own; `fsdp` is the full training again, started by `accelerate launch` with accelerate_configs/fsdp.yaml. MFU is counted
operations (`summ_collapse/plan/costs.py`) over the GPU's peak in its data sheet.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

STEPS = ("lora", "generate", "verify", "full", "fsdp")
DOCUMENT_WORDS, SUMMARY_WORDS = 480, 22
BATCH = 16


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--gpu", default="h200", help="name in the table of `summ-collapse plan --gpu`, for its peak")
    parser.add_argument("--only", nargs="*", default=STEPS, choices=STEPS)
    parser.add_argument("--architecture", type=Path, help="config.json of another Llama, to try the script where memory is small")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rows < 2 * BATCH:
        parser.error(f"--rows: expected at least {2 * BATCH}, two steps of training, got {options.rows}")
    if options.step:
        return step(options)
    results: dict[str, Any] = {"rows": options.rows, "gpu": options.gpu, "steps": {}}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("model", *options.only):
            results["steps"][name] = started(name, Path(folder), options)
            print(name, json.dumps(results["steps"][name]), flush=True)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    return 0


def started(name: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """One step in its own process; what it measured, or why it has nothing."""
    from summ_collapse.launch import shapes

    own = [str(Path(__file__).resolve()), "--out", str(options.out), "--rows", str(options.rows), "--gpu", options.gpu]
    own += ["--step", name, "--folder", str(folder)]
    own += ["--architecture", str(options.architecture)] if options.architecture else []
    launcher = [*shapes.launcher("fsdp", 1), "--main_process_port", "0"] if name == "fsdp" else [sys.executable]
    done = subprocess.run([*launcher, *own], capture_output=True, text=True, check=False)
    found = folder / f"{name}.json"
    if done.returncode == 0 and found.is_file():
        return json.loads(found.read_text())
    return {"failed": "out of memory" if "OutOfMemoryError" in done.stderr else done.stderr.strip().splitlines()[-1:]}


def step(options: argparse.Namespace) -> int:
    """Run one step and write what it measured."""
    import torch

    work = {"model": make_model, "lora": train, "full": train, "fsdp": train, "generate": generate, "verify": verify}
    began = time.monotonic()
    measured = work[options.step](options)
    measured["seconds_with_loading"] = round(time.monotonic() - began, 2)
    if torch.cuda.is_available():
        measured["device"] = torch.cuda.get_device_name()
        measured["peak_memory_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
    if int(os.environ.get("RANK", "0")) == 0:
        (options.folder / f"{options.step}.json").write_text(json.dumps(measured))
    return 0


def make_model(options: argparse.Namespace) -> dict[str, Any]:
    """Random weights in the exact shape, in bfloat16, with a tokenizer trained on the spot."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from summ_collapse.models.loading import device
    from summ_collapse.models.tiny import train_tokenizer

    config = LlamaConfig() if options.architecture is None else LlamaConfig.from_json_file(options.architecture)
    config.max_position_embeddings = max(config.max_position_embeddings, 1024)
    with torch.device(device()):
        torch.set_default_dtype(torch.bfloat16)
        model = LlamaForCausalLM(config)
    model.save_pretrained(options.folder / "model")
    documents, summaries = texts(options.rows)
    train_tokenizer([*documents, *summaries], "word", 2000, 1024).save_pretrained(options.folder / "model")
    return {"parameters": sum(parameter.numel() for parameter in model.parameters())}


def texts(rows: int) -> tuple[list[str], list[str]]:
    """Documents and summaries of an XL-Sum row's length, from a vocabulary of 1,000 words."""
    import numpy as np

    rng = np.random.default_rng(0)

    def drawn(words: int) -> list[str]:
        return [" ".join(f"w{word}" for word in line) for line in rng.integers(0, 1000, (rows, words))]

    return drawn(DOCUMENT_WORDS), drawn(SUMMARY_WORDS)


def reader(options: argparse.Namespace) -> tuple[Any, Any]:
    """(source, encoder) of the model that was made."""
    from summ_collapse.models.encoder import Encoder
    from summ_collapse.models.loading import ModelSource, load_tokenizer
    from summ_collapse.tasks.prompt import Prompt

    source = ModelSource(str(options.folder / "model"))
    return source, Encoder(load_tokenizer(source), Prompt.parse("{document} TL;DR:"), 1024 - 64)


def train(options: argparse.Namespace) -> dict[str, Any]:
    """One epoch over the rows: LoRA, or full with gradient checkpointing (in this process, or in FSDP2's single rank)."""
    import torch

    from summ_collapse.launch.ranks import joined
    from summ_collapse.models.encoded import EncodedRows
    from summ_collapse.models.loading import compute_dtype, load_model
    from summ_collapse.models.training import Fit, fit
    from summ_collapse.recipe.blocks import Training

    source, encoder = reader(options)
    method = "lora" if options.step == "lora" else "full"
    training = Training(
        method=method,
        epochs=1,
        learning_rate=1e-5,
        batch_size=BATCH,
        micro_batch_size=BATCH if method == "lora" else 8,
        gradient_checkpointing=True,
    )
    rows = EncodedRows.of(encoder.encode(*texts(options.rows)))
    dtype = compute_dtype("auto")
    times: list[float] = []
    with joined() as world:
        model = load_model(source, torch.float32 if method == "full" else dtype)
        # The clock starts at the first step's end: the step before it compiles, allocates and warms up.
        settings = Fit(
            training, 0, dtype, options.folder / f"work-{options.step}", 10**6, lambda *_: times.append(time.monotonic()), world
        )
        trained = fit(model, encoder.tokenizer, rows, settings, options.folder / options.step)
    share = (len(times) - 1) / len(times)
    tokens = trained.tokens * share
    return rates(options, "train", tokens, times[-1] - times[0], options.rows * share, training) | {"loss": trained.loss}


def generate(options: argparse.Namespace) -> dict[str, Any]:
    """Greedy completions of 32 tokens."""
    from summ_collapse.models.engines.transformers import load
    from summ_collapse.models.generation import generate as complete
    from summ_collapse.recipe.decoding import Decoding

    source, encoder = reader(options)
    engine = load(source, encoder)
    documents, _ = texts(options.rows)
    decoding = Decoding("greedy", 32, batch_size=64)
    complete(engine, encoder, documents[:64], decoding, 0)
    began = time.monotonic()
    completions = complete(engine, encoder, documents, decoding, 0)
    seconds = time.monotonic() - began
    made = sum(completion.n_tokens for [completion] in completions)
    prompts = sum(len(prompt.ids) for prompt in encoder.encode(documents))
    return rates(options, "generate", prompts + made, seconds, options.rows) | {"generated_tokens_per_second": made / seconds}


def verify(options: argparse.Namespace) -> dict[str, Any]:
    """Perplexity of summaries given their documents."""
    from summ_collapse.models.likelihood import completion_likelihoods
    from summ_collapse.models.loading import compute_dtype, load_model

    source, encoder = reader(options)
    model = load_model(source, compute_dtype("auto"))
    documents, summaries = texts(options.rows)
    completion_likelihoods(model, encoder, documents[:64], summaries[:64], 32)
    began = time.monotonic()
    completion_likelihoods(model, encoder, documents, summaries, 32)
    seconds = time.monotonic() - began
    return rates(options, "score", sum(len(row.ids) for row in encoder.encode(documents, summaries)), seconds, options.rows)


def rates(
    options: argparse.Namespace, kind: Any, tokens: float, seconds: float, rows: float, training: Any = None
) -> dict[str, Any]:
    """Tokens and rows a second, and the share of the GPU's peak that the counted operations come to."""
    from summ_collapse.models.loading import compute_dtype
    from summ_collapse.plan.architecture import find
    from summ_collapse.plan.costs import Workload, flops, gpu

    shape = find(str(options.folder / "model"))
    assert shape is not None
    if training is not None:  # what is computed twice to save memory is no use of the GPU
        training = training.model_copy(update={"gradient_checkpointing": False})
    dtype_bytes = compute_dtype("auto").itemsize
    completion = 32 if kind == "generate" else SUMMARY_WORDS + 1
    prompt = round(tokens / rows) - completion
    work = Workload(
        kind, 1, prompt, completion, prompt, completion, batch=32, training=training, architecture=shape, dtype_bytes=dtype_bytes
    )
    operations = flops(work) or 0
    return {
        "tokens_per_second": tokens / seconds,
        "rows_per_second": rows / seconds,
        "mfu": operations * rows / seconds / gpu(options.gpu).flops_per_second(dtype_bytes),
        "seconds": seconds,
    }


if __name__ == "__main__":
    sys.exit(main())
