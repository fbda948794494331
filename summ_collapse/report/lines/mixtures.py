"""What mixtures of real and synthetic rows did, beside their real rows alone and beside the same rows pooled; which did best."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from summ_collapse.experiment.arms import MIXTURE, POOLED_ROLE, REAL_ROLE, Arm
from summ_collapse.report.results import Delta, Entry, Results
from summ_collapse.store import Artifact


@dataclass(frozen=True)
class Mixture:
    """One mixture over all seeds, or real rows alone; differences are 0-100, with intervals for all mixtures together."""

    arm: str
    slice: float | None  # of its generator
    source: str
    real_rows: int
    synthetic_rows: int
    weight: str | None  # how the real rows are weighed
    real_weight: float | None  # what they weigh as a whole, 0-1; None where one kind is alone
    mean: float
    vs_real: float | None
    vs_real_low: float | None
    vs_real_high: float | None
    vs_pooled: float | None
    vs_pooled_low: float | None
    vs_pooled_high: float | None
    seeds: int


@dataclass(frozen=True)
class Counts:
    """Rows of the table that an arm was trained on, and what the real ones weigh as a whole."""

    real: int
    synthetic: int
    weight: float | None


def row_counts(arms: Sequence[Arm], inputs: Mapping[str, Artifact]) -> dict[str, Counts]:
    """Of every arm that is mixed, by its table's name; those that failed have none."""
    found = {}
    for name in {arm.rows for arm in arms if arm.mixed is not None and arm.rows is not None}:
        if inputs[name].failed is None:
            rows, notes = inputs[name].manifest["rows_out"], inputs[name].manifest["notes"]
            real, made = notes.get("real_rows", rows), notes.get("synthetic_rows", 0)
            found[name] = Counts(real, made, notes.get("real_weight", real / rows) if real and made else None)
    return found


def mixtures(arms: Sequence[Arm], results: Results, counts: Mapping[str, Counts]) -> list[Mixture]:
    """In the order of the arms."""
    return list(_mixtures({arm.name: arm for arm in arms if arm.mixed is not None}, results, counts))


def _mixtures(arms: Mapping[str, Arm], results: Results, counts: Mapping[str, Counts]) -> Iterator[Mixture]:
    for entry in results.main:
        arm = arms.get(entry.arm)
        if arm is None or arm.mixed is None or arm.rows is None or entry.failed is not None:
            continue
        rows = counts[arm.rows]
        real, pooled = (entry.vs.get(role, {}).get(results.metric) for role in (REAL_ROLE, POOLED_ROLE))
        yield Mixture(
            entry.arm,
            entry.slice,
            arm.mixed.source,
            rows.real,
            rows.synthetic,
            arm.mixed.weight,
            rows.weight,
            entry.metrics[results.metric].mean,
            *_bounds(real),
            *_bounds(pooled),
            len(entry.seeds),
        )


def _bounds(found: Delta | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if found is None else (found.delta, found.low_all, found.high_all)


def best_mixture(results: Results) -> tuple[Entry, Delta] | None:
    """The mixture that is surely ahead of its real rows alone by most; None where none is.

    Its interval holds for all mixtures together, so that having been chosen as the best of many is in it.
    """
    found = _beside_real(results)
    ahead = [(entry, delta) for entry, delta in found if delta.low_all > 0]
    return max(ahead, key=lambda one: one[1].low_all) if ahead else None


def answer(results: Results) -> str | None:
    """What to mix, in a sentence; None where nothing was mixed, or under one seed, of which no verdict is given."""
    found = _beside_real(results)
    if not found or len(found[0][0].seeds) == 1:
        return None
    metric = results.metric
    mixed = [entry for entry in results.main if entry.method == MIXTURE and entry.failed is None]
    highest = max(mixed, key=lambda entry: entry.metrics[metric].mean)
    best = best_mixture(results)
    if best is None:
        closest = max(found, key=lambda one: one[1].delta)
        by = _told(closest[1])
        told = f"No mixture can be told to beat its real rows alone; the best, {closest[0].arm}, differs by {by} points"
    else:
        told = f"{best[0].arm} is the surest ahead of its real rows alone: by {_told(best[1])} points of {metric}"
        if highest.arm == best[0].arm:
            return f"{told}, and none ends higher."
    return f"{told}. {highest.arm} ends highest, at {highest.metrics[metric].mean:.1f}."


def _beside_real(results: Results) -> list[tuple[Entry, Delta]]:
    return [
        (entry, delta)
        for entry in results.main
        if entry.failed is None and (delta := entry.vs.get(REAL_ROLE, {}).get(results.metric)) is not None
    ]


def _told(found: Delta) -> str:
    return f"{found.delta:+.1f} [{found.low_all:+.1f}, {found.high_all:+.1f}]"
