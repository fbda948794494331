"""Reading data: which file is which split, what an id depends on, and CSV as spreadsheets write it."""

import json
from pathlib import Path

import pytest

from summ_collapse.errors import InputError
from summ_collapse.files.rows import csv_records
from summ_collapse.tasks.summarization import Summarization


def write(path: Path, count: int = 3) -> Path:
    path.parent.mkdir(exist_ok=True)
    rows = [{"document": f"{path.name} {row}", "summary": "s"} for row in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def splits(data: Path) -> dict[str, list[str]]:
    task = Summarization(kind="summarization", data=str(data))
    return {name: table["id"].to_pylist() for name, table in task.splits().items()}


def test_ids_of_a_file_do_not_depend_on_its_name(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.jsonl"), write(tmp_path / "b.jsonl")
    assert splits(first) == splits(second) == {"all": ["row-00000000", "row-00000001", "row-00000002"]}


@pytest.mark.parametrize(
    "names", [("train.jsonl", "test.jsonl"), ("train.en.jsonl", "test.en.jsonl"), ("train-1.jsonl", "test_x.jsonl")]
)
def test_files_called_train_and_test_are_the_splits(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in names:
        write(tmp_path / "data" / name)
    write(tmp_path / "data" / "validation.jsonl")
    found = splits(tmp_path / "data")
    assert set(found) == {"train", "test"}
    assert all(identifier.startswith("train") for identifier in found["train"])


def test_other_files_are_one_corpus_with_an_id_a_row(tmp_path: Path) -> None:
    for name in ("news.2019.jsonl", "news.2020.jsonl"):
        write(tmp_path / "data" / name)
    found = splits(tmp_path / "data")
    assert set(found) == {"all"}
    assert len(set(found["all"])) == 6


def test_a_split_without_its_other_half_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "data" / "train.jsonl")
    with pytest.raises(InputError, match="both train and test"):
        splits(tmp_path / "data")


def test_csv_fields_may_hold_any_character(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text('document,summary\r\none\u2028two,"three\nfour"\r\n', newline="", encoding="utf-8")
    assert list(csv_records(path)) == [{"document": "one\u2028two", "summary": "three\nfour"}]


def test_csv_rows_of_other_width_are_named(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text("document,summary\none,two\nthree\n")
    with pytest.raises(InputError, match="line 3: expected 2 fields"):
        list(csv_records(path))


def test_further_columns_are_kept_as_text(tmp_path: Path) -> None:
    rows = [{"document": f"d {row}", "summary": "s", "topic": row % 2, "extra": 1} for row in range(4)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = Summarization(kind="summarization", data=str(tmp_path / "a.jsonl"), columns=["topic"]).splits()["all"]
    assert table.column_names == ["id", "document", "summary", "topic"]
    assert table["topic"].to_pylist() == ["0", "1", "0", "1"]
    with pytest.raises(InputError, match=r"expected a column 'colour' \(task.columns\)"):
        Summarization(kind="summarization", data=str(tmp_path / "a.jsonl"), columns=["colour"]).splits()
    with pytest.raises(ValueError, match="none of id, document, summary, slice_rank"):
        Summarization(kind="summarization", data=str(tmp_path / "a.jsonl"), columns=["summary"])
