"""One SLURM job a stage: its script from `slurm/stage.sbatch`, chained to the jobs of what it needs.

The queue itself says what was submitted: a job's name holds the stage and its fingerprint in this run folder.
"""

import shlex
import string
from dataclasses import dataclass
from pathlib import Path

from summ_collapse import store
from summ_collapse.errors import InputError
from summ_collapse.graph import Node
from summ_collapse.launch import shapes
from summ_collapse.launch.slurm import queue
from summ_collapse.launch.slurm.profile import Profile, Resources
from summ_collapse.packaged import required
from summ_collapse.run import FROZEN, Request, Run, freeze, moved
from summ_collapse.stages.stage import Stage

SCRIPTS = "slurm"  # the folder of a run that its jobs are written in; without it nothing was ever submitted


class _Script(string.Template):
    delimiter = "@"  # the shell has the dollar


@dataclass(frozen=True)
class Planned:
    """A stage's script, where it goes, and the stages whose jobs it waits for."""

    stage: Node[Stage]
    script: str
    path: Path
    after: list[str]


def job_name(run: Run, stage: Node[Stage]) -> str:
    """Names one stage of one experiment in one run folder."""
    return f"{stage.name}:{store.fingerprint([str(run.out.resolve()), stage.fingerprint])[:12]}"


def planned(run: Run, profile: Profile) -> list[Planned]:
    """A script for every stage that is not there yet, in an order in which they can be submitted."""
    _check_dtype(run, profile)
    missing = {name: stage for name, stage in run.experiment.stages.items() if not run.place(stage).whole()}
    home = run.out.resolve() / SCRIPTS / run.experiment.report.fingerprint[:12]
    scripts = []
    for stage in missing.values():
        after = sorted({source for source in stage.inputs.values() if source in missing})
        path = home / stage.kind / f"{stage.folder}.sbatch"
        scripts.append(Planned(stage, _script(run, stage, profile, home / FROZEN, after), path, after))
    return scripts


def _check_dtype(run: Run, profile: Profile) -> None:
    """InputError where nobody can say here in what a job will compute: stages are named by that."""
    if run.experiment.recipe.base.dtype == "auto":
        for stage in run.experiment.stages.values():
            if stage.stage.runs_a_model and profile.resources(stage.name, runs_a_model=True).gpus:
                raise InputError(
                    "base.dtype: auto is what the machine has that runs a stage, and this one only submits it; "
                    f"expected bfloat16 or float32, since the profile has GPUs for {stage.name}"
                )


def submit(run: Run, request: Request, profile: Profile) -> dict[str, str]:
    """Submit what is neither there nor queued; every stage that is still to come, with its job's number."""
    scripts = planned(run, profile)
    if not scripts:
        return {}
    for line in moved(run):
        run.reporter.line(line)
    freeze(run, request, scripts[0].path.parents[1] / FROZEN)
    freeze(run, request, run.out / FROZEN)
    queued = queue.jobs()
    numbers: dict[str, str] = {}
    submitted: set[str] = set()
    for plan in scripts:
        job = queued.get(job_name(run, plan.stage))
        # One that waits for a job which is submitted anew waits for the wrong one, whether SLURM knows it yet or not.
        if job is not None and not job.hopeless and not submitted.intersection(plan.after):
            numbers[plan.stage.name] = job.id
            continue
        if job is not None:
            queue.cancel(job)
        run.log(plan.stage).parent.mkdir(parents=True, exist_ok=True)
        store.write_atomic(plan.path, plan.script.encode())
        submitted.add(plan.stage.name)
        numbers[plan.stage.name] = queue.submit(plan.path, [numbers[source] for source in plan.after])
        run.reporter.line(f"{plan.stage.name}: job {numbers[plan.stage.name]}")
    return numbers


def _script(run: Run, stage: Node[Stage], profile: Profile, recipe: Path, after: list[str]) -> str:
    resources = profile.resources(stage.name, stage.stage.runs_a_model)
    log = run.log(stage).resolve()
    shape = shapes.shape_of(stage, run.experiment.recipe.launch)
    nodes = resources.nodes or 1
    return _Script(required("slurm", "stage.sbatch").read_text(encoding="utf-8")).substitute(
        recipe=run.experiment.recipe.name,
        needs=", ".join(after) or "nothing that is not there",
        job_name=job_name(run, stage),
        log=log,
        # A stage in one process has no use for a second node, nor two ranks for a third.
        nodes=min(nodes, {shapes.SINGLE: 1, "cpu_ddp": shapes.CPU_RANKS}.get(shape, nodes)),
        warning_seconds=profile.warning_seconds,
        directives="\n".join(f"#SBATCH {option}" for option in _options(resources)),
        preamble="\n".join(_preamble(profile)),
        stop_file=shlex.quote(str(log.with_suffix(".stop"))),
        task=shlex.quote(_task(stage.name, shape, resources, Request(recipe, (), run.out.resolve()))),
    )


def _options(resources: Resources) -> list[str]:
    named = {
        "--partition": resources.partition,
        "--account": resources.account,
        "--gpus-per-node": resources.gpus or None,
        "--cpus-per-task": resources.cpus,
        "--mem": resources.memory,
        "--time": resources.time,
    }
    return [f"{name}={value}" for name, value in named.items() if value is not None] + list(resources.options or [])


def _preamble(profile: Profile) -> list[str]:
    modules = [f"module load {shlex.quote(name)}" for name in profile.modules]
    variables = [f"export {name}={shlex.quote(value)}" for name, value in profile.environment.items()]
    return [*modules, *variables, *profile.setup]


def _task(stage: str, shape: str, resources: Resources, request: Request) -> str:
    """What each node runs: the stage itself, or this node's launcher of its ranks."""
    arguments = request.arguments(stage)
    if shape not in (shapes.SINGLE, "cpu_ddp") and not resources.gpus:
        raise InputError(f"profile: {stage} runs in the shape {shape!r}, and no `gpus` are given for it")
    ranks = shapes.CPU_RANKS if shape == "cpu_ddp" else (resources.nodes or 1) * (resources.gpus or 0)
    if shapes.alone(shape, ranks):
        return shlex.join(shapes.line(shapes.SINGLE, 1, arguments))
    meeting = '--num_machines "$SLURM_NNODES" --machine_rank "$SLURM_NODEID"'
    meeting += ' --main_process_ip "$MAIN_ADDRESS" --main_process_port "$MAIN_PORT"'
    launcher = shlex.join(shapes.launcher(shape, ranks))
    return f"{launcher} {meeting} -m summ_collapse {shlex.join(arguments)}"
