"""A real SLURM takes a whole experiment to its table, whatever is cancelled or requeued on the way."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import ENVIRONMENT, Done, merged, summ_collapse
from tests.faults.kills import FEW
from tests.slurm.cluster import Cluster, running_cluster
from tests.test_pipeline import digests, manifests

# The train stages run as two ranks, one on each node; so does generation.
SHAPES = {"launch": {"train": "cpu_ddp", "generate": "cpu_ddp", "checkpoint_steps": 2}}
TWO_NODES = {"nodes": 2, "time": "10", "warning_seconds": 20}
RESTART = 10  # seconds that SLURM keeps a requeued job waiting here


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    # Long enough that somebody can interfere.
    longer = {"generator": {"train": {"steps": 1200}}, "synthesis": {"chunk_size": 8}}
    path.write_text(yaml.safe_dump(merged(merged(FEW, SHAPES), longer), sort_keys=False))
    (tmp_path / "profile.yaml").write_text(yaml.safe_dump(TWO_NODES))
    return path


def on(cluster: Cluster, *arguments: object) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "summ_collapse", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**cluster.environment, **{key: ENVIRONMENT[key] for key in ("HF_HUB_OFFLINE",)}},
    )
    return Done(done.returncode, done.stdout, done.stderr)


def submit(cluster: Cluster, recipe: Path, run: Path) -> dict[str, str]:
    done = on(cluster, "slurm", recipe, "--out", run, "--profile", recipe.parent / "profile.yaml", "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def until(ready: Callable[[], bool], what: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"{what} never came"
        time.sleep(0.1)


def logs(run: Path) -> str:
    return "\n".join(f"== {path}\n{path.read_text(errors='replace')[-1500:]}" for path in sorted(run.glob("logs/*/*.log")))


@pytest.mark.slow
def test_cancelled_and_requeued_jobs_end_in_the_table_of_an_undisturbed_run(
    cluster: Cluster, recipe: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    checked = on(cluster, "check", recipe, "--out", run, "--profile", recipe.parent / "profile.yaml", "--json")
    assert checked.code == 0, checked.out + checked.err
    assert {"what": "slurm", "verdict": "ok", "detail": "train: accepted"} in json.loads(checked.out)
    shared = {"what": "nodes", "verdict": "ok", "detail": f"two nodes exclude each other in {run}, and see each other's files"}
    assert shared in json.loads(checked.out), checked.out
    assert not run.exists()

    jobs = submit(cluster, recipe, run)
    assert len(jobs) == 17
    trained = run / "stages" / "train" / "generator"

    # Requeued in the middle of a training on two nodes, and once more cancelled: both lose nothing before a checkpoint.
    until(lambda: any(trained.glob("*/work/checkpoint-*/complete.json")), "a checkpoint")
    shown = {state["stage"]: state for state in json.loads(on(cluster, "status", run, "--json").out)}
    assert shown["train/generator"]["state"] == "running"
    assert shown["report/all"]["state"] == "queued"
    assert cluster.run("scontrol", "requeue", jobs["train/generator"]).returncode == 0
    until(lambda: cluster.state(jobs["train/generator"]) == "PENDING", "the requeued job")
    steps = max(int(path.parent.name.rpartition("-")[2]) for path in trained.glob("*/work/checkpoint-*/complete.json"))
    until(lambda: cluster.state(jobs["train/generator"]) == "RUNNING", "its second start", RESTART + 60)
    until(lambda: resumed_beyond(trained, steps), "a checkpoint after the requeue")
    assert cluster.run("scancel", jobs["train/generator"]).returncode == 0
    assert cluster.wait([jobs["train/generator"], jobs["report/all"]], 60) == {
        jobs["train/generator"]: "CANCELLED",
        jobs["report/all"]: "CANCELLED",  # what can never run does not wait for ever
    }

    again = submit(cluster, recipe, run)
    assert "prepare/data" not in again
    assert "pretrain/base" not in again
    ended = cluster.wait(again.values(), 420)
    assert set(ended.values()) == {"COMPLETED"}, f"{ended}\n{logs(run)}"
    assert submit(cluster, recipe, run) == {}
    assert {state["state"] for state in json.loads(on(cluster, "status", run, "--json").out)} == {"done"}

    manifest = manifests(run)["train/generator"]
    assert manifest["notes"]["resumed_from_step"] >= steps
    assert manifest["world_size"] == 2
    undisturbed = summ_collapse("run", recipe, "--out", tmp_path / "undisturbed")
    assert undisturbed.code == 0, undisturbed.err
    assert digests(run) == digests(tmp_path / "undisturbed")
    table = "report/table.csv"
    assert (run / table).read_bytes() == (tmp_path / "undisturbed" / table).read_bytes()


def resumed_beyond(trained: Path, steps: int) -> bool:
    return any(int(path.parent.name.rpartition("-")[2]) > steps for path in trained.glob("*/work/checkpoint-*/complete.json"))


@pytest.mark.slow
def test_a_job_whose_time_is_up_writes_a_checkpoint_and_requeues_itself(cluster: Cluster, recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    jobs = submit(cluster, recipe, run)
    job = jobs["train/generator"]
    trained = run / "stages" / "train" / "generator"
    until(lambda: any(trained.glob("*/work/checkpoint-*/complete.json")), "a checkpoint")
    # What SLURM does `warning_seconds` before the end, without the wait for it.
    assert cluster.run("scancel", "--signal=USR1", "--batch", job).returncode == 0
    until(lambda: cluster.state(job) in ("PENDING", "COMPLETING"), "the requeued job", 60)
    assert cluster.wait([job], 120) == {job: "COMPLETED"}, logs(run)
    assert manifests(run)["train/generator"]["notes"]["resumed_from_step"] > 0
    cluster.run("scancel", *jobs.values())


@pytest.mark.nightly  # a second cluster; of what it shows, each part is shown by a shorter test
def test_the_shipped_profile_on_two_nodes_gives_the_bytes_of_one_process_and_no_gpu_to_what_needs_none(
    recipe: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nodes that only say that they have GPUs: who asks for them is SLURM's to tell."""
    shipped = yaml.safe_load((Path(__file__).parents[2] / "slurm" / "profile.yaml").read_text())
    (tmp_path / "profile.yaml").write_text(yaml.safe_dump({**shipped, "nodes": 2}))
    quick = ["base.dtype=float32", "generator.train.steps=20"]
    run = tmp_path / "run"
    with running_cluster(tmp_path_factory.mktemp("gpus"), cpus=16, gpus=8) as cluster:
        arguments = ["slurm", recipe, *quick, "--out", run, "--profile", tmp_path / "profile.yaml", "--json"]
        done = on(cluster, *arguments)
        assert done.code == 0, done.err
        jobs = json.loads(done.out)
        assert jobs["train/self-0.5"] == jobs["evaluate/self-0.5"] == jobs["select/self-0.5"]
        assert len(set(jobs.values())) < len(jobs) - 3
        assert json.loads(on(cluster, *arguments).out).items() <= jobs.items()  # again, nothing is submitted twice
        asking = {name for name, job in jobs.items() if "gres:gpu" in cluster.run("scontrol", "show", "job", job).stdout}
        assert {"prepare/data", "verify/judge", "report/all"}.isdisjoint(asking)
        assert {"pretrain/base", "train/generator", "generate/generator", "verify/self", "train/self-0.5"} <= asking
        ended = cluster.wait(set(jobs.values()), 420)
        assert set(ended.values()) == {"COMPLETED"}, f"{ended}\n{logs(run)}"
        assert {state["state"] for state in json.loads(on(cluster, "status", run, "--json").out)} == {"done"}
    assert manifests(run)["train/generator"]["world_size"] == 2
    undisturbed = summ_collapse("run", recipe, *quick, "--out", tmp_path / "undisturbed")
    assert undisturbed.code == 0, undisturbed.err
    assert digests(run) == digests(tmp_path / "undisturbed")
    table = "report/table.csv"
    assert (run / table).read_bytes() == (tmp_path / "undisturbed" / table).read_bytes()
