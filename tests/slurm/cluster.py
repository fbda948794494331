"""A real SLURM with two virtual nodes on this machine, for as long as a test needs it.

Everything lives in one folder and on ports picked at run time, so nothing of the machine's own SLURM or MUNGE is read
or written, and two clusters do not meet. The daemons are this process's children: they are stopped by their process
ids, and end with the thread that started them should this process be killed.

    with running_cluster(tmp_path) as cluster:
        job = cluster.run("sbatch", "--parsable", "job.sh").stdout.strip()
        assert cluster.wait([job]) == {job: "COMPLETED"}
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.slurm.prepare import NODES, SEARCH, configure, install, user

# States that a job does not leave, short of `scontrol requeue`.
FINISHED = frozenset(
    ("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT")
)


@dataclass(frozen=True)
class Cluster:
    """A running SLURM: nodes `n1` and `n2` of one CPU each, in one partition."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: object, cwd: Path | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command as this cluster's client; its exit code is the caller's to check."""
        return subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            cwd=cwd,
            timeout=timeout,
            env=self.environment,
            check=False,
        )

    def state(self, job_id: str) -> str:
        """The job's state in SLURM's long form, such as `PENDING`; finished jobs are known for an hour."""
        done = self.run("squeue", "--noheader", "--states=all", f"--jobs={job_id}", "--format=%T")
        if done.returncode or not done.stdout.strip():
            raise RuntimeError(f"SLURM does not know job {job_id}: {done.stderr.strip() or 'no line for it'}")
        return done.stdout.split()[0]

    def wait(self, job_ids: Iterable[str], timeout: float = 60) -> dict[str, str]:
        """Wait until every job has finished; return their states by id."""
        ids = list(job_ids)
        states: dict[str, str] = {}

        def finished() -> bool:
            states.update({job_id: self.state(job_id) for job_id in ids})
            return all(state in FINISHED for state in states.values())

        if not _until(finished, timeout):
            raise TimeoutError(f"after {timeout} s the jobs are {states}\n{self.logs()}")
        return states

    def logs(self, lines: int = 40) -> str:
        """The end of each daemon's log."""
        ends = []
        for path in sorted((self.folder / "logs").glob("*.log")):
            ends += [f"== {path.name} ==", *path.read_text(errors="replace").splitlines()[-lines:]]
        return "\n".join(ends)


@contextmanager
def running_cluster(folder: Path, cpus: int = 1, gpus: int = 0) -> Iterator[Cluster]:
    """Start a cluster that keeps everything in `folder`; on leaving, end its jobs and its daemons.

    The folder's path must be short (about 80 characters), since the sockets in it are bound by their full path.
    """
    install()
    folder = folder.absolute()
    configuration = configure(folder, cpus, gpus)
    # Inside a job of a real cluster, that job's variables would steer our client commands.
    foreign = ("SLURM", "SBATCH", "SRUN", "SALLOC", "SQUEUE", "SINFO", "SCANCEL")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    environment["SLURM_CONF"] = str(configuration)
    cluster = Cluster(folder, environment)
    # The folder may be below one that only its owner can enter, which MUNGE takes for a mistake unless forced.
    munge = ["--foreground", "--force", f"--socket={folder}/munge.socket", f"--key-file={folder}/munge.key"]
    munge += [f"--pid-file={folder}/munge.pid", f"--seed-file={folder}/munge.seed"]
    with ExitStack() as stack:
        daemons: dict[str, subprocess.Popen[bytes]] = {}

        def start(name: str, program: str, *options: str) -> None:
            daemons[name] = stack.enter_context(_daemon(cluster, name, program, *options))

        start("munged", "munged", *munge)
        _ready(cluster, daemons, (folder / "munge.socket").exists, 20)
        start("slurmctld", "slurmctld", "-D")
        stack.callback(_end_leftovers, configuration)
        for node in NODES:
            start(f"slurmd.{node}", "slurmd", "-D", "-N", node)
        _ready(cluster, daemons, lambda: _idle(cluster), 60)
        stack.callback(_cancel_jobs, cluster)
        yield cluster


@contextmanager
def _daemon(cluster: Cluster, name: str, program: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon in the foreground, as our child; terminated, then killed, when we leave."""
    # setpriv: should this process be killed, the daemon is told to end.
    command = ["setpriv", "--pdeathsig", "TERM", str(shutil.which(program, path=SEARCH)), *options]
    with (cluster.folder / "logs" / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cluster.folder, env=cluster.environment
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until(condition: Callable[[], bool], timeout: float) -> bool:
    """Whether the condition came true in time."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def _ready(
    cluster: Cluster, daemons: Mapping[str, subprocess.Popen[bytes]], condition: Callable[[], bool], timeout: float
) -> None:
    """Wait for a condition that the daemons bring about; raise with their logs if one ends or time is up."""

    def ended() -> dict[str, int]:
        return {name: code for name, daemon in daemons.items() if (code := daemon.poll()) is not None}

    came = _until(lambda: bool(ended()) or condition(), timeout)
    if ended() or not came:
        why = f"ended with {ended()}" if ended() else f"not ready after {timeout} s"
        raise RuntimeError(f"SLURM did not start: {why}\n{cluster.logs()}")


def _idle(cluster: Cluster) -> bool:
    """Whether every node is there and idle."""
    try:
        done = cluster.run("sinfo", "--noheader", "--Node", "--format=%N %T", timeout=10)
    except subprocess.TimeoutExpired:  # the controller is there and does not answer yet
        return False
    return sorted(done.stdout.splitlines()) == [f"{node} idle" for node in NODES]


def _cancel_jobs(cluster: Cluster) -> None:
    """Cancel every job and wait for the nodes to be done with them: KillWait, and a margin."""
    with suppress(subprocess.TimeoutExpired):  # a controller that is gone: what it left running is ended next
        cluster.run("scancel", f"--user={user()}", timeout=20)
        _until(lambda: not cluster.run("squeue", "--noheader", timeout=20).stdout.strip(), 20)


def _end_leftovers(configuration: Path) -> None:
    """Kill what outlived the cancelling, such as a job's process that left its session."""
    ours = f"SLURM_CONF={configuration}".encode()

    def killed_none() -> bool:
        none = True
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # processes of others, and those that end while we look
                variables = (process / "environ").read_bytes().split(b"\0")
                # SLURM_CONF alone may be a client's, which is not ours to end.
                in_job = any(variable.startswith(b"SLURM_JOB_ID=") for variable in variables)
                if ours in variables and (in_job or (process / "comm").read_text() == "slurmstepd\n"):
                    os.kill(int(process.name), signal.SIGKILL)
                    none = False
        return none

    _until(killed_none, 5)  # again and again, since a process may have started another in between
