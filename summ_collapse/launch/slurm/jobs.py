"""SLURM jobs of a stage each, or of several that follow each other: their scripts from `slurm/stage.sbatch`, and their chains.

The queue itself says what was submitted: a job's name holds its first stage and that one's fingerprint in this run folder.
"""

import math
import shlex
import string
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from summ_collapse import store
from summ_collapse.errors import InputError
from summ_collapse.graph import Node
from summ_collapse.launch import shapes
from summ_collapse.launch.slurm import queue
from summ_collapse.launch.slurm.groups import Group, grouped
from summ_collapse.launch.slurm.profile import Profile, Resources
from summ_collapse.packaged import required
from summ_collapse.run import FROZEN, Request, Run, freeze, moved
from summ_collapse.stages.stage import Stage

JOBS = "jobs.json"  # of a run folder, whose experiments share stages: by a stage's own job name, that of the job that has it
BY_PLAN = "plan"
SPARE = 1.25  # over the plan's estimate of a node's memory
SCRIPTS = "slurm"  # the folder of a run that its jobs are written in; without it nothing was ever submitted


class _Script(string.Template):
    delimiter = "@"  # the shell has the dollar


@dataclass(frozen=True)
class Planned:
    """A job: its stages in order, its script, where that goes, and the stages of other jobs that it waits for."""

    stages: list[Node[Stage]]
    script: str
    path: Path
    after: list[str]

    @property
    def stage(self) -> Node[Stage]:
        """The first one, which the job is named after."""
        return self.stages[0]


def job_name(run: Run, stage: Node[Stage]) -> str:
    """Names one stage of one experiment in one run folder."""
    return f"{stage.name}:{store.fingerprint([str(run.out.resolve()), stage.fingerprint])[:12]}"


def heads(run: Run) -> dict[str, str]:
    """By `job_name` of a stage, the name of the job that it was last submitted in; a stage alone has its own."""
    path = run.out / SCRIPTS / JOBS
    recorded: dict[str, str] = store.read_json(path) if path.is_file() else {}
    return recorded


def planned(run: Run, profile: Profile, host_bytes: Mapping[str, int]) -> list[Planned]:
    """A script for all stages that are not there, in an order in which they can be submitted, whatever is queued.

    `host_bytes` are what a node of each stage needs of memory, for a profile that leaves it to the plan.
    """
    return _planned(run, profile, host_bytes, _missing(run), ())


def _planned(
    run: Run, profile: Profile, host_bytes: Mapping[str, int], missing: Mapping[str, Node[Stage]], queued: Collection[str]
) -> list[Planned]:
    _check_dtype(run, profile)
    home = _home(run)
    scripts = []
    for group in grouped(run.experiment.graph, missing, profile, queued):
        if group.resources.memory == BY_PLAN:
            most = max(host_bytes.get(stage.name, 0) for stage in group.stages)
            memory = f"{math.ceil(SPARE * most / 1e9)}G" if most else None
            group.resources = group.resources.model_copy(update={"memory": memory})
        path = home / group.stages[0].kind / f"{group.stages[0].folder}.sbatch"
        scripts.append(Planned(group.stages, _script(run, group, profile, home / FROZEN), path, sorted(group.after)))
    return scripts


def _missing(run: Run) -> dict[str, Node[Stage]]:
    return {name: stage for name, stage in run.experiment.stages.items() if not run.place(stage).whole()}


def _home(run: Run) -> Path:
    """The folder of this experiment's scripts."""
    return run.out.resolve() / SCRIPTS / run.experiment.report.fingerprint[:12]


def _check_dtype(run: Run, profile: Profile) -> None:
    """InputError where nobody can say here in what a job will compute: stages are named by that."""
    if run.experiment.recipe.base.dtype == "auto":
        for stage in run.experiment.stages.values():
            if stage.stage.runs_a_model and profile.resources(stage.name, runs_a_model=True).gpus:
                raise InputError(
                    "base.dtype: auto is what the machine has that runs a stage, and this one only submits it; "
                    f"expected bfloat16 or float32, since the profile has GPUs for {stage.name}"
                )


def submit(run: Run, request: Request, profile: Profile, host_bytes: Mapping[str, int]) -> dict[str, str]:
    """Submit what is neither there nor queued; every stage that is still to come, with its job's number."""
    jobs = queue.jobs()  # before the disk is looked at: what ends meanwhile is found done there
    missing = _missing(run)
    held, useless = _queued(run, missing, jobs)
    scripts = _planned(run, profile, host_bytes, missing, held)
    numbers = {name: job.id for name, job in held.items()}
    if not scripts:
        return numbers
    for line in moved(run):
        run.reporter.line(line)
    home, named = _home(run), heads(run)
    freeze(run, request, home / FROZEN)
    freeze(run, request, run.out / FROZEN)
    for job in useless:
        queue.cancel(job)
    # All of them before the first is submitted: an older grouping must not outlive a queue that takes no more jobs.
    named |= {job_name(run, stage): job_name(run, plan.stage) for plan in scripts for stage in plan.stages}
    store.write_json(run.out / SCRIPTS / JOBS, named)
    for plan in scripts:
        for stage in plan.stages:
            run.log(stage).parent.mkdir(parents=True, exist_ok=True)
        store.write_atomic(plan.path, plan.script.encode())
        number = queue.submit(plan.path, sorted({numbers[source] for source in plan.after}))
        names = [stage.name for stage in plan.stages]
        numbers |= dict.fromkeys(names, number)
        run.reporter.line(f"{', '.join(names)}: job {number}")
    return numbers


def _queued(
    run: Run, missing: Mapping[str, Node[Stage]], jobs: Mapping[str, queue.Job]
) -> tuple[dict[str, queue.Job], list[queue.Job]]:
    """By missing stage, the job that will make it; and the jobs that will not make theirs.

    A job is of no use where it waits for one that failed, or for a stage that no other job of use makes: that one is submitted
    anew, and this waits for the wrong one, whether SLURM knows it yet or not.
    """
    named = heads(run)
    own = {name: job_name(run, stage) for name, stage in missing.items()}
    held = {name: jobs[head] for name, job in own.items() if (head := named.get(job, job)) in jobs}
    useless = {job.id: job for job in held.values() if job.hopeless}
    while True:
        held = {name: job for name, job in held.items() if job.id not in useless}
        cut_off = {job.id: job for name, job in held.items() if (missing.keys() & {*missing[name].inputs.values()}) - held.keys()}
        if not cut_off:
            return held, list(useless.values())
        useless |= cut_off


def _script(run: Run, group: Group, profile: Profile, recipe: Path) -> str:
    log = run.log(group.stages[0]).resolve()
    tasks = [_Task.of(run, stage, group.resources, profile, Request(recipe, (), run.out.resolve())) for stage in group.stages]
    return _Script(required("slurm", "stage.sbatch").read_text(encoding="utf-8")).substitute(
        recipe=run.experiment.recipe.name,
        stages=", ".join(stage.name for stage in group.stages),
        needs=", ".join(sorted(group.after)) or "nothing that is not there",
        job_name=job_name(run, group.stages[0]),
        log=log,
        nodes=max(task.nodes for task in tasks),
        warning_seconds=profile.warning_seconds,
        directives="\n".join(f"#SBATCH {option}" for option in _options(group.resources)),
        preamble="\n".join(_preamble(profile)),
        stop_file=shlex.quote(str(log.with_suffix(".stop"))),
        tasks="\n".join(f"stage {task.nodes} {shlex.quote(str(task.log))} {shlex.quote(task.line)}" for task in tasks),
        last=shlex.quote(tasks[-1].line),
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


@dataclass(frozen=True)
class _Task:
    """One stage of a job: on how many nodes, with which log, and what each node runs."""

    nodes: int
    log: Path
    line: str

    @classmethod
    def of(cls, run: Run, stage: Node[Stage], resources: Resources, profile: Profile, request: Request) -> "_Task":
        """The stage itself, or each node's launcher of its ranks."""
        shape = shapes.shape_of(stage, run.experiment.recipe.launch)
        nodes = profile.resources(stage.name, stage.stage.runs_a_model).nodes or 1
        # A stage in one process has no use for a second node, nor two ranks for a third.
        nodes = min(nodes, {shapes.SINGLE: 1, "cpu_ddp": shapes.CPU_RANKS}.get(shape, nodes))
        arguments, log = request.arguments(stage.name), run.log(stage).resolve()
        if shape not in (shapes.SINGLE, "cpu_ddp") and not resources.gpus:
            raise InputError(f"profile: {stage.name} runs in the shape {shape!r}, and no `gpus` are given for it")
        ranks = shapes.CPU_RANKS if shape == "cpu_ddp" else nodes * (resources.gpus or 0)
        if shapes.alone(shape, ranks):
            return cls(nodes, log, shlex.join(shapes.line(shapes.SINGLE, 1, arguments)))
        meeting = f'--num_machines {nodes} --machine_rank "$SLURM_NODEID"'
        meeting += ' --main_process_ip "$MAIN_ADDRESS" --main_process_port "$MAIN_PORT"'
        launcher = shlex.join(shapes.launcher(shape, ranks))
        return cls(nodes, log, f"{launcher} {meeting} -m summ_collapse {shlex.join(arguments)}")
