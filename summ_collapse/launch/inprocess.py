"""Runs stages in this process, one after the other: what is whole is reused, what is half-done goes on where it stopped.

run(Request(recipe_path, overrides, out))
"""

import gc
import importlib
import json
import os
import platform
import resource
import shutil
import subprocess
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from summ_collapse import hub, store
from summ_collapse.errors import InputError, StageError
from summ_collapse.experiment import Experiment, Identities, Stage, named_models
from summ_collapse.launch.progress import Reporter
from summ_collapse.recipe import Recipe, load
from summ_collapse.stages.stage import Context, Outcome
from summ_collapse.store import Artifact, Place

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "rouge-score", "numpy", "pyarrow", "tokenizers")


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    recipe: Path
    overrides: Sequence[str]
    out: Path
    only: Sequence[str] = ()
    until: str | None = None
    verify: bool = False


@dataclass
class Run:
    """A recipe's stages with the places of their results in one run folder."""

    experiment: Experiment
    out: Path
    local: Mapping[str, str]
    reporter: Reporter = field(default_factory=Reporter)

    def place(self, stage: Stage) -> Place:
        return Place(self.out, stage.kind, stage.folder, stage.fingerprint)

    def artifact(self, name: str) -> Artifact | None:
        return self.place(self.experiment.stages[name]).artifact()


def open_run(recipe: Recipe, out: Path) -> Run:
    """Resolve what the recipe names and lay out its stages; InputError where a file or hub id is not there."""
    store.check_run_folder(out)
    data = recipe.task.identity()
    models = {name: hub.identity(name, revision, "model") for name, revision in named_models(recipe).items()}
    for name in models:
        _check_room(recipe, name)
    local = {identity["sha256"]: name for name, identity in models.items() if "sha256" in identity}
    if hasattr(recipe.task, "data"):
        local["data"] = recipe.task.data
    return Run(Experiment(recipe, Identities(data, models)), out, local)


def _check_room(recipe: Recipe, model: str) -> None:
    """A local model that is too short for the recipe's documents is known before anything runs."""
    config = Path(model) / "config.json"
    positions = store.read_json(config).get("max_position_embeddings") if config.is_file() else None
    budget, completion = recipe.task.max_document_tokens, recipe.synthesis.max_new_tokens
    if positions is not None and budget + completion >= positions:
        raise InputError(
            f"task.max_document_tokens: a document of {budget} tokens and a completion of {completion} leave no room for the "
            f"prompt in the {positions} positions of model {model}"
        )


def run(request: Request) -> Run:
    """Run what is asked for and is not there yet."""
    recipe = load(request.recipe, request.overrides)
    opened = open_run(recipe, request.out)
    stages = opened.experiment.chosen(request.only, request.until)
    if request.only:
        _check_inputs(opened, stages)
    for stage in stages:
        ran = _ensure(opened, stage, request)
        if stage.kind == "prepare":
            _check_sizes(opened, stage, ran)
            _remember(opened, request)
        if stage.kind == "report":
            _show_report(opened, stage)
    return opened


def _show_report(opened: Run, stage: Stage) -> None:
    """`report/` holds this recipe's report, also where another recipe's was made in the same folder since."""
    from summ_collapse.report.write import show

    artifact = opened.place(stage).artifact()
    assert artifact is not None
    show(artifact, opened.out / "report")


def _remember(opened: Run, request: Request) -> None:
    """Leave the resolved recipe in the run folder, for `status` and `compare`."""
    content = {
        "recipe": str(request.recipe),
        "overrides": list(request.overrides),
        "resolved": opened.experiment.recipe.model_dump(by_alias=True),
    }
    store.write_json(opened.out / "recipe.json", content)


def _check_inputs(opened: Run, stages: Sequence[Stage]) -> None:
    """`--only` runs what it names; whatever that needs has to be there."""
    chosen = {stage.name for stage in stages}
    for stage in stages:
        for source in stage.inputs.values():
            artifact = opened.artifact(source)
            if source not in chosen and (artifact is None or artifact.damage() is not None):
                raise InputError(f"--only {stage.name}: it needs {source}, which is not whole in {opened.out}; run that first")


def _check_sizes(opened: Run, stage: Stage, ran: bool) -> None:
    """The earliest moment at which rows are known; a recipe that asks for too many leaves nothing behind."""
    artifact = opened.place(stage).artifact()
    assert artifact is not None
    notes = artifact.manifest["notes"]
    try:
        opened.experiment.check_sizes(notes["train_rows"], notes["test_rows"])
    except InputError:
        if ran:
            opened.place(stage).discard()
        raise


def _ensure(opened: Run, stage: Stage, request: Request) -> bool:
    """Have `stage`'s result in place, whole; says whether it had to be made."""
    place = opened.place(stage)
    artifact = place.artifact()
    if artifact is not None:
        damage = artifact.damage(digests=request.verify)
        if damage is None:
            place.clean()
            opened.reporter.line(f"{stage.name}: cached")
            return False
        opened.reporter.line(f"{stage.name}: {damage}; running it again")
    with place.locked():
        if artifact is not None:
            (place.path / store.MANIFEST).unlink(missing_ok=True)
        elif place.artifact() is not None:  # another process has just finished it
            return False
        _work(opened, stage, place)
    return True


def _work(opened: Run, stage: Stage, place: Place) -> None:
    goes_on = place.work.exists()
    work = place.prepare_work()
    out = work / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    started = time.monotonic()
    began = time.time()
    try:
        with opened.reporter.stage(stage.name) as progress:
            outcome = _call(
                opened,
                stage,
                Context(
                    name=f"{stage.kind}/{stage.arm}",
                    config=stage.config,
                    inputs=_inputs(opened, stage),
                    seed=stage.seed if stage.seed is not None else 0,
                    work=work,
                    out=out,
                    local=opened.local,
                    checkpoint_steps=opened.experiment.recipe.launch.checkpoint_steps,
                    progress=progress,
                ),
            )
    except InputError:
        if not goes_on:  # what an earlier run has done so far is worth keeping, whatever is wrong now
            place.discard()
        raise
    except Exception as error:
        log = work / "failure.json"
        store.write_json(log, {"stage": stage.name, "error": repr(error), "traceback": traceback.format_exc()})
        raise StageError(f"{stage.name} failed: {error!r}; see {log}") from error
    seconds = time.monotonic() - started
    place.publish(out, _manifest(opened, stage, outcome, seconds, began))
    opened.reporter.line(_summary(stage, outcome, seconds))


def _inputs(opened: Run, stage: Stage) -> dict[str, Artifact]:
    inputs = {}
    for role, source in stage.inputs.items():
        artifact = opened.artifact(source)
        if artifact is None:
            raise InputError(f"{stage.name} needs {source}, which is not in {opened.out}")
        inputs[role] = artifact
    return inputs


def _call(opened: Run, stage: Stage, context: Context) -> Outcome:
    if "threads" in stage.config:
        _set_threads(stage)
    if stage.kind == "report":
        from summ_collapse.report import write

        return write.run(context)
    module = importlib.import_module(f"summ_collapse.stages.{stage.kind}")
    try:
        return module.run(context)
    finally:
        if stage.kind in ("pretrain", "train"):
            gc.collect()  # trainers hold their models in reference cycles


def _set_threads(stage: Stage) -> None:
    """Rounding depends on the number of threads, so it is the recipe's."""
    import torch

    from summ_collapse.launch.quiet import quieten

    quieten()
    if torch.get_num_threads() != stage.config["threads"]:
        torch.set_num_threads(stage.config["threads"])


def _manifest(opened: Run, stage: Stage, outcome: Outcome, seconds: float, began: float) -> dict[str, Any]:
    return {
        "stage": stage.name,
        "kind": stage.kind,
        "fingerprint": stage.fingerprint,
        "config": stage.config,
        "seed": stage.seed,
        "inputs": {role: f"{source} {opened.experiment.stages[source].fingerprint}" for role, source in stage.inputs.items()},
        "rows_in": outcome.rows_in,
        "rows_out": outcome.rows_out,
        "rejected": dict(outcome.rejected),
        "notes": dict(outcome.notes),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "seconds": round(seconds, 3),
        "tokens": outcome.tokens,
        "tokens_per_second": round(outcome.tokens / seconds, 1) if seconds else 0.0,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "devices": _devices(),
        "world_size": int(os.environ.get("WORLD_SIZE", "1")),
        "libraries": _libraries(),
        "git_revision": _git_revision(),
    }


def _devices() -> list[str]:
    import sys

    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return [f"cpu ({platform.machine()})"]


@cache
def _libraries() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("summ-collapse", *LIBRARIES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def _git_revision() -> str | None:
    try:
        command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def _summary(stage: Stage, outcome: Outcome, seconds: float) -> str:
    rejected = f" ({sum(outcome.rejected.values())} rejected)" if outcome.rejected else ""
    cut = outcome.notes.get("truncated", 0)
    truncated = f", {cut / outcome.rows_in:.1%} truncated" if cut else ""
    rate = f", {outcome.tokens / seconds:,.0f} tokens/s" if outcome.tokens and seconds else ""
    return f"{stage.name}: {outcome.rows_out:,} rows{rejected}, {seconds:.1f} s{rate}{truncated}"


def read_results(out: Path) -> dict[str, Any]:
    """`report/results.json` of a finished run; InputError where there is none."""
    path = out / "report" / "results.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file; has this run finished?") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected the JSON of a finished run: {error}") from None
