"""The rows that are worth labelling, a file to label them in, and the answers read back.

Every question, that is every verifier at every rate, gets as many labels among what it keeps as outside (to certify: inside
alone). Rows come in one random order, and each side takes its first ones: simple random samples that share as many rows as they
can. How many that is comes from other orders, so that it hangs on nothing that is drawn; labels to certify have an order of
their own.

The file of labels is blind: id, sample, candidate, in an order of its own. What labels are for stands in a plan beside it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, JsonValue, ValidationError

from summ_collapse.diagnose.scored import Scored
from summ_collapse.errors import InputError
from summ_collapse.files.columns import DOCUMENT, ID, SAMPLE, SUMMARY, Column, read_columns
from summ_collapse.metrics.scoring import score_pairs
from summ_collapse.recipe.blocks import Options
from summ_collapse.records import tie_break
from summ_collapse.store import read_json, write_atomic, write_json

Purpose = Literal["estimate", "certify"]
METRIC = "rouge1"
ORDERS = 8  # that say how many labels a side are to be had


def _label(value: object) -> float | None:
    """0 or 1, as a number or as text; none where nobody has answered yet."""
    if value is None or value == "":
        return None
    text = str(value).strip()
    if isinstance(value, bool) or text not in {"0", "1", "0.0", "1.0"}:
        raise ValueError("expected 1 for right, 0 for wrong, or nothing yet")
    return float(text)


LABEL = Column("label", pa.float64(), (), _label, nullable=True)
# What should stand there, where somebody would rather write that than a verdict.
REFERENCE = replace(SUMMARY, name="reference", needed=False)


@dataclass(frozen=True)
class ByReference:
    """How a candidate is judged by a reference that a labeller wrote: wrong below so much of a metric, 0-1."""

    metric: str
    below: float


class Plan(Options):
    """What a file of labels is for, and what it is bound to."""

    purpose: Purpose
    seed: int
    rates: list[float]
    verifiers: list[str]
    a_side: int = Field(gt=0, description="labels on each side of each question")
    fingerprints: dict[str, str]
    wrong_below: float | None = Field(None, description="to certify: the share that is promised")
    confidence: float | None = Field(None, description="to certify: of the promise")
    sides: list[tuple[int, int]] = Field(
        description="rows kept and dropped by each question, verifiers first: a row of a side was drawn for it with probability "
        "a_side / rows"
    )

    @property
    def questions(self) -> list[tuple[str, float]]:
        return list(product(self.verifiers, self.rates))


@dataclass(frozen=True)
class Sample:
    """The rows that are labelled for one question: places in the pool, inside what is kept and outside."""

    verifier: str
    rate: float
    kept: np.ndarray  # (rows,) bool, of the pool
    inside: np.ndarray
    outside: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        return np.concatenate([self.inside, self.outside])


def plan_path(labels: Path) -> Path:
    """Where the plan of a file of labels lies: beside it."""
    return labels.with_name(f"{labels.name}.plan.json")


@dataclass(frozen=True)
class Wanted:
    """How many rows to label, at which rates; and the promise, where they are to certify one."""

    labels: int
    rates: Sequence[float]
    wrong_below: float | None = None
    confidence: float | None = None
    seed: int = 0

    @property
    def purpose(self) -> Purpose:
        return "estimate" if self.wrong_below is None else "certify"


def label_next(pool: Scored, wanted: Wanted, out: Path, documents: Path | None = None) -> int:
    """Write the file to label and its plan; how many rows that is: about as many as are wanted with several questions, as they
    share rows by chance, and no more with one.
    """
    if not pool.keys.with_ids:
        raise InputError(f"{pool.path}: expected candidates with an `id`, by which labels find them again")
    kept = {(name, rate): pool.kept(name, rate) for name, rate in product(pool.scores, wanted.rates)}
    a_side = _a_side(pool, kept, wanted)
    rows = union(_samples(kept, _order(pool, wanted.purpose, wanted.seed), a_side, wanted.purpose))
    rows = rows[np.argsort(tie_break(f"blind {wanted.purpose} {wanted.seed}", [pool.named[row] for row in rows]))]
    plan = Plan(
        purpose=wanted.purpose,
        seed=wanted.seed,
        rates=list(wanted.rates),
        verifiers=list(pool.scores),
        a_side=a_side,
        wrong_below=wanted.wrong_below,
        confidence=wanted.confidence,
        fingerprints=pool.fingerprints,
        sides=[(int(inside.sum()), int((~inside).sum())) for inside in kept.values()],
    )
    # The plan first: without it labels are of no use.
    write_json(plan_path(out), plan.model_dump(mode="json"))
    _write(pool, rows, out, documents)
    return len(rows)


def _a_side(pool: Scored, kept: Mapping[tuple[str, float], np.ndarray], wanted: Wanted) -> int:
    """The most labels a side with which no more rows than are wanted were asked for in some other orders."""
    rng = np.random.default_rng([pool.rows, wanted.labels])
    orders = [rng.permutation(pool.rows) for _ in range(ORDERS if len(kept) > 1 else 1)]

    def needed(a_side: int) -> int:
        return max(len(union(_samples(kept, order, a_side, wanted.purpose))) for order in orders)

    if needed(1) > wanted.labels:
        raise InputError(f"--label-next {wanted.labels}: expected at least {needed(1)}, one a side of each verifier and rate")
    low, high = 1, wanted.labels
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if needed(middle) <= wanted.labels else (low, middle - 1)
    return low


def _write(pool: Scored, rows: np.ndarray, out: Path, documents: Path | None) -> None:
    texts = pool.texts.take(rows).to_pylist()
    shown = pool.keys.texts(documents, DOCUMENT, others=True)[rows].tolist() if documents is not None else None
    lines = []
    for place, (row, text) in enumerate(zip(rows, texts, strict=True)):
        identifier, sample = pool.named[row]
        line: dict[str, JsonValue] = {"id": identifier, "sample": sample}
        if shown is not None:
            line["document"] = shown[place]
        lines.append(json.dumps({**line, "candidate": text, "label": None}, ensure_ascii=False))
    write_atomic(out, ("\n".join(lines) + "\n").encode())


def read_plan(labels: Path, pool: Scored) -> Plan:
    """The plan beside a file of labels; InputError where it is missing, or bound to other candidates or scores."""
    path = plan_path(labels)
    try:
        plan = Plan.model_validate(read_json(path))
    except FileNotFoundError:
        raise InputError(f"{labels}: expected its plan beside it, {path.name}, which --label-next writes") from None
    except (ValidationError, ValueError) as error:
        raise InputError(f"{path}: expected a plan that --label-next wrote, got something else: {type(error).__name__}") from None
    now = pool.fingerprints
    for what, digest in plan.fingerprints.items():
        if what not in now:
            raise InputError(f"{labels}: its labels were drawn by the {what}, which is not given; expected --scores with it")
        if now[what] != digest:
            raise InputError(f"{labels}: its labels were drawn by other {what}; draw them anew with --label-next")
    return plan


def read_answers(labels: Path, pool: Scored, asked: np.ndarray, judge: ByReference | None = None) -> np.ndarray:
    """1 right, 0 wrong, NaN where nobody has answered or is `asked`, (rows,); InputError names the key that is no row's.

    A row without a label that has a `reference` is answered by that, as `judge` says.
    """
    table = read_columns(labels, [ID, SAMPLE, LABEL, REFERENCE])
    places = pool.keys.places(labels, table)
    strange = np.setdiff1d(places, asked)
    if len(strange):
        raise InputError(
            f"{labels}: expected the rows that --label-next drew, got {len(strange)} others (first: "
            f"{pool.keys.text(int(strange[0]))})"
        )
    answers = np.full(pool.rows, np.nan)
    answers[places] = table["label"].to_numpy()
    if judge is not None and "reference" not in table.column_names:
        raise InputError(f"{labels}: expected a column `reference`, which --wrong-below judges by; found none with a text in it")
    if "reference" in table.column_names:
        _by_reference(labels, pool, answers, dict(zip(places.tolist(), table["reference"].to_pylist(), strict=True)), judge)
    if np.isnan(answers).all():
        raise InputError(f"{labels}: expected a label, 1 for right or 0 for wrong, in at least one row; found none")
    return answers


def _by_reference(
    labels: Path, pool: Scored, answers: np.ndarray, references: Mapping[int, str | None], judge: ByReference | None
) -> None:
    """Answer in place what has no label and a reference."""
    rows = [row for row, text in references.items() if text and text.strip() and np.isnan(answers[row])]
    if not rows:
        return
    if judge is None:
        raise InputError(
            f"{labels}: {len(rows)} rows have a `reference` and no label; expected --wrong-below X, the {METRIC} (or --metric) "
            "below which a candidate is wrong"
        )
    texts = pool.texts.take(rows).to_pylist()
    scores = score_pairs(texts, [str(references[row]) for row in rows], [judge.metric])[judge.metric]
    answers[rows] = scores >= judge.below


def samples(pool: Scored, plan: Plan) -> list[Sample]:
    """Each question's own simple random samples, of a plan that fits the pool."""
    kept = {(name, rate): pool.kept(name, rate) for name, rate in plan.questions}
    return _samples(kept, _order(pool, plan.purpose, plan.seed), plan.a_side, plan.purpose)


def _order(pool: Scored, purpose: Purpose, seed: int) -> np.ndarray:
    """The pool's rows in a random order that hangs on their keys and on what labels are for."""
    return np.argsort(tie_break(f"labels to {purpose} {seed}", pool.named), kind="stable")


def _samples(kept: Mapping[tuple[str, float], np.ndarray], order: np.ndarray, a_side: int, purpose: Purpose) -> list[Sample]:
    found = []
    for (name, rate), inside in kept.items():
        ordered = inside[order]
        outer = order[~ordered][:a_side] if purpose == "estimate" else order[:0]
        found.append(Sample(name, rate, inside, order[ordered][:a_side], outer))
    return found


def union(drawn: Sequence[Sample]) -> np.ndarray:
    """The rows of all samples, each once, in the pool's order."""
    return np.unique(np.concatenate([one.rows for one in drawn]))
