"""What a run folder holds: which stages are done, running, failed or left, and why."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from summ_collapse import store
from summ_collapse.errors import StageError
from summ_collapse.graph import Node
from summ_collapse.launch.slurm import queue
from summ_collapse.launch.slurm.jobs import SCRIPTS, heads, job_name
from summ_collapse.progress import standing
from summ_collapse.run import Run
from summ_collapse.stages.stage import Stage


@dataclass(frozen=True)
class State:
    """One stage's state in a run folder."""

    name: str
    state: str  # done, running, queued, failed, partial or left
    detail: str


def states(run: Run) -> list[State]:
    """Every stage's state, in the order in which they run: what the disk says, and what waits or runs in a queue."""
    queued: Mapping[str, queue.Job] = {}
    try:
        submitted = (run.out / SCRIPTS).is_dir()
        queued = queue.jobs() if submitted and queue.available() else {}
    except StageError as error:  # what is on disk is worth telling all the same
        run.reporter.line(f"the queue gives no answer: {error}")
    joined = heads(run)
    return [State(stage.name, *_state(run, stage, queued, joined)) for stage in run.experiment.stages.values()]


def _state(run: Run, stage: Node[Stage], queued: Mapping[str, queue.Job], joined: Mapping[str, str]) -> tuple[str, str]:
    """What state a stage is in, and the detail."""
    place = run.place(stage)
    artifact = place.artifact()
    if artifact is not None:
        wrong, manifest = artifact.damage() or artifact.failed, artifact.manifest
        return ("failed", wrong) if wrong else ("done", f"{manifest['rows_out']:,} rows, {manifest['seconds']:.1f} s")
    holder = place.holder()
    if holder is not None:
        return "running", "; ".join(filter(None, [_progress(place), holder]))
    named = joined.get(job_name(run, stage), job_name(run, stage))
    head, job = named.rpartition(":")[0], queued.get(named)
    if job is not None:
        # In a job of several stages, one that is at work holds its lock.
        state = "running" if job.state == "RUNNING" and head == stage.name else "queued"
        behind = "" if head == stage.name else f", behind {head}"
        return state, "; ".join(filter(None, [_progress(place), f"job {job.id}{behind}: {job.state}, {job.reason}"]))
    for failure in sorted(place.work.glob("failure-*.json")):
        return "failed", str(store.read_json(failure)["error"]).splitlines()[0]
    made = _kept(place)
    return ("partial", made) if made else ("left", "")


def _progress(place: store.Place) -> str:
    """How far a stage says that it is, or what it has written that would be kept."""
    found = standing(place.work)
    return found.told(time.time()) if found else _kept(place)


def _kept(place: store.Place) -> str:
    chunks = len(list(place.work.glob("chunk-*.parquet")))
    steps = [int(marker.parent.name.rpartition("-")[2]) for marker in place.work.glob("**/checkpoint-*/complete.json")]
    made = [f"{chunks} chunks"] if chunks else []
    made += [f"checkpoint at step {max(steps)}"] if steps else []
    return ", ".join(made)


def as_json(found: list[State]) -> list[dict[str, str]]:
    return [{"stage": state.name, "state": state.state, "detail": state.detail} for state in found]
