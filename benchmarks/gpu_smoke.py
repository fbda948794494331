"""The exact Llama-2-7B shape with random weights, on one GPU: training, generation and scoring as the package does them.

    python benchmarks/gpu_smoke.py --out benchmarks/results/gpu_smoke.json [--rows 512] [--only lora qlora generate …]

Random weights cost the same arithmetic as trained ones. Every step runs in a process of its own, so that its peak memory is
its own; `fsdp` is the full training again, started by `accelerate launch` with accelerate_configs/fsdp.yaml, `verify8b` the
perplexity of a Llama-3-8B shape, and `pipeline` a whole experiment through the command line with the shape of a 135M Llama.
MFU is counted operations (`summ_collapse/plan/costs.py`) over the GPU's peak in its data sheet. Beside each measurement
stands what `summ-collapse plan` says of it, and the quotient of both.
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

STEPS = ("lora", "qlora", "generate", "verify", "verify8b", "pipeline", "full", "fsdp")
MODELS = {"verify8b": "model8b", "pipeline": "model135m"}  # what a step reads; the others read `model`
EFFICIENCY = 0.4  # what `plan` counts on unless told otherwise
DOCUMENT_WORDS, SUMMARY_WORDS = 480, 22
BATCH = 16
SHAPES: dict[str, dict[str, Any]] = {
    "model": {},  # transformers' default is Llama-2-7B's
    "model8b": {"vocab_size": 128_256, "intermediate_size": 14_336, "num_key_value_heads": 8, "rope_theta": 500_000.0},
    "model135m": {
        "vocab_size": 49_152,
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "tie_word_embeddings": True,
    },
}


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
        wanted = dict.fromkeys(MODELS.get(name, "model") for name in options.only)
        for name in (*wanted, *options.only):
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

    work = dict.fromkeys(("model", "model8b", "model135m"), make_model)
    work |= {"lora": train, "qlora": train, "full": train, "fsdp": train, "generate": generate, "pipeline": pipeline}
    work |= {"verify": verify, "verify8b": verify}
    began = time.monotonic()
    measured = work[options.step](options)
    measured["seconds_with_loading"] = round(time.monotonic() - began, 2)
    if torch.cuda.is_available():
        measured["device"] = torch.cuda.get_device_name()
        measured["peak_memory_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
        if "planned_memory_gb" in measured:
            measured["memory_over_plan"] = measured["peak_memory_gb"] / measured["planned_memory_gb"]
    if int(os.environ.get("RANK", "0")) == 0:
        (options.folder / f"{options.step}.json").write_text(json.dumps(measured))
    return 0


def make_model(options: argparse.Namespace) -> dict[str, Any]:
    """Random weights in the exact shape of the step's model, in bfloat16, with a tokenizer trained on the spot."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from summ_collapse.models.loading import device
    from summ_collapse.models.tiny import train_tokenizer

    config = (
        LlamaConfig(**SHAPES[options.step]) if options.architecture is None else LlamaConfig.from_json_file(options.architecture)
    )
    config.max_position_embeddings = max(config.max_position_embeddings, 1024)
    with torch.device(device()):
        torch.set_default_dtype(torch.bfloat16)
        model = LlamaForCausalLM(config)
    model.save_pretrained(options.folder / options.step)
    documents, summaries = texts(options.rows)
    train_tokenizer([*documents, *summaries], "word", 2000, 1024).save_pretrained(options.folder / options.step)
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

    source = ModelSource(str(options.folder / MODELS.get(options.step, "model")))
    return source, Encoder(load_tokenizer(source), Prompt.parse("{document} TL;DR:"), 1024 - 64)


def train(options: argparse.Namespace) -> dict[str, Any]:
    """One epoch over the rows, with gradient checkpointing: LoRA, QLoRA or full (in this process, or in FSDP2's single rank)."""
    import torch

    from summ_collapse.launch.ranks import joined
    from summ_collapse.models.encoded import EncodedRows
    from summ_collapse.models.loading import compute_dtype, load_model, load_quantised
    from summ_collapse.models.training import Fit, fit
    from summ_collapse.recipe.blocks import Training

    source, encoder = reader(options)
    method = options.step if options.step in ("lora", "qlora") else "full"
    training = Training(
        method=method,
        epochs=1,
        learning_rate=1e-5,
        batch_size=BATCH,
        micro_batch_size=8 if method == "full" else BATCH,
        gradient_checkpointing=True,
    )
    rows = EncodedRows.of(encoder.encode(*texts(options.rows)))
    dtype = compute_dtype("auto")
    times: list[float] = []
    with joined() as world:
        if method == "qlora":
            model = load_quantised(source, dtype)
        else:
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
    return rates(options, "generate", prompts + made, seconds, options.rows, batch=64) | {
        "generated_tokens_per_second": made / seconds
    }


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


def pipeline(options: argparse.Namespace) -> dict[str, Any]:
    """A whole small experiment: fine-tune, generate, verify, select, retrain, score; every stage with its tokens a second."""
    import yaml

    train = {"steps": 20, "learning_rate": 1e-4, "batch_size": 16}
    recipe = {
        "name": "pipeline",
        "task": {"kind": "newswire", "rows": 400, "test": 100, "max_document_tokens": 200},
        "base": {"model": f"./{MODELS['pipeline']}"},
        "generator": {"slice": 0.25, "train": {"method": "full", **train}},
        "synthesis": {"max_new_tokens": 32},
        "verifiers": {"oracle": {"kind": "rouge"}, "self": {"kind": "perplexity", "model": "generator"}},
        "selection": {"rates": [0.25]},
        "retrain": {"method": "lora", "rank": 16, **train},
    }
    path = options.folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump(recipe))
    run = options.folder / "run"
    subprocess.run([sys.executable, "-m", "summ_collapse", "run", str(path), "--out", str(run)], check=True)
    manifests = [json.loads(found.read_text()) for found in sorted(run.glob("stages/*/*/*/manifest.json"))]
    stages = {one["stage"]: {"seconds": one["seconds"], "tokens_per_second": one["tokens_per_second"]} for one in manifests}
    return {"stages": stages, "seconds": sum(one["seconds"] for one in manifests)}


def rates(
    options: argparse.Namespace, kind: Any, tokens: float, seconds: float, rows: float, training: Any = None, batch: int = 32
) -> dict[str, Any]:
    """Tokens and rows a second, the share of the GPU's peak that the counted operations come to, and what a plan says."""
    from summ_collapse.models.loading import compute_dtype
    from summ_collapse.plan.architecture import find
    from summ_collapse.plan.costs import Workload, device_seconds, flops, gpu, memory

    shape = find(str(options.folder / MODELS.get(options.step, "model")))
    assert shape is not None
    dtype_bytes = compute_dtype("auto").itemsize
    completion = 32 if kind == "generate" else SUMMARY_WORDS + 1
    prompt = round(tokens / rows) - completion
    work = Workload(
        kind=kind,
        rows=round(rows),
        prompt=prompt,
        completion=completion,
        longest_prompt=prompt,
        longest_completion=completion,
        batch=batch,
        training=training,
        architecture=shape,
        dtype_bytes=dtype_bytes,
    )
    operations = flops(work) or 0
    planned = device_seconds(work, gpu(options.gpu), EFFICIENCY)
    assert planned is not None
    return {
        "tokens_per_second": tokens / seconds,
        "rows_per_second": rows / seconds,
        "mfu": operations / seconds / gpu(options.gpu).flops_per_second(dtype_bytes),
        "seconds": seconds,
        "planned_seconds": planned,
        "seconds_over_plan": seconds / planned,
        "planned_memory_gb": memory(work, "fsdp" if options.step == "fsdp" else "single", 1)["total"] / 1e9,
    }


if __name__ == "__main__":
    sys.exit(main())
