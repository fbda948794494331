"""What `dtype: auto` comes to: told once a machine, and what fingerprints hold."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from summ_collapse.models import compute
from summ_collapse.models.loading import compute_dtype
from summ_collapse.run import FROZEN, Request, freeze, open_run, recipe_of, thawed
from tests.conftest import inside


@pytest.fixture
def with_gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    def have(there: bool) -> None:
        monkeypatch.setattr(compute, "_has_bfloat16", lambda: there)

    return have


def test_auto_is_what_the_machine_has(with_gpu: Callable[[bool], None]) -> None:
    with_gpu(False)
    assert (compute.resolved("auto"), compute_dtype("auto")) == ("float32", torch.float32)
    with_gpu(True)
    assert (compute.resolved("auto"), compute_dtype("auto")) == ("bfloat16", torch.bfloat16)
    assert (compute.resolved("float32"), compute_dtype("float32")) == ("float32", torch.float32)


def test_fingerprints_hold_the_compute_type_and_a_frozen_recipe_too(
    with_gpu: Callable[[bool], None], write_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    def prints(dtype: str) -> dict[str, str]:
        request = Request(write_recipe(), [f"base.dtype={dtype}"], tmp_path / "run")
        return {name: stage.fingerprint for name, stage in open_run(recipe_of(request), request.out).experiment.stages.items()}

    with_gpu(False)
    on_cpu, float32, bfloat16 = prints("auto"), prints("float32"), prints("bfloat16")
    assert on_cpu == float32
    assert on_cpu["pretrain/base"] != bfloat16["pretrain/base"]
    assert on_cpu["evaluate/real-full"] != bfloat16["evaluate/real-full"]
    request = Request(write_recipe(), [], tmp_path / "run")
    freeze(open_run(recipe_of(request), request.out), request, tmp_path / "run" / FROZEN)
    with_gpu(True)
    assert prints("auto") == bfloat16
    # A job reads the frozen recipe on another machine, and means the stages that were submitted.
    assert thawed(tmp_path / "run" / FROZEN).base.dtype == "float32"


def test_a_machine_without_a_gpu_does_not_load_torch_to_know_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "DRIVERS", (Path("/no/such/driver"),))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("asked torch"))
    assert compute._has_bfloat16.__wrapped__() is False


def test_jobs_on_gpus_are_not_submitted_in_the_type_of_a_login_node(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text(yaml.safe_dump({"gpus": 2}))
    arguments = ["slurm", write_recipe(), "--out", tmp_path / "run", "--profile", profile, "--dry-run"]
    done = inside(*arguments)
    assert done.code == 2
    assert "base.dtype: auto is what the machine has that runs a stage" in done.err
    assert inside(*arguments, "base.dtype=bfloat16").code == 0
