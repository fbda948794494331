"""`score`: ROUGE of two files, example by example, with seeded bootstrap intervals. Imports no model library."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from summ_collapse.errors import InputError
from summ_collapse.files.output import check_out
from summ_collapse.files.rows import JSON_LINES, json_rows, read_lines
from summ_collapse.metrics.bootstrap import Interval, bootstrap_means, interval
from summ_collapse.metrics.scoring import score_pairs
from summ_collapse.plugins import known_metrics, unknown_metric
from summ_collapse.store import write_atomic, write_table

PREDICTION_KEYS = ("candidate", "prediction", "summary", "text")
REFERENCE_KEYS = ("summary", "reference", "text")


@dataclass(frozen=True)
class Scores:
    """How many pairs were scored, and each metric's mean over them with its 95% interval, 0-100."""

    pairs: int
    means: dict[str, Interval]


def score_files(predictions: Path, references: Path, metrics: Sequence[str], resamples: int, out: Path | None = None) -> Scores:
    """Each metric's mean; per-example scores go to `out` (JSONL, CSV or Parquet)."""
    if not metrics:
        raise InputError(f"--metrics: expected at least one of {', '.join(known_metrics())}")
    check_out(out)
    for name in metrics:
        for problem in unknown_metric(name):
            raise InputError(f"--metrics: {problem}")
    ids, ours, theirs = _pairs(predictions, references)
    scores = score_pairs(ours, theirs, metrics)
    draws = bootstrap_means(np.stack([scores[name] for name in metrics]), resamples)
    if out is not None:
        _write(out, ids, scores)
    means = {name: interval(scores[name], drawn) for name, drawn in zip(metrics, draws, strict=True)}
    return Scores(len(ours), {name: Interval(100 * mean.mean, 100 * mean.low, 100 * mean.high) for name, mean in means.items()})


def _pairs(predictions: Path, references: Path) -> tuple[list[str], list[str], list[str]]:
    """Ids, predictions and references; rows that both name by id are matched by it, whatever their order."""
    ours, theirs = _texts(predictions, PREDICTION_KEYS), _texts(references, REFERENCE_KEYS)
    if len(ours) != len(theirs):
        raise InputError(f"{predictions} has {len(ours)} rows, {references} has {len(theirs)}; expected equal numbers")
    if not ours:
        raise InputError(f"{predictions}: expected rows, found none")
    if all(key is not None for key, _ in [*ours, *theirs]):
        text_of = dict(ours)
        for key, _ in theirs:
            if key not in text_of:
                raise InputError(f"{predictions}: expected an id {key!r} as in {references}, found none")
        ours = [(key, text_of[key]) for key, _ in theirs]
    ids = [str(row) if key is None else key for row, (key, _) in enumerate(theirs)]
    return ids, [text for _, text in ours], [text for _, text in theirs]


def _texts(path: Path, keys: Sequence[str]) -> list[tuple[str | None, str]]:
    """Each row's id, if it has one, and its text."""
    if path.suffix not in JSON_LINES:
        return [(None, line) for line in read_lines(path)]
    rows: list[tuple[str | None, str]] = []
    seen: set[str] = set()
    for where, record in json_rows(path):
        key = next((key for key in keys if key in record), None)
        if key is None:
            raise InputError(f"{path}: {where}: expected text under one of {', '.join(keys)}, found {', '.join(record)}")
        text = record[key]
        if not isinstance(text, str):
            raise InputError(f"{path}: {where}: expected text under {key!r}, got {text!r}")
        identifier = str(record["id"]) if "id" in record else None
        if identifier is not None:
            if identifier in seen:
                raise InputError(f"{path}: {where}: expected each id once, got {identifier!r} again")
            seen.add(identifier)
        rows.append((identifier, text))
    return rows


def _write(out: Path, ids: list[str], scores: dict[str, np.ndarray]) -> None:
    table = pa.table({"id": ids, **scores})
    if out.suffix == ".parquet":
        write_table(out, table)
    elif out.suffix == ".csv":
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, table.column_names, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writeheader()
        writer.writerows(table.to_pylist())
        write_atomic(out, buffer.getvalue().encode())
    else:
        write_atomic(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table.to_pylist()).encode())
