"""Columns of files: the quick and the careful reading agree, and what is wrong is named with its line."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from summ_collapse.errors import InputError
from summ_collapse.files import columns
from summ_collapse.files.columns import ID, SAMPLE, SCORE, SUMMARY, read_columns
from summ_collapse.files.rows import read_table

SOUND = {
    "text ids": '{"id": "a", "score": 1}\n{"id": "b", "score": 0.25}\n',
    "whole-number ids": '{"id": 1, "score": 1}\n{"id": 2, "score": -2.5e-3}\n',
    "samples": '{"id": "a", "sample": 0, "score": 1}\n{"id": "a", "sample": 1, "score": NaN}\n',
    "other columns": '{"id": "a", "score": 1, "notes": [{"x": 1}]}\n{"score": 2, "id": "b", "notes": null}',
    "no end of line, and a mark at the start": '\ufeff{"id": "ä", "score": 0.1234567890123456789}',
}


@pytest.mark.parametrize("name", SOUND)
def test_quick_and_careful_reading_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_text(SOUND[name], encoding="utf-8")
    assert columns._quick_json(path, [ID, SAMPLE, SCORE]) is not None
    quick = read_columns(path, [ID, SAMPLE, SCORE])
    monkeypatch.setattr(columns, "_quick_json", lambda path, wanted: None)
    careful = read_columns(path, [ID, SAMPLE, SCORE])
    assert quick.schema == careful.schema
    assert quick.drop_columns("score").equals(careful.drop_columns("score"))
    np.testing.assert_array_equal(quick["score"].to_numpy(), careful["score"].to_numpy())


def test_blank_lines_null_scores_and_null_summaries_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "a", "score": null, "summary": null}\n\n{"id": 7, "score": "2", "summary": "x"}\n')
    assert np.isnan(read_columns(path, [ID, SCORE])["score"].to_numpy()).tolist() == [True, False]
    assert read_columns(path, [ID, SUMMARY]).to_pylist() == [{"id": "a", "summary": None}, {"id": "7", "summary": "x"}]


def test_missing_scores_of_parquet_and_csv_are_nan(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1, 2], "score": [None, 3]}), tmp_path / "scores.parquet")
    (tmp_path / "scores.csv").write_text("id,score\n1,\n2,3\n")
    for suffix in ("parquet", "csv"):
        table = read_columns(tmp_path / f"scores.{suffix}", [ID, SAMPLE, SCORE])
        assert table["id"].to_pylist() == ["1", "2"]
        np.testing.assert_array_equal(table["score"].to_numpy(), [np.nan, 3])


WRONG = {
    '{"id": "a", "score": 1}{"id": "b", "score": 2}\n': "line 1: expected a JSON object, got broken JSON",
    '{"id": "a",\n"score": 1}\n': "line 1: expected a JSON object, got broken JSON",
    '{"id": "a", "score": 1}\n[1]\n': "line 2: expected a JSON object, got list",
    '{"id": "a", "score": true}\n': "line 1: expected a number under `score`, got True",
    '{"id": null, "score": 1}\n': "line 1: expected text or a whole number under `id`, got None",
    '{"id": "a", "sample": -1, "score": 1}\n': "line 1: expected a whole number from 0 under `sample`, got -1",
    '{"id": "a", "sample": 0, "score": 1}\n{"id": "b", "score": 1}\n': "line 2: expected `sample`, found id, score",
    '{"id": "\\ud800", "score": 1}\n': "line 1: expected text that is valid Unicode under `id`",
    "": "expected rows, found none",
}


@pytest.mark.parametrize("content", WRONG)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_text(content)
    with pytest.raises(InputError) as raised:
        read_columns(path, [ID, SAMPLE, SCORE])
    assert str(raised.value).startswith(f"{path}: {WRONG[content]}")


def test_text_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_bytes(b'{"id": "a", "score": 1}\n{"id": "\xff", "score": 1}\n')
    with pytest.raises(InputError, match="line 2: expected UTF-8"):
        read_columns(path, [ID, SCORE])


UNFIT = {
    "whole number": (
        '"n": 1180591620717411303424',
        "line 2: expected whole numbers of at most 64 bits in column 'n', got 1180591",
    ),
    "whole number in a list": ('"n": [9223372036854775808]', "line 2: expected whole numbers of at most 64 bits in column 'n'"),
    "endless number": (f'"n": {"9" * 5000}', "line 2: expected numbers of a usual size"),
    "half a character": ('"n": "a\\ud800"', "line 2: expected text that is valid Unicode in column 'n', got 'a\\ud800'"),
    "half a character in a block": ('"n": {"a": "\\ud800"}', "line 2: expected text that is valid Unicode in column 'n'"),
    "half a character in a name": ('"\\ud800": 1', "expected names of columns that are valid Unicode, got '\\ud800'"),
}


@pytest.mark.parametrize(("field", "told"), UNFIT.values(), ids=UNFIT)
def test_what_no_column_can_hold_is_named_with_its_line(tmp_path: Path, field: str, told: str) -> None:
    path = tmp_path / "news.jsonl"
    path.write_text('{"document": "a storm", "n": null}\n{"document": "another", ' + field + "}\n")
    with pytest.raises(InputError) as raised:
        read_table(path)
    assert str(raised.value).startswith(f"{path}: {told}")
