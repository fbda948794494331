"""The preflight before any queue: what would fail after hours of waiting is found in a minute.

check(Request(recipe_path, overrides, out), profile_path)
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError

from summ_collapse.errors import InputError
from summ_collapse.launch import shapes
from summ_collapse.locks import demand
from summ_collapse.plan.check_site import Finding, Verdict, scripts, two_nodes
from summ_collapse.plan.check_stages import batches, room, stages
from summ_collapse.plan.fetch import refused
from summ_collapse.plan.offline import prove
from summ_collapse.plan.plan import Machine, plan
from summ_collapse.recipe.resolve import pinned, references, resolve
from summ_collapse.recipe.schema import Recipe
from summ_collapse.run import Request, recipe_of

SAMPLE = 256  # rows that are tokenised
CONFIGURATIONS = ("config.json", "adapter_config.json")
PATIENCE = 120  # seconds for ranks to start and meet; the meeting itself takes milliseconds


def check(request: Request, profile: Path | None) -> list[Finding]:
    """Every check, each on its own: one that fails keeps none of the others from being made. InputError for a wrong recipe."""
    recipe = recipe_of(request)
    # With a profile, stages run on other machines than this one.
    elsewhere: Verdict = "failed" if profile is None else "warning"
    checks = {
        "data": _data(recipe),
        "prepare": stages(recipe),
        "models": _models(recipe),
        "offline": _offline(recipe),
        "costs": _costs(recipe, request.out, elsewhere),
        "locks": _locks(request.out),
        "shapes": _shapes(recipe, elsewhere),
    }
    if profile is not None:
        checks["slurm"] = scripts(request, profile)
        checks["nodes"] = two_nodes(request.out, profile)
    found: list[Finding] = []
    for name, findings in checks.items():
        try:
            found += findings
        except InputError as error:
            # What two checks meet on their way is told by the first.
            if all(one.detail != str(error) for one in found):
                found.append(Finding(name, "failed", str(error)))
    return found


def _data(recipe: Recipe) -> Iterator[Finding]:
    """Readable, and a sample of it tokenised as training would."""
    splits = pinned(recipe.task, {one.key: resolve(one, recipe.commits) for one in references(recipe.task)}).splits()
    rows = ", ".join(f"{table.num_rows:,} {split}" for split, table in splits.items())
    yield Finding("data", "ok", f"{rows} rows")
    table = next(iter(splits.values()))
    sample = table.filter(pc.is_valid(table["summary"])).slice(0, SAMPLE).to_pylist()
    pairs = [(row["document"], row["summary"]) for row in sample if row["document"] and row["summary"]]
    if not pairs:
        raise InputError(f"none of the first {SAMPLE} rows has a document and a summary")
    yield from _tokens(recipe, *zip(*pairs, strict=True))


def _tokens(recipe: Recipe, documents: tuple[str, ...], summaries: tuple[str, ...]) -> Iterator[Finding]:
    from summ_collapse.models.encoder import Encoder
    from summ_collapse.tasks.prompt import Prompt

    prompt = Prompt.parse(recipe.task.prompt)
    encoder = Encoder(
        _tokenizer(recipe, [*documents, *summaries, prompt.head, prompt.tail]),
        prompt,
        recipe.task.max_document_tokens,
        recipe.task.chat,
    )
    encoded = encoder.encode(documents, summaries)
    lengths = [len(row.ids) - row.prompt_length for row in encoded]
    truncated = sum(row.truncated for row in encoded) / len(encoded)
    too_long = sum(length > recipe.synthesis.max_new_tokens for length in lengths) / len(lengths)
    yield Finding(
        "documents",
        "warning" if truncated else "ok",
        f"{truncated:.1%} of a sample of {len(encoded)} are cut to task.max_document_tokens",
    )
    yield Finding(
        "summaries",
        "warning" if too_long else "ok",
        f"{too_long:.1%} are longer than synthesis.max_new_tokens; training cuts none (longest {max(lengths)} tokens)",
    )
    yield from room(recipe, encoder, max(lengths))


def _tokenizer(recipe: Recipe, texts: list[str]) -> Any:
    """The base model's; for a tiny one, such as it would train, on the sample."""
    if recipe.base.tiny is not None:
        from summ_collapse.models.tiny import train_tokenizer

        tiny = recipe.base.tiny
        return train_tokenizer(texts, tiny.tokenizer, tiny.vocabulary, tiny.positions)
    from summ_collapse.models.loading import ModelSource, load_tokenizer

    assert recipe.base.model is not None
    one = next(one for one in references(recipe.base) if one.where == "model")
    name = resolve(one, recipe.commits)
    return load_tokenizer(ModelSource(name.place, name.commit))


def _models(recipe: Recipe) -> Iterator[Finding]:
    """Local folders are there, hub ids resolve or are cached."""
    for one in references(recipe):
        if one.what == "data":
            continue
        try:
            found = resolve(one, recipe.commits)
        except InputError as error:
            yield Finding("model", "failed", str(error))
            continue
        refusal = None if found.commit is None else _refused(one.name, found.commit)
        yield Finding("model", "failed" if refusal else "ok", refusal or f"{one.name}: {found.commit or 'local folder'}")


def _refused(name: str, commit: str) -> str | None:
    """Why the hub, which names a repository, would not give its files; None where they are here already, or would come."""
    if any(isinstance(try_to_load_from_cache(name, file, revision=commit), str) for file in CONFIGURATIONS):
        return None
    for file in CONFIGURATIONS:
        try:
            get_hf_file_metadata(hf_hub_url(name, file, revision=commit), timeout=10)
            return None
        except EntryNotFoundError:
            continue
        except Exception as error:  # an HTTP client's or the hub's: they share no base class
            return str(refused("model", name, error))
    return f"model {name}: expected {' or '.join(CONFIGURATIONS)}, and it holds neither"


def _offline(recipe: Recipe) -> Iterator[Finding]:
    """What jobs on nodes without a network would find."""
    try:
        yield from prove(recipe)
    except InputError:  # a name that stands for nothing, which the checks of data and models tell
        return


def _costs(recipe: Recipe, out: Path, elsewhere: Verdict) -> Iterator[Finding]:
    """Memory of the largest stage against this machine's, and the disk against all that is still to be written."""
    devices, memory, where = _device_memory()
    found = plan(recipe, out, Machine(devices=devices))
    peaks = {stage.name: stage.memory_bytes["total"] for stage in found.left if stage.memory_bytes}
    if not peaks:
        yield Finding("memory", "warning", "not known: no stage's model has a shape that could be read")
    else:
        largest = max(peaks, key=peaks.__getitem__)
        needs = f"{largest} needs {peaks[largest] / 1e9:.2f} GB a device; {where} has {memory / 1e9:.2f} GB"
        yield Finding("memory", "ok" if peaks[largest] < memory else elsewhere, needs)
    host = max((stage.host_bytes for stage in found.left), default=0)
    here = _machine_memory()
    needs = f"up to {host / 1e9:.1f} GB on a node; this machine has {here / 1e9:.1f} GB"
    yield Finding("host memory", "ok" if host < here else "warning", needs)
    parent = _nearest(out)
    free = shutil.disk_usage(parent).free
    needs = f"about {found.disk_bytes / 1e9:.2f} GB are still to be written; {parent} has {free / 1e9:.2f} GB free"
    yield Finding("disk", "ok" if found.disk_bytes < free else "failed", needs)


def _locks(out: Path) -> Iterator[Finding]:
    """Jobs that work in one folder need locks that exclude each other."""
    demand(_nearest(out))
    yield Finding("locks", "ok", f"{_nearest(out)} has them")


def _nearest(out: Path) -> Path:
    """The folder, or what is there of the way to it."""
    return next(folder for folder in (out.resolve(), *out.resolve().parents) if folder.is_dir())


def _device_memory() -> tuple[int, int, str]:
    """(devices, bytes on each, what it is) of the smallest GPU that is visible, else of this machine."""
    import torch

    gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    if gpus:
        smallest = min(gpus, key=lambda gpu: gpu.total_memory)
        return len(gpus), smallest.total_memory, smallest.name
    return 1, _machine_memory(), "this machine (no GPU is visible)"


def _machine_memory() -> int:
    """Bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _shapes(recipe: Recipe, elsewhere: Verdict) -> Iterator[Finding]:
    """Ranks of every shape that the recipe uses start here, join, and agree on a sum."""
    launch = recipe.launch
    trainings = {launch.training(method) for method in ("full", "lora")}
    for shape in sorted({*trainings, launch.generate, launch.verify, launch.evaluate} - {shapes.SINGLE}):
        try:
            ranks = shapes.ranks_here(shape)
        except InputError as error:
            yield Finding("launch", elsewhere, str(error))
            continue
        yield from batches(recipe, shape, ranks)
        if shapes.alone(shape, ranks):
            yield Finding("launch", "ok", "ddp: one GPU, so stages run in one process")
            continue
        command = shapes.line(shape, ranks, [], module="summ_collapse.launch.meet")
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            yield Finding("launch", "failed", f"{shape}: {ranks} processes did not meet within {PATIENCE} s")
            continue
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        met = done.returncode == 0
        yield Finding("launch", "ok" if met else "failed", f"{shape}: {ranks} processes {'met' if met else f'failed: {last}'}")
