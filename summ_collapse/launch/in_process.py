"""One stage in this process, or this process's share of one: what is whole is reused, what is half-done goes on."""

import gc
import shutil
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from summ_collapse import store
from summ_collapse.errors import InputError, StageError, Stopped
from summ_collapse.graph import Node
from summ_collapse.launch.manifest import manifest, summary
from summ_collapse.launch.stopping import Stop
from summ_collapse.ranks import ALONE, World
from summ_collapse.run import Run
from summ_collapse.stages.stage import Context, Outcome, PartDone, Stage
from summ_collapse.store import Artifact, Place

Progress = Callable[[int, int], None]

# What rank 0 tells the others at the start of a stage.
WORK, NOTHING_TO_DO = "work", "nothing to do"


def whole(run: Run, stage: Node[Stage], verify: bool) -> bool:
    """Whether the stage's result is there and undamaged; says why where it is damaged."""
    place = run.place(stage)
    artifact = place.artifact()
    if artifact is None:
        return False
    damage = artifact.damage(digests=verify)
    if damage is not None:
        run.reporter.line(f"{stage.name}: {damage}; running it again")
        return False
    place.clean()
    run.reporter.line(f"{stage.name}: cached")
    return True


def ensure(run: Run, stage: Node[Stage], verify: bool, stop: Stop, world: World = ALONE) -> bool:
    """Have the stage's result in place, whole; says whether it had to be made.

    With a world of several ranks every one of them calls this: the first holds the lock, gathers and publishes.
    """
    if not world.first:
        if world.from_first(None) == WORK:
            _part(run, stage, stop, world)
        return False
    told = False
    try:
        if whole(run, stage, verify):
            return False
        place = run.place(stage)
        damaged = place.artifact()
        with place.locked():
            if damaged is not None:
                (place.path / store.MANIFEST).unlink(missing_ok=True)
            elif place.artifact() is not None:  # another process has just finished it
                return False
            goes_on = place.work.exists()
            place.prepare_work()
            told = True
            world.from_first(WORK)
            _work(run, stage, place, stop, world, goes_on)
        return True
    finally:
        if not told:
            world.from_first(NOTHING_TO_DO)


def _part(run: Run, stage: Node[Stage], stop: Stop, world: World) -> None:
    """A rank's part of the work; what comes of it is in the work folder, where the first rank finds it."""
    place = run.place(stage)
    try:
        _call(run, stage, _context(run, stage, place.work, stop, world))
    except PartDone:
        return
    except (InputError, Stopped):
        raise
    except Exception as error:
        raise _failure(run, stage, place.work, error, world.rank) from error


def _work(run: Run, stage: Node[Stage], place: Place, stop: Stop, world: World, goes_on: bool) -> None:
    out = place.work / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    started = time.monotonic()
    began = time.time()
    try:
        with run.reporter.stage(stage.name) as progress:
            outcome = _call(run, stage, _context(run, stage, place.work, stop, world, progress))
    except Stopped:
        raise
    except InputError:
        if not goes_on:  # what an earlier run has done so far is worth keeping, whatever is wrong now
            place.discard()
        raise
    except Exception as error:
        raise _failure(run, stage, place.work, error, world.rank) from error
    recorded = manifest(run, stage, outcome, time.monotonic() - started, began, world)
    try:
        place.publish(out, recorded)
    except OSError as error:
        raise _failure(run, stage, place.work, error, world.rank) from error
    run.reporter.line(summary(stage.name, recorded))


def _unseen(done: int, total: int) -> None:
    """Ranks beside the first work unwatched."""


def _context(run: Run, stage: Node[Stage], work: Path, stop: Stop, world: World, progress: Progress = _unseen) -> Context:
    return Context(
        name=f"{stage.kind}/{stage.arm}",
        inputs=_inputs(run, stage),
        seed=stage.seed if stage.seed is not None else 0,
        work=work,
        out=work / "out",
        checkpoint_steps=run.experiment.recipe.launch.checkpoint_steps,
        progress=progress,
        world=world,
        stop=stop,
    )


def _failure(run: Run, stage: Node[Stage], work: Path, error: Exception, rank: int) -> StageError:
    """Leave the traceback where `status` finds it; on a full disk that may not work either, and the message has to do."""
    log = work / f"failure-{rank}.json"
    if not work.is_dir():  # another rank has cleared away what its wrong input left
        return StageError(f"{stage.name} failed: {error!r}")
    try:
        store.write_json(log, {"stage": stage.name, "rank": rank, "error": repr(error), "traceback": traceback.format_exc()})
    except OSError:
        return StageError(f"{stage.name} failed: {error!r}")
    return StageError(f"{stage.name} failed: {error!r}; see {log}")


def _inputs(run: Run, stage: Node[Stage]) -> dict[str, Artifact]:
    inputs = {}
    for role, source in stage.inputs.items():
        artifact = run.artifact(source)
        if artifact is None:
            raise InputError(f"{stage.name} needs {source}, which is not in {run.out}")
        inputs[role] = artifact
    return inputs


def _call(run: Run, node: Node[Stage], context: Context) -> Outcome:
    if node.stage.threads is not None:
        _set_threads(node.stage.threads)
    try:
        return node.stage.run(context)
    finally:
        if node.stage.runs_a_model:
            gc.collect()  # trainers hold their models in reference cycles


def _set_threads(threads: int) -> None:
    """Rounding depends on the number of threads, so it is the recipe's."""
    import torch

    from summ_collapse.launch.memory import keep_freed_memory
    from summ_collapse.launch.quiet import quieten

    quieten()
    keep_freed_memory()
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
