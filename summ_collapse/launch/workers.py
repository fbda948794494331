"""Warm workers for `--jobs`: processes that have imported the heavy libraries already and take one stage after another."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path

from summ_collapse.errors import StageError
from summ_collapse.experiment.experiment import Experiment
from summ_collapse.graph import Node
from summ_collapse.launch.one_stage import run_stage
from summ_collapse.launch.process import die_with_parent
from summ_collapse.launch.stopping import listening
from summ_collapse.progress import Reporter
from summ_collapse.run import Request, Run
from summ_collapse.stages.stage import Stage

PRELOAD = ["summ_collapse.launch.preload"]


@dataclass(frozen=True)
class Worked:
    """What came of a stage in a worker: whether it had to be made, and what the run still has to tell of it."""

    made: bool
    lines: list[str]


@contextmanager
def workers(jobs: int) -> Iterator[list[ProcessPoolExecutor]]:
    """`jobs` workers: pools of one process, with GPUs of its own where there are any.

    They end when this does: at once where something is raised, for then nobody waits for their work.
    """
    # A server that has imported once forks every worker: the libraries' memory is shared, and nobody waits twice.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    made = [ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(slot, jobs)) for slot in range(jobs)]
    try:
        yield made
    except BaseException:
        signal_all(signal.SIGKILL)
        raise
    finally:
        for worker in made:
            worker.shutdown(cancel_futures=True)


def start(worker: ProcessPoolExecutor, run: Run, stage: Node[Stage], request: Request) -> "Future[Worked]":
    """Work on `stage`; the future says what came of it, or raises what went wrong."""
    try:
        return worker.submit(_work_on, run.experiment, run.out, stage.name, request, run.reporter.watched)
    except BrokenProcessPool:
        raise _gone(stage) from None


def signal_all(number: signal.Signals) -> None:
    """Send every worker a signal."""
    for child in multiprocessing.active_children():
        if child.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(child.pid, number)


def result(run: Run, stage: Node[Stage], done: "Future[Worked]") -> bool:
    """Whether the stage had to be made, after its lines are told; StageError where the worker itself is gone."""
    try:
        worked = done.result()
    except BrokenProcessPool:
        raise _gone(stage) from None
    for line in worked.lines:
        run.reporter.line(line)
    return worked.made


def _gone(stage: Node[Stage]) -> StageError:
    return StageError(
        f"{stage.name} failed: its worker was ended from outside (out of memory?); the same command goes on from there"
    )


def _begin(slot: int, jobs: int) -> None:
    die_with_parent()
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the run itself ends its workers
    import torch

    gpus = torch.cuda.device_count()
    if gpus:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        names = visible.split(",") if visible else [str(gpu) for gpu in range(gpus)]
        # More workers than GPUs share them.
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(names[slot::jobs] or [names[slot % gpus]])


def _end_with_the_run() -> None:
    """End this process when the run ends, however that ends.

    Its parent is the server that forked it, which waits for as long as any worker does: a killed run would leave both at work.
    """
    run = multiprocessing.parent_process()
    assert run is not None
    connection.wait([run.sentinel])
    os.kill(os.getpid(), signal.SIGKILL)


def _work_on(experiment: Experiment, out: Path, name: str, request: Request, watched: bool) -> Worked:
    lines: list[str] = []
    # How far the stage is, the run itself shows; what is printed here would run into its bars.
    reporter = Reporter(watched=False, shows=False, kept=lines if watched else None)
    with listening() as stop:
        made = run_stage(Run(experiment, out, reporter), experiment.stages[name], request, stop)
    return Worked(made, lines)
