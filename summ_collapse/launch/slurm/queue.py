"""What SLURM is asked: to take a script, to drop a job, and what it has of ours."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from summ_collapse.errors import InputError, StageError

HOPELESS = "DependencyNeverSatisfied"
PATIENCE = 60  # seconds for an answer


@dataclass(frozen=True)
class Job:
    """One job of this user's in the queue."""

    id: str
    name: str
    state: str  # PENDING, RUNNING, ...
    reason: str

    @property
    def hopeless(self) -> bool:
        """Whether it waits for a job that has failed."""
        return HOPELESS in self.reason


def available() -> bool:
    """Whether this machine can talk to SLURM."""
    return shutil.which("squeue") is not None


def jobs() -> dict[str, Job]:
    """All jobs of this user's that wait or run, by name."""
    listed = _ask(["squeue", "--noheader", "--user", str(os.getuid()), "--format=%i|%j|%T|%r"])
    found = [Job(*line.split("|", 3)) for line in listed.splitlines() if line.count("|") >= 3]
    return {job.name: job for job in found if job.state != "COMPLETING"}


def submit(script: Path, after: Iterable[str]) -> str:
    """Queue a script behind the jobs `after`; its job's number."""
    waits = [f"--dependency=afterok:{':'.join(after)}", "--kill-on-invalid-dep=yes"] if after else []
    return _ask(["sbatch", "--parsable", *waits, str(script)]).strip().partition(";")[0]


def cancel(job: Job) -> None:
    _ask(["scancel", job.id])


def refusal(script: Path) -> str | None:
    """Why SLURM would not take a script, or None (`sbatch --test-only`)."""
    done = _run(["sbatch", "--test-only", str(script)])
    return None if done.returncode == 0 else done.stderr.strip()


def _ask(command: Sequence[str]) -> str:
    done = _run(command)
    if done.returncode:
        raise StageError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except FileNotFoundError:
        raise InputError(f"{command[0]}: no such command; this machine has no SLURM (--dry-run needs none)") from None
    except subprocess.TimeoutExpired:
        raise StageError(f"{command[0]} gave no answer within {PATIENCE} seconds") from None
