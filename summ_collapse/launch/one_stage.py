"""One stage wherever it belongs: in this process, or in the ranks of an `accelerate launch`, watched from here."""

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from summ_collapse import store
from summ_collapse.errors import InputError, StageError, Stopped
from summ_collapse.graph import Node
from summ_collapse.launch import shapes
from summ_collapse.launch.in_process import ensure, failed_input, whole
from summ_collapse.launch.manifest import summary
from summ_collapse.launch.process import die_with_parent
from summ_collapse.launch.stopping import STOP_FILE, Stop
from summ_collapse.progress import LOOK_EVERY
from summ_collapse.run import FROZEN, Request, Run, freeze
from summ_collapse.stages.stage import Stage

LAUNCHED = "logs/launched"  # where the recipes lie that ranks read
GRACE = 45  # seconds that a launch has to end after Ctrl-C; it gives its ranks 30


def run_stage(run: Run, stage: Node[Stage], request: Request, stop: Stop) -> bool:
    """Have one stage's result in place; says whether it had to be made."""
    shape = shapes.shape_of(stage, run.experiment.recipe.launch)
    # Whether a shape can start here matters only where something has to be made.
    if shape != shapes.SINGLE and whole(run, stage, request.verify):
        return False
    if failed_input(run, stage) is not None:  # there is nothing that ranks could share
        return ensure(run, stage, request.verify, stop)
    ranks = shapes.ranks_here(shape)
    if shapes.alone(shape, ranks):
        return ensure(run, stage, request.verify, stop)
    _launch(
        run, stage, shapes.line(shape, ranks, _frozen(run, request).arguments(stage.name)), f"{ranks} processes ({shape})", stop
    )
    return True


def _frozen(run: Run, request: Request) -> Request:
    """The request with the recipe as this process understands it, so that no rank asks the hub, or reads an edited file."""
    path = run.out / LAUNCHED / run.experiment.report.fingerprint[:12] / FROZEN
    freeze(run, request, path)
    return replace(request, recipe=path, overrides=())


def _launch(run: Run, stage: Node[Stage], command: Sequence[str], processes: str, stop: Stop) -> None:
    """Have the stage's result made by processes of its own."""
    log = run.log(stage)
    log.parent.mkdir(parents=True, exist_ok=True)
    run.reporter.line(f"{stage.name}: {processes}, log {log}")
    with log.open("ab") as output, stop.passed_on(log.with_suffix(".stop")) as stop_file:
        began = output.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, STOP_FILE: str(stop_file.resolve())},
            preexec_fn=partial(die_with_parent, os.getpid()),
            start_new_session=True,  # Ctrl-C is for us to pass on: the ranks' launcher would report it as a failure
        )
        code = _ended(process, run, stage)
    artifact = run.place(stage).artifact()
    if code == 0 and artifact is not None:
        run.reporter.line(summary(artifact))
        return
    if stop():
        raise Stopped(stage.name)
    with log.open("rb") as output:
        output.seek(began)
        raise _cause(run, stage, code, output.read().decode(errors="replace"), log)


def _ended(process: subprocess.Popen[bytes], run: Run, stage: Node[Stage]) -> int:
    """The launch's exit code; shows meanwhile how far its ranks are."""
    at_work = {stage.name: run.place(stage).work}
    try:
        with run.reporter.board() as show:
            while True:
                try:
                    return process.wait(LOOK_EVERY)
                except subprocess.TimeoutExpired:
                    show(at_work)
    except BaseException:
        process.terminate()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise


def _cause(run: Run, stage: Node[Stage], code: int, output: str, log: Path) -> Exception:
    """What went wrong in the ranks, in one line: their own message, the first one's error, or the signal."""
    wrong = re.findall(r"^error: (.*)", output, re.MULTILINE)
    if wrong and re.search(r"exitcode\s*: 2\b", output):
        return InputError(wrong[0])
    # Whoever fails first takes the others down; their complaints about lost connections are no cause.
    first = re.search(r"Root Cause.*?rank\s*: (\d+)", output, re.DOTALL)
    for left in sorted(run.place(stage).work.glob(f"failure-{first[1] if first else '*'}.json")):
        found = store.read_json(left)
        return StageError(f"{stage.name} failed in rank {found['rank']}: {found['error']}; see {log}")
    killed = re.search(r"Root Cause.*?rank\s*: (\d+).*?Signal (\d+) \((\w+)\) received", output, re.DOTALL)
    if killed:
        return StageError(f"{stage.name} failed: rank {killed[1]} was ended by signal {killed[2]} ({killed[3]}); see {log}")
    return StageError(f"{stage.name} failed: {wrong[-1] if wrong else f'its launch ended with code {code}'}; see {log}")
