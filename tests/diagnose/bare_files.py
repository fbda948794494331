"""Candidates, references and scores as users have them in files, and what a selection of them comes to by hand."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from summ_collapse.metrics.scoring import score_pairs
from summ_collapse.predict.confusion import Confusion
from summ_collapse.selection.order import ranking, selection_rows

ROWS = 240
HEAVY = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
Data = dict[str, list[dict[str, Any]]]


def write_jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(f"{list(row.values())[-1]}\n" for row in rows), encoding="utf-8")
    return path


WRITERS: dict[str, Callable[..., Path]] = {"jsonl": write_jsonl, "csv": write_csv, "parquet": write_parquet, "txt": write_lines}


def arguments(folder: Path, data: Data, suffix: str = "jsonl") -> list[str]:
    """Writes the data; the command that reads it, with the threshold of `by_hand`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: WRITERS[suffix](folder / f"{name}.{suffix}", rows) for name, rows in data.items()}
    words = ["diagnose", "--candidates", str(paths.pop("candidates"))]
    words += ["--references", str(paths.pop("references"))] if "references" in paths else []
    words += [word for name, path in paths.items() for word in ("--scores", f"{name}={path}")]
    return [*words, "--wrong-below", "0.25"]


def sentences(printed: str) -> str:
    """What was printed, on one line however it was wrapped."""
    return " ".join(printed.split())


def entry_of(found: Mapping[str, Any], name: str, rate: float, seed: int | None = None) -> dict[str, Any]:
    return next(entry for entry in found["verifiers"] if (entry["name"], entry["rate"], entry["seed"]) == (name, rate, seed))


def quality_of(data: Data) -> np.ndarray:
    ours, theirs = ([row[key] for row in data[name]] for name, key in (("candidates", "candidate"), ("references", "summary")))
    return score_pairs(ours, theirs, ["rouge1"])["rouge1"]


def scores_of(data: Data, name: str) -> np.ndarray:
    return np.array([row["score"] for row in data[name]])


def kept_of(data: Data, name: str, rate: float) -> np.ndarray:
    """Which rows the pipeline's own `select` would keep."""
    keys = [(row["id"], 0) for row in data["candidates"]]
    return ranking(scores_of(data, name), keys) < selection_rows(len(keys), rate)


def kept_texts(data: Data, name: str, rate: float) -> list[str]:
    kept = kept_of(data, name, rate)
    return [row["candidate"] for row, one in zip(data["candidates"], kept, strict=True) if one]


def by_hand(data: Data, name: str, rate: float, labelled: np.ndarray) -> dict[str, object]:
    """The summary of that selection."""
    kept = kept_of(data, name, rate)
    wrong = quality_of(data) < 0.25
    return Confusion.of(wrong[labelled], kept[labelled]).summary()
