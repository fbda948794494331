"""Which stage runs when and where: one after another in this process, side by side in workers, or as ranks of a launch.

run(Request(recipe_path, overrides, out, jobs=2))
"""

import signal
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

from summ_collapse.errors import InputError, Stopped
from summ_collapse.experiment.sizes import check_sizes
from summ_collapse.graph import Node, descendants
from summ_collapse.launch import shapes
from summ_collapse.launch.one_stage import run_stage
from summ_collapse.launch.ranks import run_in_ranks
from summ_collapse.launch.stopping import Stop, listening
from summ_collapse.launch.workers import Worked, result, signal_all, start, workers
from summ_collapse.run import FROZEN, Request, Run, freeze, moved, open_run, outside, recipe_of
from summ_collapse.stages.prepare import Counts
from summ_collapse.stages.stage import Stage

LOOK_AGAIN = 0.5  # seconds after which a wish to stop is passed on to workers


def run(request: Request) -> Run:
    """Run what is asked for and is not there yet."""
    run = open_run(recipe_of(request), request.out)
    stages = run.experiment.chosen(request.only, request.until)
    # A single stage is one that somebody else's command, which has said it, starts.
    for line in [*moved(run), *([] if request.only else outside(run, request.recipe))]:
        run.reporter.line(line)
    if request.only:
        _check_inputs(run, stages)
    with listening() as stop:
        if shapes.current() != shapes.SINGLE:
            run_in_ranks(run, stages, request, stop)
        elif request.jobs > 1:
            _side_by_side(run, stages, request, stop)
        else:
            for stage in stages:
                if stop():
                    raise Stopped(stage.name)
                _after(run, stage, run_stage(run, stage, request, stop), request)
    _tell_failed(run, stages)
    return run


def _side_by_side(run: Run, stages: Sequence[Node[Stage]], request: Request, stop: Stop) -> None:
    """Every stage as soon as what it needs is there and a worker is free; those that most others wait for come first."""
    left = {stage.name: stage for stage in stages}
    urgency = descendants({name: node.inputs.values() for name, node in run.experiment.stages.items()})
    running: dict[Future[Worked], tuple[ProcessPoolExecutor, Node[Stage]]] = {}
    stopped = False
    with workers(request.jobs) as made, run.reporter.board() as show:
        free = list(made)
        while left or running:
            if stop():
                stopped = stopped or bool(left)
                left.clear()
                signal_all(signal.SIGUSR1)  # again at every look: a worker between two stages does not listen
            at_work = {stage.name for _, stage in running.values()}
            ready = [stage for stage in left.values() if not ({*stage.inputs.values()} & (left.keys() | at_work))]
            for stage in sorted(ready, key=lambda stage: -urgency[stage.name])[: len(free)]:
                del left[stage.name]
                worker = free.pop()
                running[start(worker, run, stage, request)] = (worker, stage)
            show({stage.name: run.place(stage).work for _, stage in running.values()})
            done, _ = wait(running, LOOK_AGAIN, FIRST_COMPLETED)
            for future in done:
                worker, stage = running.pop(future)
                free.append(worker)
                try:
                    _after(run, stage, result(run, stage, future), request)
                except Stopped:  # the others are on their way to a safe point too
                    stopped = True
    if stopped:
        raise Stopped(run.experiment.recipe.name)


def _after(run: Run, stage: Node[Stage], made: bool, request: Request) -> None:
    """What the run itself does once a stage is there."""
    place = run.place(stage)
    artifact = place.artifact()
    assert artifact is not None
    if stage.name == run.experiment.prepare.name:
        # The earliest moment at which rows are known; a recipe that asks for too many leaves nothing behind.
        try:
            check_sizes(run.experiment.recipe, Counts.of(artifact))
        except InputError:
            if made:
                place.discard()
            raise
        freeze(run, request, run.out / FROZEN)
    if stage.stage.shown is not None:
        # It holds this recipe's result, also where another recipe's was made in the same folder since.
        artifact.show(run.out / stage.stage.shown)


def _tell_failed(run: Run, stages: Sequence[Node[Stage]]) -> None:
    """A line for each arm that cannot be made, with the reason: the first of its stages that failed says it."""
    chosen = {stage.name for stage in stages}
    for arm in run.experiment.arms:
        made = [run.artifact(name) for name in (arm.rows, arm.train, arm.evaluate) if name in chosen]
        reason = next((artifact.failed for artifact in made if artifact is not None and artifact.failed), None)
        if reason is not None:
            run.reporter.line(f"arm {run.experiment.stages[arm.evaluate].folder} failed: {reason}")


def _check_inputs(run: Run, stages: Sequence[Node[Stage]]) -> None:
    """`--only` runs what it names; whatever that needs has to be there."""
    chosen = {stage.name for stage in stages}
    for stage in stages:
        for source in stage.inputs.values():
            if source not in chosen and not run.place(run.experiment.stages[source]).whole():
                raise InputError(f"--only {stage.name}: it needs {source}, which is not whole in {run.out}; run that first")
