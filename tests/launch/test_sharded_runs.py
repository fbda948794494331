"""Sharded trainings through the command line, on gloo ranks: FSDP2 and ZeRO-3, full and LoRA, stopped, resumed, and compared."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from summ_collapse.launch.shapes import launcher
from summ_collapse.launch.stopping import STOP_FILE
from tests.conftest import ENVIRONMENT, SMALL, merged, summ_collapse
from tests.test_pipeline import digests, manifests

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("on_gloo.py")
FULL, LORA = STAGES = ["train/generator", "train/real-slice"]
# 40 rows: three batches of 12 and one of 4, which two ranks with 3 rows a pass cannot share without two that teach nothing.
PARTIAL = {"steps": None, "epochs": 2, "batch_size": 12, "micro_batch_size": 3, "schedule": "constant"}
RECIPE = merged(
    SMALL,
    {
        "generator": {"train": PARTIAL},
        "retrain": PARTIAL,
        "base": {"dtype": "float32"},
        "launch": {"checkpoint_steps": 100},
    },
)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(recipe, run) with everything that trainings need, in both compute types, and the trainings of one process in float32."""
    folder = tmp_path_factory.mktemp("sharded")
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    for dtype, until in (("float32", LORA), ("float32", FULL), ("bfloat16", "pretrain/base")):
        done = summ_collapse("run", recipe, f"base.dtype={dtype}", "--out", folder / "run", "--until", until)
        assert done.code == 0, done.err
    return recipe, folder / "run"


def without_trainings(run: Path, target: Path) -> Path:
    shutil.copytree(run, target, ignore=lambda folder, names: ["train"] if Path(folder).name == "stages" else [])
    return target


def trained_by(
    shape: str, ranks: int, recipe: Path, run: Path, stages: Sequence[str], *overrides: str, stop: bool = False
) -> tuple[int, str]:
    """The exit code, and what was printed, of a launch whose ranks shard; `stop` has them stop at the first step."""
    told = run / "stop"
    told.touch() if stop else told.unlink(missing_ok=True)
    only = [word for stage in stages for word in ("--only", stage)]
    arguments = ["run", str(recipe), f"launch.train={shape}", *overrides, "--out", str(run), *only]
    environment = {
        **ENVIRONMENT,
        "OMP_NUM_THREADS": "1",
        "DS_ACCELERATOR": "cpu",
        "PYTHONPATH": str(SCRIPT.parents[2]),
        STOP_FILE: str(told),
    }
    done = subprocess.run(
        [*launcher(shape, ranks), "--main_process_port", "0", str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env=environment,
    )
    return done.returncode, done.stdout + done.stderr


def weights(run: Path, stage: str) -> dict[str, torch.Tensor]:
    [file] = (run / "stages" / stage).glob("*/*.safetensors")
    return load_file(file)


def loss(run: Path, stage: str) -> float:
    return float(manifests(run)[stage]["notes"]["loss"])


@pytest.fixture(scope="module", params=["fsdp", "zero3"])
def undisturbed(request: pytest.FixtureRequest, start: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose trainings two ranks of the shape have made."""
    recipe, finished = start
    run = without_trainings(finished, tmp_path_factory.mktemp("undisturbed") / request.param)
    code, printed = trained_by(request.param, 2, recipe, run, STAGES)
    assert code == 0, printed
    return run


@pytest.mark.parametrize("stage", STAGES)
def test_two_ranks_that_shard_learn_what_one_process_learns(stage: str, undisturbed: Path, start: tuple[Path, Path]) -> None:
    _, finished = start
    found, expected = weights(undisturbed, stage), weights(finished, stage)
    assert manifests(undisturbed)[stage]["world_size"] == 2
    assert {tensor.dtype for tensor in found.values()} == {torch.float32}
    # The same rows in the same batches, also in the last one of an epoch: what is left is the order of sums, eight steps long.
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert loss(undisturbed, stage) == pytest.approx(loss(finished, stage), rel=1e-6)


@pytest.mark.parametrize("stage", STAGES)
def test_a_sharded_training_goes_on_to_the_same_bytes(
    stage: str, undisturbed: Path, start: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe, finished = start
    shape = undisturbed.name
    run = without_trainings(finished, tmp_path / "run")
    code, printed = trained_by(shape, 2, recipe, run, [stage], stop=True)
    assert code != 0
    assert "interrupted" in printed, printed
    [marker] = (run / "stages" / stage).glob("*/work/*/checkpoint-1/complete.json")
    assert json.loads(marker.read_text())["shape"] == shape
    code, printed = trained_by(shape, 2, recipe, run, [stage])
    assert code == 0, printed
    assert manifests(run)[stage]["notes"]["resumed_from_step"] == 1
    assert digests(run)[stage] == digests(undisturbed)[stage]
    assert loss(run, stage) == loss(undisturbed, stage)


# Nightly what differs from its neighbour in the model that is trained, or in the order of two shapes, alone.
@pytest.mark.parametrize("stage", [pytest.param(FULL, marks=pytest.mark.nightly), LORA])
def test_four_ranks_go_on_where_two_of_fsdp_stopped(stage: str, start: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, finished = start
    run = without_trainings(finished, tmp_path / "run")
    trained_by("fsdp", 2, recipe, run, [stage], stop=True)
    code, printed = trained_by("fsdp", 4, recipe, run, [stage])
    assert code == 0, printed
    recorded = manifests(run)[stage]
    assert (recorded["world_size"], recorded["notes"]["resumed_from_step"]) == (4, 1)
    torch.testing.assert_close(weights(run, stage), weights(finished, stage), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("first", "then", "ranks"), [("fsdp", "zero3", 2), pytest.param("zero3", "fsdp", 2, marks=pytest.mark.nightly)]
)
def test_a_checkpoint_of_another_shape_is_said_and_training_begins_anew(
    first: str, then: str, ranks: int, start: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe, finished = start
    run = without_trainings(finished, tmp_path / "run")
    trained_by(first, 2, recipe, run, [LORA], stop=True)
    code, printed = trained_by(then, ranks, recipe, run, [LORA])
    assert code == 0, printed
    name = {"fsdp": "FSDP's shards", "zero3": "ZeRO-3's shards by 2 ranks"}[first]
    assert f"train/real-slice: the checkpoint of step 1 was written in {name}, which the launch shape" in " ".join(
        printed.split()
    )
    assert manifests(run)[LORA]["notes"]["resumed_from_step"] == 0
    torch.testing.assert_close(weights(run, LORA), weights(finished, LORA), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", ["fsdp", "zero3"])
def test_bfloat16_computes_and_sums_up_in_float32(shape: str, start: tuple[Path, Path], tmp_path: Path) -> None:
    """An adapter's file is float32 under both; the loss is no number of 8 bits, and near that of float32 at equal steps."""
    recipe, finished = start
    run = without_trainings(finished, tmp_path / "run")
    code, printed = trained_by(shape, 2, recipe, run, STAGES, "base.dtype=bfloat16")
    assert code == 0, printed
    assert {tensor.dtype for tensor in weights(run, FULL).values()} == {torch.bfloat16}
    assert {tensor.dtype for tensor in weights(run, LORA).values()} == {torch.float32}
    assert any((tensor != tensor.bfloat16().float()).any() for tensor in weights(run, LORA).values())
    for stage in STAGES:
        # Eight steps' losses, each within half of bfloat16's last place if they were rounded to it: 0.016 of about 6.
        assert loss(run, stage) == pytest.approx(loss(finished, stage), abs=2e-3)
