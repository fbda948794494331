"""`results.json` as typed values, and reading a finished run's."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field, JsonValue, SerializerFunctionWrapHandler, ValidationError, model_serializer

from summ_collapse.errors import InputError
from summ_collapse.experiment.arms import GENERATOR_ROLE, ROLES, VERDICT_BASELINE
from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.predict.agreement import Agreement, Point, agreement
from summ_collapse.recipe.errors import describe

RESULTS_VERSION = 7  # raise it when an entry, or the whole, gets or loses a key


@dataclass(frozen=True)
class Delta:
    """An arm's difference from a baseline, 0-100, with its own 95% interval and p.

    `low_all`, `high_all` and `p_all` hold for all arms of the table together that have a baseline in the same role.
    """

    delta: float
    low: float
    high: float
    low_all: float
    high_all: float
    p: float
    p_all: float

    @property
    def verdict(self) -> str:
        """helps or hurts where the interval that holds for all arms together leaves zero out, else undecided."""
        return "helps" if self.low_all > 0 else "hurts" if self.high_all < 0 else "undecided"


@dataclass(frozen=True)
class PredictedDelta:
    """A difference as it was predicted, 0-100, with its interval and the probability that it is above 0."""

    delta: float
    low: float
    high: float
    probability: float


@dataclass(frozen=True)
class Outputs:
    """What an arm wrote for the test rows: shares of rows."""

    empty: float
    constant: float  # that have the text which most have
    expected: float  # whose references have the text which most of these have
    unfinished: float  # cut off at the limit of tokens


class Named(BaseModel, frozen=True, extra="forbid"):
    """Which arm an entry is about, and under which seeds."""

    run: str | None = None  # where several runs stand in one table
    arm: str
    control: str | None
    slice: float | None
    pool: str | None = None  # a further one of the synthesis; none for the main one
    verifier: str | None
    verifier_kind: str | None
    variant: str | None
    rate: float | None
    regime: str | None = None  # of generations that learn from their own output
    generation: int | None = None
    method: str | None = None  # of learning from verdicts on one's own samples
    seed: int | None  # none where several are pooled
    seeds: list[int]

    @property
    def of(self) -> tuple[float | None, str | None]:
        """Which pool it is of, whatever the seed: its generator's slice, and its name where it is a further one."""
        return self.slice, self.pool


class Trained(BaseModel, frozen=True, extra="forbid"):
    """What an arm was trained on and what it wrote; means over seeds."""

    n_train: int | float
    drawn: int | float | None = None  # samples of the generator behind it, rollouts too; None where there are none
    passes: float | None = None  # how often each row was seen; None where nothing was trained
    outputs: Outputs | None = None
    diversity: dict[str, float]
    attempts: dict[str, float] = {}  # pass@k, 0-100
    collapse: dict[str, float] = {}  # beside the real texts, of a generation
    truncated: dict[str, float]  # the share of rows whose document was cut to its budget, by where they are from
    slice_overlap: float | None


class Predicted(BaseModel, frozen=True, extra="forbid"):
    """What was known of an arm before it was trained; all None where it is not made of one pool's candidates."""

    p: float | None = None
    phi: float | None = None
    psi: float | None = None
    p_star: float | None = None
    kept_error: float | None = None
    kept_fraction: float | None = None
    coverage: float | None = None
    coverage_loss: float | None = None
    weighted_error: float | None = None
    kept_score: float | None = None
    mmd: float | None = None  # from the real texts, which needs no label; and so the next
    a_distance: float | None = None
    tampered: float | None = None
    predicted_delta: PredictedDelta | None = None
    predicted_vs_random: PredictedDelta | None = None
    predicted: str | None = None
    p_star_verdict: str | None = None


class Entry(Predicted, Trained, Named, frozen=True, extra="forbid"):
    """One arm; its fields are the columns of table.csv: those of the last base come first, and these last."""

    observed: str | None  # from several seeds
    withheld: str | None = None  # why `observed` is None although there is a real slice to compare with
    failed: str | None = None  # why there are no metrics
    metrics: dict[str, Interval]
    vs: dict[str, dict[str, Delta]]  # by what the baseline is to the arm, and metric

    @model_serializer(mode="wrap")
    def _without_run(self, dump: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        return {name: value for name, value in dump(self).items() if name != "run" or value is not None}

    def observed_delta(self, metric: str) -> Delta | None:
        """The observed difference from the real slice."""
        return self.vs.get(VERDICT_BASELINE, {}).get(metric)

    def vs_random(self, metric: str) -> Delta | None:
        """The observed difference from what a random selection stands for."""
        return next((found.get(metric) for role, found in self.vs.items() if role not in ROLES), None)

    def point(self, metric: str) -> Point | None:
        """Predicted beside observed, where there are both."""
        predicted, observed = self.predicted_delta, self.observed_delta(metric)
        if predicted is None or observed is None:
            return None
        return Point(
            group=f"{self.run or ''} {self.seed}",
            predicted_delta=predicted.delta,
            observed_delta=observed.delta,
            p_star=self.p_star,
            n_train=self.n_train,
            kept_score=self.kept_score,
            informedness=None if self.phi is None or self.psi is None else self.phi - self.psi,
            # Nearer is what should be better.
            nearness=None if self.mmd is None else -self.mmd,
            likeness=None if self.a_distance is None else -self.a_distance,
            predicted=self.predicted,
            observed=self.observed,
        )


@dataclass(frozen=True)
class Claim:
    """A claim, of which lines it is made, the number that decides it with its interval, and what that number has to be."""

    claim: str
    source: str
    regime: str
    slice: float | None
    measured: str
    value: float
    low: float | None
    high: float | None
    expected: str
    verdict: str


@dataclass(frozen=True)
class Promise:
    """One selection under one seed; `bound` is None where a stricter rate failed and this one was not tested."""

    arm: str
    verifier: str
    variant: str | None
    rate: float
    seed: int
    wrong_below: float
    confidence: float  # of this verifier's share of the promise
    labels: int
    wrong: int
    bound: float | None
    certified: bool
    more_labels: int | None  # all right, that would certify it; None of one that was not tested
    why: str | None = None  # nothing is promised


class Results(BaseModel, frozen=True, extra="forbid"):
    """An entry an arm and seed, and where there are several seeds one a pooled arm."""

    version: int
    recipe: str
    fingerprint: str
    test_rows: int
    warnings: list[str]  # what stands above every table
    smallest: dict[str, float | None]  # by metric: the least difference from the real slice that would be called, 0-100
    arms: list[Entry] = Field(min_length=1)
    agreement: Agreement
    claims: list[Claim] = []  # of the papers on generations, held against these
    certificates: list[Promise] = []  # where the recipe asks for them

    @property
    def main(self) -> list[Entry]:
        """The entries that a table shows."""
        return main_entries(self.arms)

    @property
    def single(self) -> list[Entry]:
        """The entries under single seeds."""
        return [entry for entry in self.arms if entry.seed is not None]

    @property
    def metric(self) -> str:
        """The first metric, which the verdicts are about."""
        return self.agreement.metric

    @property
    def metrics(self) -> list[str]:
        """All metrics, in the recipe's order."""
        return list(self.smallest)

    def of_run(self, name: str) -> "Results":
        """The same, every entry with the name of its run."""
        return self.model_copy(update={"arms": [entry.model_copy(update={"run": name}) for entry in self.arms]})


def role_order(role: str) -> tuple[int, str]:
    """Sorts baselines' roles: that of the verdicts first, then the generator, then the others by name."""
    first = (VERDICT_BASELINE, GENERATOR_ROLE)
    return (first.index(role), "") if role in first else (len(first), role)


def main_entries(entries: list[Entry]) -> list[Entry]:
    """Those pooled over seeds where there are several seeds, else all."""
    return [entry for entry in entries if entry.seed is None] or entries


def agreement_of(entries: Sequence[Entry], metric: str, shown: Sequence[Entry]) -> Agreement:
    """How well arms were predicted: differences of those under single seeds, verdicts of those that tables show."""
    single = [point for entry in entries if entry.seed is not None and (point := entry.point(metric))]
    return agreement(single, metric, [point for entry in shown if (point := entry.point(metric))])


def read_results(out: Path) -> Results:
    """`report/results.json` of a finished run; InputError where there is none."""
    path = out / "report" / "results.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and content.get("version") == RESULTS_VERSION:
            return Results.model_validate(content)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file; has this run finished?") from None
    except ValidationError as error:
        raise InputError(f"{path}: {describe(error.errors()[0], Results)}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected the JSON of a finished run: {error}") from None
    raise InputError(f"{path}: expected results of version {RESULTS_VERSION}; the same `run` again makes its report anew")
