"""Stages at once: the same table, one process a stage, and several commands in one folder."""

import signal
import subprocess
import time
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from tests.conftest import ENVIRONMENT, command, interrupt_when, summ_collapse
from tests.launch.test_interruption import without, work_holds
from tests.test_pipeline import digests


def test_jobs_change_nothing(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, finished = small_run
    done = summ_collapse("run", recipe, "--out", tmp_path / "run", "--jobs", 2)
    assert done.code == 0, done.err
    assert digests(tmp_path / "run") == digests(finished)


@pytest.mark.parametrize(
    "number",
    # Nightly: SIGTERM takes the same way, and ends ranks in test_ranks.py.
    [pytest.param(signal.SIGINT, id="Ctrl-C"), pytest.param(signal.SIGTERM, id="SIGTERM", marks=pytest.mark.nightly)],
)
def test_jobs_are_stopped_as_one(number: signal.Signals, small_run: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, finished = small_run
    run = without(without(finished, "train/real-full", tmp_path / "a"), "train/unfiltered", tmp_path / "b")
    arguments = command("run", recipe, "--out", run, "--jobs", 2)
    assert interrupt_when(arguments, work_holds(run, "train/real-full", "checkpoint-2/complete.json"), number) == 130
    done = summ_collapse("run", recipe, "--out", run, "--jobs", 2)
    assert done.code == 0, done.err
    assert digests(run) == digests(finished)


def test_workers_end_with_a_run_that_is_killed(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    """Nobody works on unseen, and holds a stage that the next run wants."""
    recipe, finished = small_run
    run = without(finished, "report/all", tmp_path / "run")
    arms = [word for arm in ("real-full", "unfiltered") for word in ("--only", f"train/{arm}")]
    arguments = command("run", recipe, "retrain.steps=20000", "--out", run, *arms, "--jobs", 2)
    assert interrupt_when(arguments, work_holds(run, "train/real-full", "checkpoint-2/complete.json"), signal.SIGKILL) == -9
    end = time.monotonic() + 20
    while holders := [path for path in run.glob("stages/train/*/.*.lock") if held(path)]:
        assert time.monotonic() < end, f"still at work: {holders}"
        time.sleep(0.1)


def held(lock: Path) -> bool:
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def test_a_failing_stage_ends_the_jobs_with_its_cause(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, finished = small_run
    run = without(finished, "evaluate/self-0.5", tmp_path / "run")
    weights = next((run / "stages" / "train" / "self-0.5").glob("*/adapter_model.safetensors"))
    weights.write_bytes(bytes(weights.stat().st_size))  # as large as it was, so that only its digest tells
    done = summ_collapse("run", recipe, "--out", run, "--jobs", 2)
    assert done.code in (1, 2)
    assert "Traceback" not in done.err
    mended = summ_collapse("run", recipe, "--out", run, "--jobs", 2, "--verify")
    assert mended.code == 0, mended.err
    assert f"{weights} has other content than its manifest's SHA-256 says; running it again" in mended.err
    assert digests(run) == digests(finished)


def test_two_commands_in_one_folder(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, finished = small_run
    run = without(without(finished, "train/real-full", tmp_path / "a"), "train/unfiltered", tmp_path / "b")

    def started(stage: str) -> "subprocess.Popen[str]":
        arguments = command("run", recipe, "--out", run, "--only", stage)
        return subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)

    wanted = ("train/real-full", "train/unfiltered", "train/unfiltered")
    ended = [(process, *process.communicate(timeout=120)) for process in [started(stage) for stage in wanted]]
    codes = [process.returncode for process, _, _ in ended]
    # Different stages both work; of two on one stage, one works, and the other says who does or finds it done.
    assert codes[0] == 0, ended[0]
    assert 0 in codes[1:]
    for process, _, errors in ended[1:]:
        assert process.returncode == 0 or "train/unfiltered is being worked on by process" in errors
    assert digests(run) == digests(finished)
