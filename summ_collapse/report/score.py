"""`score`: ROUGE of two files, example by example, with seeded bootstrap intervals. Imports no model library."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from summ_collapse.errors import InputError
from summ_collapse.files.rows import json_records, read_text
from summ_collapse.metrics.bootstrap import Resampling, interval
from summ_collapse.metrics.scoring import score_pairs
from summ_collapse.plugins import known_metrics, nearest
from summ_collapse.store import write_atomic, write_table

PREDICTION_KEYS = ("candidate", "prediction", "summary", "text")
REFERENCE_KEYS = ("summary", "reference", "text")


def score_files(
    predictions: Path, references: Path, metrics: Sequence[str], resamples: int, out: Path | None = None
) -> dict[str, Any]:
    """{"n", metric: {"mean", "low", "high"}}, 0-100; per-example scores go to `out` (JSONL, CSV or Parquet)."""
    known = known_metrics()
    if not metrics:
        raise InputError(f"--metrics: expected at least one of {', '.join(known)}")
    if out is not None and out.is_dir():
        raise InputError(f"--out {out}: expected a file, got a folder")
    if out is not None and any(parent.exists() and not parent.is_dir() for parent in out.parents):
        raise InputError(f"--out {out}: expected a path below folders, got one below a file")
    for name in metrics:
        if name not in known:
            raise InputError(f"--metrics: unknown metric {name!r}{nearest(name, known)}; installed: {', '.join(known)}")
    ids, ours, theirs = _pairs(predictions, references)
    scores = score_pairs(ours, theirs, metrics)
    draws = Resampling(len(ours), 1, resamples).many_means(np.stack([scores[name][None] for name in metrics]))
    if out is not None:
        _write(out, ids, scores)
    result: dict[str, Any] = {"n": len(ours)}
    for name, drawn in zip(metrics, draws, strict=True):
        mean = interval(scores[name], drawn)
        result[name] = {"mean": 100 * mean.mean, "low": 100 * mean.low, "high": 100 * mean.high}
    return result


def _pairs(predictions: Path, references: Path) -> tuple[list[str], list[str], list[str]]:
    ours, theirs = _texts(predictions, PREDICTION_KEYS), _texts(references, REFERENCE_KEYS)
    if len(ours) != len(theirs):
        raise InputError(f"{predictions} has {len(ours)} rows, {references} has {len(theirs)}; expected equal numbers")
    if not ours:
        raise InputError(f"{predictions}: expected rows, found none")
    our_ids, their_ids = [key for key, _ in ours], [key for key, _ in theirs]
    if None not in our_ids and None not in their_ids:
        return _joined(predictions, references, dict(ours), dict(theirs))
    ids = [key if key is not None else str(row) for row, (key, _) in enumerate(theirs)]
    return ids, [text for _, text in ours], [text for _, text in theirs]


def _joined(
    predictions: Path, references: Path, ours: dict[str | None, str], theirs: dict[str | None, str]
) -> tuple[list[str], list[str], list[str]]:
    """Rows that both name by id are matched by it, whatever their order."""
    for identifier in theirs:
        if identifier not in ours:
            raise InputError(f"{predictions}: expected an id {identifier!r} as in {references}, found none")
    ids = [str(identifier) for identifier in theirs]
    return ids, [ours[identifier] for identifier in theirs], list(theirs.values())


def _texts(path: Path, keys: Sequence[str]) -> list[tuple[str | None, str]]:
    if path.suffix not in (".jsonl", ".json"):
        text = read_text(path)
        lines = text.split("\n")
        return [(None, line) for line in (lines[:-1] if lines[-1] == "" else lines)]
    rows = []
    seen: set[str] = set()
    for number, record in json_records(path):
        key = next((key for key in keys if key in record), None)
        if key is None:
            raise InputError(f"{path}: line {number}: expected text under one of {', '.join(keys)}, found {', '.join(record)}")
        if not isinstance(record[key], str):
            raise InputError(f"{path}: line {number}: expected text under {key!r}, got {record[key]!r}")
        identifier = str(record["id"]) if "id" in record else None
        if identifier is not None and identifier in seen:
            raise InputError(f"{path}: line {number}: expected each id once, got {identifier!r} again")
        seen.add(identifier or "")
        rows.append((identifier, record[key]))
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
