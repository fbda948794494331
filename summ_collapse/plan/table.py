"""A plan as the terminal and `--json` show it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue
from rich.table import Table

from summ_collapse.plan.costs import START_SECONDS
from summ_collapse.plan.plan import Plan, Planned, SideBySide
from summ_collapse.report.layout import plain

GB = 1e9
UNITS = {"T": 10**12, "B": 10**9, "M": 10**6, "k": 10**3}  # of tokens
PARTS = {  # of the memory on a device, with their headings
    "weights": "weights",
    "gradients": "gradients",
    "optimizer": "optimizer",
    "activations": "activations",
    "logits": "logits",
    "kv_cache": "KV cache",
    "total": "total",
}


@dataclass(frozen=True)
class Sums:
    """Over stages, of what is known; `unknown` names those whose costs are not."""

    tokens: int
    flops: int
    device_hours: float
    unknown: list[str]


def as_json(plan: Plan) -> dict[str, JsonValue]:
    """Every stage with its costs, their sums over all stages and over those that are left, and the ways to run these."""
    return {
        "stages": [vars(stage) for stage in plan.stages],
        "unresolved": plan.unresolved,
        **vars(plan.machine),
        "total": vars(_sums(plan.stages)),
        "left": vars(_sums(plan.left)),
        "jobs": [vars(way) for way in plan.ways],
    }


def _sums(stages: Sequence[Planned]) -> Sums:
    return Sums(
        tokens=sum(stage.tokens or 0 for stage in stages),
        flops=sum(stage.flops or 0 for stage in stages),
        device_hours=sum(stage.device_hours or 0.0 for stage in stages),
        unknown=[stage.name for stage in stages if stage.device_hours is None],
    )


def as_rich(plan: Plan, wide: bool = False) -> Table:
    """A row a stage, then the sums; a `wide` one counts operations too, and tokens to the last."""
    headings = ["stage", "rows", "GPUs", "GB each", "tokens", *(["FLOPs"] if wide else []), "GPU-hours", ""]
    table = plain(headings, {"stage", ""})
    for stage in plan.stages:
        memory = "" if stage.memory_bytes is None else f"{stage.memory_bytes['total'] / GB:.1f}"
        costs = _costs(stage.tokens, stage.flops, stage.device_hours, wide)
        note = "cached" if stage.cached else "does not fit" if stage.fits is False else ""
        table.add_row(stage.name, _count(stage.rows), _count(stage.devices or None), memory, *costs, note)
    table.add_section()
    for name, stages in (("total", plan.stages), ("left to run", plan.left)):
        if stages and (name == "total" or len(stages) < len(plan.stages)):
            sums = _sums(stages)
            missing = f"{len(sums.unknown)} unknown" if sums.unknown else ""
            table.add_row(name, "", "", "", *_costs(sums.tokens, sums.flops, sums.device_hours, wide), missing)
    return table


def _costs(tokens: int | None, flops: int | None, hours: float | None, wide: bool) -> list[str]:
    """Cells of these columns; hours are told where a model runs."""
    operations = f"{flops:.2e}" if flops else ""
    told = f"{hours:,.2f}" if flops and hours is not None else ""
    return [_count(tokens), operations, told] if wide else [_rounded(tokens), told]


def memory_as_rich(plan: Plan) -> Table:
    """Peak memory by part, a row for all stages that have the same."""
    alike: dict[tuple[int, ...], list[str]] = {}
    for stage in plan.stages:
        if stage.memory_bytes is not None:
            alike.setdefault(tuple(stage.memory_bytes[part] for part in PARTS), []).append(stage.name)
    name = "GB a GPU at the peak"
    table = plain([name, *PARTS.values()], {name})
    for parts, names in alike.items():
        table.add_row(_first(names), *(f"{part / GB:.1f}" for part in parts))
    return table


def remarks(plan: Plan) -> Iterator[str]:
    """What the figures count on, which way to run is the quickest, and what does not fit."""
    machine = plan.machine
    share = f"{machine.efficiency:.0%} of its peak arithmetic and bandwidth"
    yield f"counted on up to {machine.devices} {machine.gpu} a stage, at {share}; what is computed twice counts twice in hours"
    if plan.launches:
        yield f"start-up: {plan.launches} launches of {START_SECONDS:.0f} s each are in the hours by the clock"
    if plan.left:
        most = max(plan.left, key=lambda stage: stage.host_bytes)
        yield f"CPU memory of a node: up to {most.host_bytes / GB:.0f} GB ({most.name})"
        kept = max(stage.checkpoint_bytes for stage in plan.left)
        yield (
            f"disk: {plan.disk_bytes / GB:.1f} GB, of which {2 * kept / GB:.1f} GB only while the largest training writes "
            "a checkpoint beside the last"
        )
    if plan.ways:
        yield from map(_way, plan.ways)
        yield _quickest(plan.ways)
    if any(stage.rows is None for stage in plan.stages):
        yield "rows and tokens are not known before `prepare` has run, unless the recipe declares them (task.size)"
    warnings: dict[str, list[str]] = {}
    for stage in plan.stages:
        if stage.warning is not None:
            warnings.setdefault(stage.warning, []).append(stage.name)
    for warning, names in warnings.items():
        yield f"warning: {_first(names)}: {warning}"


def _first(names: Sequence[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _name(way: SideBySide) -> str:
    return "one after another" if way.jobs == 1 else f"--jobs {way.jobs}"


def _way(way: SideBySide) -> str:
    devices = f", {way.devices_each} device{'s' if way.devices_each > 1 else ''} each" if way.jobs > 1 else ""
    return f"{_name(way)}{devices}: {_duration(way.hours)}" + ("" if way.fits else " (does not fit)")


def _quickest(ways: Sequence[SideBySide]) -> str:
    """The way with fewest hours of those that fit; of equal ones that with fewest jobs."""
    fitting = [way for way in ways if way.fits]
    if not fitting:
        return "nothing fits: see the warnings"
    best = min(fitting, key=lambda way: (way.hours, way.jobs))
    others = [way for way in fitting if (way.jobs == 1) != (best.jobs == 1)]
    if not others:
        return f"quickest: {_name(best)}"
    other = min(others, key=lambda way: way.hours)
    saved = other.hours - best.hours
    return f"quickest: {_name(best)}, by {_duration(saved)} ({saved / other.hours:.0%}) against {_name(other)}"


def _duration(hours: float) -> str:
    if hours >= 1:
        return f"{hours:,.1f} h"
    return f"{60 * hours:.1f} min" if hours >= 1 / 60 else f"{3600 * hours:.1f} s"


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _rounded(value: int | None) -> str:
    for unit, size in UNITS.items():
        if value is not None and value >= size:
            return f"{value / size:,.1f} {unit}"
    return _count(value)
