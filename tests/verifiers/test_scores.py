"""Scores of somebody else's: joined by id and sample, whatever the file; what does not fit says where."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from summ_collapse.errors import InputError
from summ_collapse.recipe.load import load
from summ_collapse.verifiers.request import Request
from summ_collapse.verifiers.scores import Scores

KEYS = [("a", 0), ("a", 1), ("b", 0)]
ROWS: list[dict[str, Any]] = [
    {"id": "b", "sample": 0, "score": 3, "loss": 0.5},
    {"id": "a", "sample": 1, "score": 2.5, "loss": 0.25},
    {"id": "z", "sample": 0, "score": 9, "loss": 0.0},
]


def scored(path: Path, **options: Any) -> list[float | None]:
    verifier = Scores.model_validate({"kind": "scores", "file": str(path), **options}, context={"folder": path.parent})
    found = verifier.score(Request(KEYS, ["x"] * 3, ["d"] * 3, [None] * 3, 0, 1, None, {})).score
    return [None if np.isnan(value) else value for value in found.tolist()]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".csv":
        pyarrow.csv.write_csv(pa.Table.from_pylist(rows), path)
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_scores_are_joined_by_id_and_sample_and_what_lacks_one_is_not_a_number(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"s.{suffix}", ROWS)
    assert scored(path) == [None, 2.5, 3]
    assert scored(path, column="loss", lower_is_better=True) == [None, -0.25, -0.5]


def test_rows_of_one_document_are_numbered_as_they_come(tmp_path: Path) -> None:
    rows = [{"id": "a", "score": 1}, {"id": "b", "score": 2}, {"id": "a", "score": 3}]
    assert scored(write(tmp_path / "s.jsonl", rows)) == [1, 3, 2]


def test_plain_lines_score_nobody(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("0.5\n")
    with pytest.raises(InputError, match="expected rows with `id` and `score`, got plain lines"):
        scored(tmp_path / "s.txt")


def test_one_file_is_about_one_pool(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    write(tmp_path / "s.jsonl", ROWS)
    theirs = {"theirs": {"kind": "scores", "file": "./s.jsonl"}}
    load(write_recipe(verifiers=theirs))
    with pytest.raises(InputError, match=r"verifiers.theirs: its file is about the candidates of one pool"):
        load(write_recipe(verifiers=theirs, seeds=[0, 1]))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROWS[0], ROWS[0]], "row 2: expected each candidate once, got id 'b', sample 0 again"),
        ([{"id": "b", "score": "good"}], "line 1: expected a number under `score`, got 'good'"),
        ([{"id": "b", "mark": 1}], "line 1: expected `score`, found id, mark"),
        ([{"id": "y", "score": 1}], "expected scores of ids such as 'a', and none fits: 'y' is its first"),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_where(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        scored(write(tmp_path / "s.jsonl", rows))
