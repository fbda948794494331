"""Full disks, damaged files, a clock that jumps, half-written chunks and checkpoints: nothing lost, and said clearly."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT, command, inside, summ_collapse
from tests.faults.kills import SABOTAGE
from tests.launch.test_interruption import without
from tests.test_pipeline import digests


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], capture_output=True, text=True, check=False)
    if done.returncode:
        # Only root may mount, and no other way fills a disk for one test alone; CI runs as root, so there it is not skipped.
        pytest.skip(f"mounting a small tmpfs takes rights that this user lacks: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize(
    "stage",
    [
        "train/real-full",
        # Nightly: the same disk, met by other stages.
        *(pytest.param(stage, marks=pytest.mark.nightly) for stage in ("generate/generator", "evaluate/unfiltered")),
    ],
)
def test_a_full_disk_fails_the_stage_and_leaves_nothing_half_done(
    stage: str, small_run: tuple[Path, Path], small_disk: Path
) -> None:
    recipe, finished = small_run
    run = without(finished, stage, small_disk / "run")
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        file.write(bytes(shutil.disk_usage(small_disk).free - 4096))
    done = summ_collapse("run", recipe, "--out", run, "--only", stage)
    assert done.code == 1, done.err
    assert f"error: {stage} failed: " in done.err
    assert "No space left on device" in done.err
    assert "Traceback" not in done.err
    assert not list((run / "stages" / stage).glob("*/manifest.json"))
    filler.unlink()
    assert inside("run", recipe, "--out", run).code == 0
    assert digests(run) == digests(finished)


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("generate/generator/*/candidates.parquet", "truncated"),
        ("train/generator/*/model.safetensors", "flipped"),
        # Nightly: each file with the harm that the other one has above.
        pytest.param("generate/generator/*/candidates.parquet", "flipped", marks=pytest.mark.nightly),
        pytest.param("train/generator/*/model.safetensors", "truncated", marks=pytest.mark.nightly),
    ],
)
def test_damage_is_found_named_and_mended(harm: str, name: str, small_run: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, finished = small_run
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    path = next((run / "stages").glob(name))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content if harm == "flipped" else content[: len(content) // 2])
    # A wrong size shows at once; a flipped bit to whoever asks for digests.
    done = inside("run", recipe, "--out", run, *(["--verify"] if harm == "flipped" else []))
    assert done.code == 0, done.err
    assert f"{path} has " in done.err
    assert done.err.count("running it again") == 1
    assert digests(run) == digests(finished)


def test_the_clock_may_jump(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, finished = small_run
    run = without(without(finished, "train/real-full", tmp_path / "a"), "generate/generator", tmp_path / "b")
    environment = {**ENVIRONMENT, "PYTHONPATH": str(SABOTAGE), "SABOTAGE_CLOCK": "86400"}
    done = subprocess.run(
        command("run", recipe, "--out", run), capture_output=True, text=True, env=environment, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert digests(run) == digests(finished)


def test_half_written_chunks_and_unmarked_checkpoints_are_made_again(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, finished = small_run
    run = without(without(finished, "train/real-full", tmp_path / "a"), "generate/generator", tmp_path / "b")
    for stage in ("train/real-full", "generate/generator"):
        fingerprint = next((finished / "stages" / stage).glob("*/manifest.json")).parent.name
        (run / "stages" / stage / fingerprint / "work").mkdir(parents=True)
    work = next((run / "stages" / "generate").glob("generator/*/work"))
    candidates = next((finished / "stages" / "generate").glob("generator/*/candidates.parquet")).read_bytes()
    (work / "chunk-000000.parquet").write_bytes(candidates[: len(candidates) // 2])
    (work / "chunk-000001.parquet").write_bytes(candidates)  # readable, but no chunk of ours
    (work / ".chunk-000002.parquet.123.tmp").write_bytes(b"")
    checkpoint = next((run / "stages" / "train").glob("real-full/*/work")) / "checkpoint-5"
    checkpoint.mkdir()
    (checkpoint / "adapter_model.safetensors").write_bytes(os.urandom(100))
    done = inside("run", recipe, "--out", run)
    assert done.code == 0, done.err
    assert digests(run) == digests(finished)
