"""What a diagnosis finds: what each verifier is worth at every rate, and at none in particular; and the JSON of it.

The classes' fields are the keys of `diagnose --json`, in this order.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from pydantic import JsonValue

from summ_collapse.diagnose.candidates import Candidates
from summ_collapse.diagnose.strata import Share
from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.predict.confusion import Estimates
from summ_collapse.predict.predictor import Fit

Across = Literal["corpus", "strata"]


@dataclass(frozen=True)
class Question:
    """What is asked of every pool: the shares to keep, above 0 and up to 1, and the metric below which a candidate is wrong."""

    rates: Sequence[float]
    wrong_below: float
    metric: str
    embed: str | None = None  # the model whose embeddings texts are compared by; TF-IDF where absent


@dataclass(frozen=True)
class Swept:
    """Some of a selection's estimates at another threshold for `wrong`."""

    wrong_below: float
    p: Interval | None
    p_star: Interval | None
    kept_error: Interval | None


@dataclass(frozen=True)
class Selection:
    """What one verifier keeps of one pool at one rate, how it compares, and what theory says; predicted differences in points.

    `difference` is p' - p, from keeping all and from random rows alike; its intervals hold for all selections at once.
    `predicted` is None where no coefficients hold or the real rows are not counted. `informedness` to `a_distance` are what
    others would go by.
    """

    name: str
    rate: float
    across: Across
    seed: int | None
    slice: float | None
    pool: str | None
    oracle: bool
    kept_rows: int
    threshold: float | None  # the least score that is kept; within strata there are as many as strata
    labelled_kept: int
    estimates: Estimates
    weighted_error: float | None
    difference: Interval | None
    against_random: str
    labels_needed: int | None
    theory: str
    predicted: str | None
    criterion: str
    predicted_delta: Interval | None
    predicted_vs_random: Interval | None
    informedness: float | None  # J = phi - psi
    kept_score: float | None  # the mean, in standard deviations above all scores' mean
    mmd: float | None  # of what is kept from real texts, which no label is needed for
    a_distance: float | None
    coverage: float
    coverage_loss: float
    coverage_random: float
    strata: list[Share]
    lengths: list[Share]
    sweep: list[Swept]

    @property
    def arm(self) -> tuple[object, ...]:
        """What tells selections apart, whatever the seed."""
        return self.name, self.rate, self.across, self.slice, self.pool


@dataclass(frozen=True)
class Baseline:
    """What needs no verifier: `keep all`, and `random rows` at a rate, as they are in expectation."""

    name: str
    rate: float
    seed: int | None
    slice: float | None
    pool: str | None
    kept_rows: int
    estimates: Estimates
    coverage: float
    theory: str
    predicted: str | None
    predicted_delta: Interval | None


@dataclass(frozen=True)
class Decile:
    """Candidates between two deciles of the score, the best first: how many have a label, and the share that is right."""

    labelled: int
    right: Interval | None
    decile: int


@dataclass(frozen=True)
class Ranking:
    """What a verifier's scores of one pool are worth at no rate in particular."""

    name: str
    seed: int | None
    slice: float | None
    pool: str | None
    oracle: bool
    nan_scores: int
    spearman: Interval | None
    auc: Interval | None
    error_correlation: float | None
    error_correlation_random: float | None
    calibration: list[Decile]


@dataclass(frozen=True)
class Diagnosis:
    """The answer to a question about some pools; what is recommended stands under its worst seed.

    None is recommended where nothing is better than keeping all and than random rows. `predictor` is None where no coefficients
    are known to hold.
    """

    question: Question
    level: float  # of the intervals, each by itself
    difference_level: float  # of the intervals of differences from p, all at once
    draws: int
    pools: Sequence[Candidates]
    predictor: Fit | None
    baselines: Sequence[Baseline]
    verifiers: Sequence[Selection]  # from the whole corpus
    stratified: Sequence[Selection]  # the same share of every stratum
    rankings: Sequence[Ranking]
    recommended: Selection | None

    @property
    def selections(self) -> list[Selection]:
        return [*self.verifiers, *self.stratified]


def best_arm(selections: Iterable[Selection], worth: Callable[[Selection], float]) -> Selection | None:
    """The arm that is worth most, where each is worth what it is under its worst seed; as its selection under that."""
    by_arm: dict[tuple[object, ...], list[Selection]] = {}
    for selection in selections:
        by_arm.setdefault(selection.arm, []).append(selection)
    return max((min(found, key=worth) for found in by_arm.values()), key=worth, default=None)


def as_json(diagnosis: Diagnosis) -> dict[str, JsonValue]:
    """The content of `diagnose --json`."""
    chosen, content = diagnosis.recommended, _entries(diagnosis)
    if chosen is not None:
        told = ("name", "rate", "across", "slice", "pool", "difference", "difference_low", "difference_high", "theory")
        content["recommended"] = {name: value for name, value in _entries(chosen).items() if name in told}
    return content


def _entries(found: Any) -> dict[str, JsonValue]:
    """A dataclass's fields; an interval is written as `name`, `name_low` and `name_high`."""
    entries: dict[str, JsonValue] = {}
    for field in fields(found):
        name, value = field.name, getattr(found, field.name)
        if field.type == Interval | None:
            bounds = (None, None, None) if value is None else (value.mean, value.low, value.high)
            entries |= dict(zip((name, f"{name}_low", f"{name}_high"), bounds, strict=True))
        elif isinstance(value, (Question, Estimates)):  # their fields stand among those of what holds them
            entries |= _entries(value)
        else:
            entries[name] = _value(value)
    return entries


def _value(value: Any) -> JsonValue:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Sequence):
        return [_value(one) for one in value]
    return _counts(value) if isinstance(value, Candidates) else _entries(value)


def _counts(pool: Candidates) -> dict[str, JsonValue]:
    """What is said of a pool."""
    return {
        "seed": pool.seed,
        "slice": pool.slice,
        "pool": pool.pool,
        "candidates": pool.rows,
        "documents": pool.documents,
        "labelled": len(pool.labelled),
        "labelled_documents": int(pool.labelled_documents.max()) + 1,
        "slice_rows": pool.slice_rows,
        "strata": {"kind": pool.strata.kind, "count": len(pool.strata.names), "rows": len(pool.strata.rows)},
    }
