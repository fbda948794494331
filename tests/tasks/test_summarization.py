"""Reading data: which file is which split, what an id depends on, and CSV as spreadsheets write it."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from summ_collapse.errors import InputError
from summ_collapse.files.rows import csv_records
from summ_collapse.packaged import packaged
from summ_collapse.recipe.load import load
from summ_collapse.stages.prepare import Prepare
from summ_collapse.tasks.summarization import Summarization
from tests.stages.tables import done


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


@pytest.fixture
def languages(tmp_path: Path) -> Path:
    """Two languages in the hub's own layout of Parquet files: LANGUAGE/SPLIT/*.parquet."""
    return write_languages(tmp_path / "xlsum")


def write_languages(root: Path) -> Path:
    for language in ("english", "welsh"):
        for split, parts in (("train", 2), ("validation", 1), ("test", 1)):
            folder = root / language / split
            folder.mkdir(parents=True)
            for part in range(parts):
                rows = [{"document": f"{language} {split} {part} {row}", "summary": "s"} for row in range(3)]
                pq.write_table(pa.Table.from_pylist(rows), folder / f"{part:04}.parquet")
    return root


PARTS = {
    "folder": {"folder": "english"},
    "patterns": {"files": {"train": "english/train/*.parquet", "test": "english/test/*.parquet"}},
}


@pytest.mark.parametrize("asked", PARTS.values(), ids=PARTS)
def test_one_language_of_many_is_read_and_noted(languages: Path, tmp_path: Path, asked: dict[str, Any]) -> None:
    task = Summarization(kind="summarization", data=str(languages), **asked)
    tables = task.splits()
    assert {split: table.num_rows for split, table in tables.items()} == {"train": 6, "test": 3}
    assert all(text.startswith(f"english {split}") for split in tables for text in tables[split]["document"].to_pylist())
    assert tables["train"]["id"].to_pylist() == [f"train-{row:08}" for row in range(6)]
    outcome, _ = done(Prepare(task=task, names={}), tmp_path / "stage", {})
    assert outcome.notes["rows_read"] == {"train": 6, "test": 3}
    assert outcome.notes["part"] == asked


@pytest.mark.parametrize("asked", PARTS.values(), ids=PARTS)
def test_one_language_of_a_hub_data_set_is_read_from_the_cache_at_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    commit = "0" * 39 + "1"
    write_languages(tmp_path / "datasets--somebody--xlsum" / "snapshots" / commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    task = Summarization(kind="summarization", data="somebody/xlsum", revision=commit, **asked)
    assert {split: table.num_rows for split, table in task.splits().items()} == {"train": 6, "test": 3}
    with pytest.raises(InputError, match="dataset 'somebody/xlsum' cannot be loaded"):
        task.model_copy(update={"revision": "0" * 39 + "2"}).splits()


def test_a_language_that_is_not_there_is_told_with_those_that_are(languages: Path) -> None:
    with pytest.raises(InputError, match=r"train pattern 'irish/train/\*.parquet'; the folder holds english, welsh"):
        Summarization(kind="summarization", data=str(languages), folder="irish").splits()
    with pytest.raises(InputError, match=r"task.folder or task.files"):
        Summarization(kind="summarization", data=str(languages)).splits()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"folder": "english", "subset": "english"}, "one of subset, folder and files"),
        ({"files": {"train": "a/*.parquet"}}, "train and test, or for all"),
        ({"files": {"all": "../*.parquet"}}, "below the data's folder"),
        ({"folder": "a/../../b"}, "below the data's folder"),
    ],
)
def test_parts_that_make_no_sense_are_refused(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Summarization(kind="summarization", data="somebody/xlsum", **asked)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            RuntimeError("Dataset scripts are no longer supported, but found xlsum.py"),
            "task.revision=refs/convert/parquet and task.folder",
        ),
        (KeyError("features"), "dataset 'somebody/xlsum' cannot be loaded: 'features'"),
    ],
)
def test_whatever_a_loader_fails_with_is_one_message(monkeypatch: pytest.MonkeyPatch, error: Exception, told: str) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("datasets.load_dataset", fail)
    with pytest.raises(InputError, match=told):
        Summarization(kind="summarization", data="somebody/xlsum").splits()


def test_the_recipe_of_xlsum_reads_english_alone() -> None:
    task = load(packaged("recipes", "xlsum_llama2_7b.yaml")).task
    assert task.patterns == PARTS["patterns"]["files"]
