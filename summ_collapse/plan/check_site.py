"""What only a SLURM site can be asked: whether it takes the scripts, and whether its nodes share the run's folder."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from summ_collapse.launch.shapes import CPU_RANKS, shape_of
from summ_collapse.launch.slurm import queue
from summ_collapse.launch.slurm.jobs import planned
from summ_collapse.launch.slurm.profile import Profile, load_profile
from summ_collapse.plan.plan import Machine, laid_out
from summ_collapse.run import Request, Run, open_run, recipe_of

PATIENCE = 60  # seconds for two nodes to be free
MINUTES = 4  # of their time
ASKS = "#SBATCH --"
OF_ONE_JOB = (f"{ASKS}job-name", f"{ASKS}output", f"{ASKS}error")  # what tells scripts apart and not what they ask for

Verdict = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Finding:
    """What one check came to."""

    what: str
    verdict: Verdict
    detail: str


def node_bytes(run: Run, profile: Profile) -> dict[str, int]:
    """By stage, the memory that a node of the profile needs for it."""
    launch = run.experiment.recipe.launch
    ranks = {
        name: CPU_RANKS if shape_of(stage, launch) == "cpu_ddp" else profile.resources(name, stage.stage.runs_a_model).gpus or 1
        for name, stage in run.experiment.stages.items()
    }
    found: dict[str, int] = {}
    for count in set(ranks.values()):
        laid = laid_out(run.experiment, run.out, Machine(devices=count)).stages
        found |= {stage.name: stage.host_bytes for stage in laid if ranks[stage.name] == count}
    return found


def scripts(request: Request, path: Path) -> Iterator[Finding]:
    """SLURM would take every different script."""
    profile = load_profile(path)
    run = open_run(recipe_of(request), request.out)
    seen = set()
    with tempfile.TemporaryDirectory() as folder:
        for job in planned(run, profile, node_bytes(run, profile)):
            kinds = ", ".join(dict.fromkeys(stage.kind for stage in job.stages))
            asked = (
                kinds,
                tuple(line for line in job.script.splitlines() if line.startswith(ASKS) and not line.startswith(OF_ONE_JOB)),
            )
            if asked in seen:
                continue
            seen.add(asked)
            script = Path(folder) / "stage.sbatch"
            script.write_text(job.script)
            refusal = queue.refusal(script)
            yield Finding("slurm", "failed" if refusal else "ok", f"{kinds}: {refusal or 'accepted'}")


def two_nodes(out: Path, path: Path) -> Iterator[Finding]:
    """Two nodes lock, and see each other's files, in the run's folder; not tried where they are not free within a minute."""
    profile = load_profile(path)
    if not queue.available():
        return
    made = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    named = {"--partition": profile.partition, "--account": profile.account}
    where = [f"{name}={value}" for name, value in named.items() if value is not None] + list(profile.options or [])
    ask = ["srun", "--nodes=2", "--ntasks-per-node=1", f"--immediate={PATIENCE}", f"--time={MINUTES}", "--wait=0", *where]
    trial = [sys.executable, "-m", "summ_collapse.launch.shared_disk", str(out.resolve()), f"shared-{os.getpid()}"]
    try:
        done = subprocess.run([*ask, *trial], capture_output=True, text=True, timeout=PATIENCE + 60 * MINUTES, check=False)
    except subprocess.TimeoutExpired:
        yield Finding("nodes", "failed", f"two nodes came to no end with {out} within {MINUTES} minutes")
        return
    finally:
        for left in out.glob(f".shared-{os.getpid()}.*"):
            left.unlink(missing_ok=True)
        if made and not any(out.iterdir()):
            out.rmdir()
    said = [line for line in done.stderr.splitlines() if str(out.resolve()) in line]
    if done.returncode == 0:
        yield Finding("nodes", "ok", f"two nodes exclude each other in {out}, and see each other's files")
    elif said:
        yield Finding("nodes", "failed", said[0].removeprefix("error: "))
    else:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        yield Finding("nodes", "warning", f"not tried, since SLURM gave no two nodes within {PATIENCE} s: {last}")
