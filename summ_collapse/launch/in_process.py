"""One stage in this process, or this process's share of one: what is whole is reused, what is half-done goes on."""

import gc
import shutil
import time
import traceback
from contextlib import suppress

from summ_collapse import store
from summ_collapse.errors import ArmFailed, InputError, StageError, Stopped
from summ_collapse.graph import Node
from summ_collapse.launch.manifest import manifest, summary
from summ_collapse.launch.process import compute_with, set_aside
from summ_collapse.launch.stopping import Stop
from summ_collapse.progress import Meter, unseen
from summ_collapse.ranks import ALONE, World
from summ_collapse.run import Run
from summ_collapse.stages.stage import Context, Outcome, PartDone, Stage
from summ_collapse.store import Artifact

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
    run.reporter.line(f"{stage.name}: cached" + (f"; failed: {artifact.failed}" if artifact.failed else ""))
    return True


def ensure(run: Run, stage: Node[Stage], verify: bool, stop: Stop, world: World = ALONE) -> bool:
    """Have the stage's result in place, whole; says whether it had to be made.

    With a world of several ranks every one of them calls this: the first holds the lock, gathers and publishes.
    """
    if not world.first:
        # A part is left in the work folder, where the first rank finds it.
        if world.from_first(None) == WORK:
            with suppress(PartDone, ArmFailed):
                _outcome(run, stage, stop, world)
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
            _make(run, stage, stop, world, goes_on)
        return True
    finally:
        if not told:
            world.from_first(NOTHING_TO_DO)


def _make(run: Run, stage: Node[Stage], stop: Stop, world: World, goes_on: bool) -> None:
    place = run.place(stage)
    out = place.work / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    began, started = time.time(), time.monotonic()
    failed = None
    try:
        outcome = _outcome(run, stage, stop, world)
        set_aside()  # the stage's models are gone, while what it imported stays
    except ArmFailed as error:
        failed = error.reason
        outcome = Outcome(error.rows, 0, {failed: error.rows} if error.rows else {})
        shutil.rmtree(out)  # whatever was written before it was known
        out.mkdir()
    except InputError:
        if not goes_on:  # what an earlier run has done so far is worth keeping, whatever is wrong now
            place.discard()
        raise
    recorded = manifest(run, stage, outcome, time.monotonic() - started, began, world, failed)
    try:
        made = place.publish(out, recorded)
    except OSError as error:
        raise _failure(run, stage, error, world.rank) from error
    run.reporter.line(summary(made))


def _outcome(run: Run, node: Node[Stage], stop: Stop, world: World) -> Outcome:
    """What comes of the stage's work, or of this rank's part of it.

    ArmFailed where its arm cannot be made, with the stage that says so; StageError where a stage that arms share cannot,
    or where it fails as nobody has foreseen.
    """
    work = run.place(node).work
    failed = failed_input(run, node)
    if failed is not None:
        raise ArmFailed(failed)
    try:
        with run.reporter.working(node.name, work):
            context = Context(
                name=f"{node.kind}/{node.arm}",
                inputs=_inputs(run, node),
                seed=node.seed if node.seed is not None else 0,
                work=work,
                out=work / "out",
                checkpoint_steps=run.experiment.recipe.launch.checkpoint_steps,
                progress=Meter(work) if world.first else unseen,
                world=world,
                stop=stop,
                tell=lambda line: run.reporter.line(f"{node.name}: {line}"),
            )
            if node.stage.threads is not None:
                compute_with(node.stage.threads)
            return node.stage.run(context)
    except (InputError, PartDone, Stopped):
        raise
    except ArmFailed as error:
        if node.name in run.experiment.shared:
            raise _failure(run, node, error, world.rank) from error
        raise ArmFailed(f"{node.name}: {error.reason}", error.rows) from error
    except Exception as error:
        raise _failure(run, node, error, world.rank) from error
    finally:
        if node.stage.runs_a_model:
            gc.collect()  # trainers hold their models in reference cycles


def _failure(run: Run, stage: Node[Stage], error: Exception, rank: int) -> StageError:
    """Leave the traceback where `status` finds it; on a full disk that may not work either, and the message has to do."""
    work = run.place(stage).work
    log = work / f"failure-{rank}.json"
    what = str(error) if isinstance(error, ArmFailed) else repr(error)
    message = f"{stage.name} failed: {what}"
    if work.is_dir():  # not where another rank has cleared away what its wrong input left
        with suppress(OSError):
            store.write_json(log, {"stage": stage.name, "rank": rank, "error": what, "traceback": traceback.format_exc()})
            message += f"; see {log}"
    return StageError(message)


def failed_input(run: Run, stage: Node[Stage]) -> str | None:
    """Why a stage has nothing to work on: what an input of its arm failed of; None where it has, or works all the same."""
    if stage.stage.takes_failed:
        return None
    found = (run.artifact(source) for source in stage.inputs.values())
    return next((artifact.failed for artifact in found if artifact is not None and artifact.failed), None)


def _inputs(run: Run, stage: Node[Stage]) -> dict[str, Artifact]:
    inputs = {}
    for role, source in stage.inputs.items():
        artifact = run.artifact(source)
        if artifact is None:
            raise InputError(f"{stage.name} needs {source}, which is not in {run.out}")
        inputs[role] = artifact
    return inputs
