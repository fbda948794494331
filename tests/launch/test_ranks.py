"""Two gloo ranks, as `accelerate launch` starts them: the same bytes as one process, and a known end when one dies."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.conftest import ENVIRONMENT, Done, command, inside, interrupt_when, summ_collapse
from tests.launch.test_interruption import without, work_holds
from tests.test_pipeline import digests, manifests

RANKS = ["launch.generate=cpu_ddp", "launch.verify=cpu_ddp", "launch.evaluate=cpu_ddp"]
SHARED = ("generate/generator", "verify/self", "evaluate/generator")
MODELS = ("prepare", "pretrain", "slice", "train/generator", "train/strong")


def with_models_only(finished: Path, target: Path) -> Path:
    """A copy of a run that has its models and nothing made with them."""
    for kind in MODELS:
        shutil.copytree(finished / "stages" / kind, target / "stages" / kind)
    return target


# Nightly: greedy decoding, which draws nothing, where sampling has equal bytes; evaluation, which completes as generation does.
@pytest.mark.parametrize(
    ("decoding", "shared"), [pytest.param("greedy", SHARED, marks=pytest.mark.nightly), ("sampling", SHARED[:2])]
)
def test_two_ranks_give_the_bytes_of_one_process(
    decoding: str, shared: tuple[str, ...], small_run: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe, finished = small_run
    sampling = ["synthesis.decoding=sampling", "synthesis.samples=2", "synthesis.temperature=1.3"]
    overrides = sampling if decoding == "sampling" else []
    only = [word for stage in shared for word in ("--only", stage)]
    found = {}
    for name, ranks in (("one", []), ("two", RANKS)):
        run = with_models_only(finished, tmp_path / name)
        done = inside("run", recipe, *overrides, *ranks, "--out", run, *only)
        assert done.code == 0, done.err
        found[name] = {stage: digests(run)[stage] for stage in shared}
        assert {manifests(run)[stage]["world_size"] for stage in shared} == {1 if name == "one" else 2}
    assert found["one"] == found["two"]
    assert "generate/generator.log" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["retrain.early_stopping={every: 6, patience: 3}"]], ids=["plain", "early stopping"])
def test_training_on_two_ranks_is_stopped_and_goes_on_to_the_same_bytes(
    more: list[str], small_run: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe, finished = small_run
    stage = "train/real-slice"
    # Five steps an epoch: it is stopped in the middle of the second, where the order of rows is not that of the first.
    settings = ["launch.train=cpu_ddp", "launch.checkpoint_steps=1", "retrain.steps=40", *more]
    arguments = ["run", recipe, *settings, "--only", "slice/*", "--only", stage, "--out"]
    undisturbed = with_models_only(finished, tmp_path / "undisturbed")
    assert summ_collapse(*arguments, undisturbed).code == 0
    run = with_models_only(finished, tmp_path / "stopped")
    # The run passes the signal on as a file; its ranks agree on a step, and the run says that it was stopped.
    moment = work_holds(run, stage, "checkpoint-7/complete.json")
    assert interrupt_when(command(*arguments, run), moment, signal.SIGTERM) == 130
    done = summ_collapse(*arguments, run)
    assert done.code == 0, done.err
    manifest = manifests(run)[stage]
    assert manifest["world_size"] == 2
    assert 7 <= manifest["notes"]["resumed_from_step"] < 40
    assert ("kept_step" in manifest["notes"]) == bool(more)
    assert digests(run)[stage] == digests(undisturbed)[stage]


def test_a_rank_that_dies_ends_the_launch_and_is_named(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, finished = small_run
    stage = "generate/generator"
    run = without(finished, stage, tmp_path / "run")
    arguments = ["run", recipe, "launch.generate=cpu_ddp", "synthesis.chunk_size=2", "--out", run, "--only", stage]
    process = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    try:
        wait_for(work_holds(run, stage, "chunk-*.parquet"), process)
        os.kill(rank_of(process.pid, 1), signal.SIGKILL)
        began = time.monotonic()
        _, errors = process.communicate(timeout=60)
        assert time.monotonic() - began < 60
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == 1
    assert re.search(r"rank 1 was ended by signal 9 \(SIGKILL\); see .*generate/generator.log", errors), errors
    assert not [left for left in psutil.process_iter(["cmdline"]) if str(run) in (left.info["cmdline"] or [])]
    # The chunks that were made are used, by one process as well as by two.
    done = inside(*[word for word in arguments if word != "launch.generate=cpu_ddp"])
    assert done.code == 0, done.err


def test_a_stage_in_the_wrong_shape_is_refused_with_the_right_line(
    small_run: tuple[Path, Path], tmp_path: Path, cli: Callable[..., Done]
) -> None:
    recipe, finished = small_run
    run = without(finished, "verify/self", tmp_path / "run")
    environment = {**ENVIRONMENT, "RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        command("run", recipe, "--out", run, "--only", "verify/self"),
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "verify/self runs in the shape 'single', and this process was started in 'cpu_ddp'" in done.stderr
    assert f"-m summ_collapse run {recipe} --out {run} --only verify/self" in done.stderr


def test_a_batch_that_ranks_cannot_share_is_an_input_error(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, finished = small_run
    run = with_models_only(finished, tmp_path / "run")
    done = summ_collapse(
        "run", recipe, "launch.train=cpu_ddp", "generator.train.batch_size=9", "--out", run, "--only", "train/generator"
    )
    assert done.code == 2, done.err
    assert "batch_size: expected a multiple of 2 ranks" in done.err


def test_a_shape_that_needs_gpus_says_so_where_there_are_none(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        # With a GPU the shape starts, and there is no refusal to look at.
        pytest.skip("this machine has a GPU")
    recipe, finished = small_run
    run = without(finished, "verify/self", tmp_path / "run")
    done = summ_collapse("run", recipe, "launch.verify=ddp", "--out", run, "--only", "verify/self")
    assert done.code == 2
    assert "launch shape 'ddp' needs a GPU" in done.err


def wait_for(ready: Callable[[], bool], process: "subprocess.Popen[str]", seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, "it ended before the moment came"
        assert time.monotonic() < end, "the moment never came"
        time.sleep(0.005)


def rank_of(launcher: int, rank: int) -> int:
    """The process of a rank below a run."""
    for relative in psutil.Process(launcher).children(recursive=True):
        if relative.environ().get("RANK") == str(rank):
            return relative.pid
    raise AssertionError(f"no rank {rank}")
