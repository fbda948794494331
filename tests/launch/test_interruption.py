"""Ctrl-C in the middle of each kind of stage: exit code 130, and the next run ends in the same bytes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import command, inside, interrupt_when, summ_collapse
from tests.test_pipeline import digests

# How far a stage is when the signal comes: its work folder holds a file that matches.
MOMENTS = {
    "prepare/data": "out",
    "pretrain/base": "checkpoint-2/complete.json",
    "train/generator": "checkpoint-2/complete.json",
    "train/oracle-0.25": "checkpoint-4/*.safetensors",
    "generate/generator": "chunk-*.parquet",
    "verify/self": "chunk-*.parquet",
    "select/oracle-0.25": "out",
    "evaluate/oracle-0.25": "out",
    "report/all": "out",
}
TRIES = 10
# Nightly: they train as the generator does, or complete documents in chunks as it does.
LONG = ("pretrain/base", "train/oracle-0.25", "evaluate/oracle-0.25")


def without(run: Path, stage: str, target: Path) -> Path:
    """A copy of a finished run in which one stage has not been done."""
    shutil.copytree(run, target)
    shutil.rmtree(target / "stages" / stage)
    return target


def work_holds(run: Path, stage: str, pattern: str) -> Callable[[], bool]:
    return lambda: any((run / "stages" / stage).glob(f"*/work/{pattern}"))


@pytest.mark.parametrize(
    "stage", [pytest.param(stage, marks=pytest.mark.nightly) if stage in LONG else stage for stage in MOMENTS]
)
def test_an_interrupted_stage_goes_on_to_the_same_bytes(stage: str, small_run: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, finished = small_run
    for attempt in range(TRIES):
        run = without(finished, stage, tmp_path / f"run{attempt}")
        arguments = command("run", recipe, "--out", run, "--only", stage)
        code = interrupt_when(arguments, work_holds(run, stage, MOMENTS[stage]))
        if not any((run / "stages" / stage).glob("*/manifest.json")):
            break
    # A stage of milliseconds can be over before the signal arrives; then its moment is tried again.
    assert not any((run / "stages" / stage).glob("*/manifest.json")), "the stage was always over before the signal"
    assert code == 130
    done = inside("run", recipe, "--out", run)
    assert done.code == 0, done.err
    assert digests(run) == digests(finished)
    assert not list(run.glob("stages/*/*/*/work"))


def test_training_goes_on_from_its_last_marked_checkpoint(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, finished = small_run
    stage = "train/real-full"
    run = without(finished, stage, tmp_path / "run")
    arguments = command("run", recipe, "--out", run, "--only", stage)
    interrupt_when(arguments, work_holds(run, stage, "checkpoint-4/complete.json"))
    work = next((run / "stages" / stage).glob("*/work"))
    (work / "checkpoint-5").mkdir()  # a kill in the middle of a save leaves one without a marker
    assert inside("run", recipe, "--out", run, "--only", stage).code == 0
    manifest = next((run / "stages" / stage).glob("*/manifest.json")).read_text()
    assert '"resumed_from_step": 4' in manifest or '"resumed_from_step": 6' in manifest
    assert digests(run)[stage] == digests(finished)[stage]


def test_an_interruption_while_libraries_load_ends_with_the_same_code(tmp_path: Path, small_run: tuple[Path, Path]) -> None:
    # Libraries run code from strings as they are imported, and Python treats an interruption of that on its own.
    (tmp_path / "pyarrow.py").write_text('exec("raise KeyboardInterrupt")\n')
    done = summ_collapse("run", small_run[0], "--out", tmp_path / "run", cwd=tmp_path)
    assert done.code == 130
    assert done.err == "interrupted; the same command goes on where this one stopped\n"
