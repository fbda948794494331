"""The cluster that the tests start is a SLURM that behaves as users know it."""

import time
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster, running_cluster

pytestmark = pytest.mark.slow


def submit(cluster: Cluster, folder: Path, script: str, *options: str) -> str:
    """Submit shell lines as a job that writes to `<folder>/<job>.out`; return the job's id."""
    done = cluster.run("sbatch", "--parsable", f"--output={folder}/%j.out", *options, "--wrap", script, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def lines(folder: Path, job: str) -> list[str]:
    return (folder / f"{job}.out").read_text().splitlines()


def processes_naming(text: str) -> list[str]:
    """The command lines of all processes that have `text` in their command line or environment, except zombies."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_text()
            variables = (process / "environ").read_text(errors="replace")
        except OSError:  # it ended while we looked
            continue
        if text in arguments + variables:
            found.append(arguments.replace("\0", " "))
    return found


def test_a_step_runs_on_both_nodes(cluster: Cluster, tmp_path: Path) -> None:
    job = submit(cluster, tmp_path, "srun bash -c 'echo $SLURMD_NODENAME $SLURM_PROCID'", "--nodes=2")
    assert cluster.wait([job]) == {job: "COMPLETED"}
    assert sorted(lines(tmp_path, job)) == ["n1 0", "n2 1"]


def test_two_jobs_run_side_by_side(cluster: Cluster, tmp_path: Path) -> None:
    meet = "touch {}; until [ -e {} ]; do sleep 0.1; done"
    jobs = [submit(cluster, tmp_path, meet.format(*names)) for names in (("a", "b"), ("b", "a"))]
    assert set(cluster.wait(jobs).values()) == {"COMPLETED"}


def test_a_job_waits_for_those_it_depends_on(cluster: Cluster, tmp_path: Path) -> None:
    first = [submit(cluster, tmp_path, f"sleep 1; touch {name}") for name in "ab"]
    last = submit(cluster, tmp_path, "ls a b", f"--dependency=afterok:{':'.join(first)}")
    assert cluster.wait([last]) == {last: "COMPLETED"}
    assert lines(tmp_path, last) == ["a", "b"]


def test_a_failure_cancels_what_depends_on_it(cluster: Cluster, tmp_path: Path) -> None:
    good, bad = submit(cluster, tmp_path, "true"), submit(cluster, tmp_path, "exit 5")
    last = submit(cluster, tmp_path, "true", f"--dependency=afterok:{good}:{bad}", "--kill-on-invalid-dep=yes")
    assert cluster.wait([good, bad, last]) == {good: "COMPLETED", bad: "FAILED", last: "CANCELLED"}


def test_a_requeued_job_starts_again_under_its_id(cluster: Cluster, tmp_path: Path) -> None:
    script = 'echo "restarts ${SLURM_RESTART_COUNT:-0}"; [ -n "$SLURM_RESTART_COUNT" ] || scontrol requeue $SLURM_JOB_ID'
    job = submit(cluster, tmp_path, f'{script}; [ -n "$SLURM_RESTART_COUNT" ]', "--requeue", "--open-mode=append")
    assert cluster.wait([job]) == {job: "COMPLETED"}
    assert [line for line in lines(tmp_path, job) if line.startswith("restarts")] == ["restarts 0", "restarts 1"]


def test_the_batch_shell_is_warned_before_its_time_is_up(cluster: Cluster, tmp_path: Path) -> None:
    script = "trap 'echo warned; exit 0' USR1; sleep 100 & wait"
    # SLURM looks every 30 seconds: the warning comes that much after the start, or sooner.
    job = submit(cluster, tmp_path, script, "--time=1", "--signal=B:USR1@60")
    assert cluster.wait([job], timeout=90) == {job: "COMPLETED"}
    # SLURM adds a line of its own where the shell is gone before all of its signals are.
    assert [line for line in lines(tmp_path, job) if not line.startswith("slurmstepd")] == ["warned"]


def test_nothing_is_left_of_a_cluster_and_its_jobs(tmp_path: Path) -> None:
    with running_cluster(tmp_path / "c") as cluster:
        stubborn = "trap '' TERM; (setsid sleep 600 &); touch started; while true; do sleep 1; done"
        job = submit(cluster, tmp_path, stubborn)
        while not (tmp_path / "started").exists():
            assert cluster.state(job) in {"PENDING", "RUNNING"}
            time.sleep(0.1)
        assert processes_naming(str(tmp_path / "c"))
    assert processes_naming(str(tmp_path / "c")) == []
