"""What a run would do: its stages, what is there already, rows, tokens, memory and hours; needs neither data nor models."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from summ_collapse.errors import InputError
from summ_collapse.experiment.experiment import Experiment, experiment_of
from summ_collapse.graph import Node
from summ_collapse.launch.shapes import SINGLE, shape_of
from summ_collapse.plan.costs import (
    START_SECONDS,
    Memory,
    Workload,
    device_seconds,
    flops,
    gpu,
    load_seconds,
    memory,
    shortage,
)
from summ_collapse.plan.host import checkpoint_bytes, host_bytes, stored_bytes
from summ_collapse.plan.makespan import makespan
from summ_collapse.plan.workloads import Workloads
from summ_collapse.recipe.resolve import Name, references, resolve, unresolved
from summ_collapse.recipe.schema import Recipe
from summ_collapse.run import Run
from summ_collapse.stages.stage import Stage

JOB_COUNTS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Machine:
    """What a plan counts on: a GPU by name, as many as one stage may use, and the share (0-1] of their peaks it reaches."""

    gpu: str = "h100"
    devices: int = 8
    efficiency: float = 0.4

    def __post_init__(self) -> None:
        gpu(self.gpu)
        if self.devices < 1:
            raise InputError(f"--devices: expected a positive whole number, got {self.devices}")
        if not 0 < self.efficiency <= 1:
            raise InputError(f"--efficiency: expected a share in (0, 1], got {self.efficiency}")


@dataclass(frozen=True)
class Planned:
    """One stage with what it will work on and what that costs; None where it cannot be known before the data is read.

    `memory_bytes` is the peak on each of its `devices`, by part and in `total`; None where no model runs. `host_bytes` is that of
    the node's CPUs. `stored_bytes` stay on disk, `checkpoint_bytes` lie there until it is done, twice while one is
    replaced. `warning` says what does not fit the GPU, or why costs are not known.
    """

    name: str
    inputs: list[str]
    rows: int | None
    tokens: int | None
    cached: bool
    devices: int
    flops: int | None
    memory_bytes: Memory | None
    device_hours: float | None
    fits: bool | None
    warning: str | None
    host_bytes: int
    stored_bytes: int = 0
    checkpoint_bytes: int = 0


@dataclass(frozen=True)
class SideBySide:
    """All stages that are left, with `jobs` at once, each on its share of the devices; hours by the clock, all told."""

    jobs: int
    devices_each: int
    hours: float
    fits: bool


@dataclass(frozen=True)
class Plan:
    """All stages, what could not be resolved on this machine, and ways to run what is left (none where hours are unknown)."""

    stages: list[Planned]
    unresolved: list[str]
    experiment: Experiment
    machine: Machine
    ways: list[SideBySide]

    @property
    def left(self) -> list[Planned]:
        """The stages that are not there yet."""
        return [stage for stage in self.stages if not stage.cached]

    @property
    def launches(self) -> int:
        """How many of these start ranks of their own."""
        launch = self.experiment.recipe.launch
        return sum(shape_of(self.experiment.stages[stage.name], launch) != SINGLE for stage in self.left)

    @property
    def disk_bytes(self) -> int:
        """What is still to be written: what stays, and the largest training's checkpoint, twice while one replaces the other."""
        return sum(stage.stored_bytes for stage in self.left) + 2 * max(
            (stage.checkpoint_bytes for stage in self.left), default=0
        )


def plan(recipe: Recipe, out: Path | None, machine: Machine | None = None) -> Plan:
    """Lay out the stages; data or models that are not at hand are named, not errors."""
    names: dict[str, Name] = {}
    missing: list[str] = []
    for one in references(recipe):
        try:
            names[one.key] = resolve(one, recipe.commits)
        except InputError:
            names[one.key] = unresolved(one.name)
            missing.append(f"{one.what} {one.name}")
    return laid_out(experiment_of(recipe, names), out, machine or Machine(), list(dict.fromkeys(missing)))


def laid_out(experiment: Experiment, out: Path | None, machine: Machine, missing: Sequence[str] = ()) -> Plan:
    """The plan of stages that are known already; `missing`: data and models that are not at hand."""
    run = Run(experiment, out) if out is not None else None
    there = {name: artifact for name in experiment.stages if run and (artifact := run.artifact(name))}
    workloads = Workloads(experiment, there.get(experiment.prepare.name))
    stages = [_planned(stage, workloads, machine, name in there) for name, stage in experiment.stages.items()]
    left = [stage for name, stage in experiment.stages.items() if name not in there]
    return Plan(stages, list(missing), experiment, machine, _ways(left, workloads, machine))


def _planned(stage: Node[Stage], workloads: Workloads, machine: Machine, cached: bool) -> Planned:
    basics = (stage.name, list(stage.inputs.values()), workloads.sizes[stage.name].total, workloads.tokens(stage), cached)

    # Whoever makes few rows of a large table reads all of it.
    held = max(workloads.sizes[name].total or 0 for name in (stage.name, *stage.inputs.values()))

    def host(workload: Workload | None, ranks: int) -> int:
        return host_bytes(workload, held, workloads.tokens_a_row, workloads.shape(stage), ranks)

    if not stage.stage.runs_a_model:
        return Planned(
            *basics, 0, flops=0, memory_bytes=None, device_hours=0.0, fits=None, warning=None, host_bytes=host(None, 1)
        )
    devices = workloads.devices(stage, machine.devices)
    workload = workloads.of(stage)
    if workload is None:
        model = workloads.bottom(stage)
        unknown = f"no shape known for model {model.place if model else 'base'}: its costs are left out"
        return Planned(
            *basics,
            devices,
            flops=None,
            memory_bytes=None,
            device_hours=None,
            fits=None,
            warning=unknown,
            host_bytes=host(None, devices),
        )
    peak = memory(workload, workloads.shape(stage), devices)
    warning = shortage(peak, machine.gpu)
    seconds = device_seconds(workload, gpu(machine.gpu), machine.efficiency)
    hours = None if seconds is None else seconds / 3600
    return Planned(
        *basics,
        devices,
        flops(workload),
        peak,
        hours,
        warning is None,
        warning,
        host(workload, devices),
        stored_bytes(workload),
        checkpoint_bytes(workload),
    )


def _ways(stages: Sequence[Node[Stage]], workloads: Workloads, machine: Machine) -> list[SideBySide]:
    """One job on all devices, and several on equal shares of them.

    More devices are taken to be quicker in proportion, as far as a stage has chunks for them. What no model runs in is
    taken to cost no time.
    """
    names = {stage.name for stage in stages}
    inputs = {stage.name: [name for name in stage.inputs.values() if name in names] for stage in stages}
    costly: list[tuple[Node[Stage], Workload, float]] = []
    for stage in stages:
        if stage.stage.runs_a_model:
            workload = workloads.of(stage)
            computing = device_seconds(workload, gpu(machine.gpu), machine.efficiency) if workload is not None else None
            if workload is None or computing is None:
                return []
            costly.append((stage, workload, computing))
    found = []
    for jobs in JOB_COUNTS:
        if machine.devices % jobs or not costly:
            continue
        each = machine.devices // jobs
        seconds = dict.fromkeys(inputs, 0.0)
        fits = True
        for stage, workload, computing in costly:
            devices = workloads.devices(stage, each)
            starting = START_SECONDS if workloads.shape(stage) != SINGLE else 0.0
            seconds[stage.name] = starting + computing * workloads.largest_part(stage, devices) + load_seconds(workload)
            fits = fits and shortage(memory(workload, workloads.shape(stage), devices), machine.gpu) is None
        found.append(SideBySide(jobs, each, makespan(seconds, inputs, jobs) / 3600, fits))
    return found
