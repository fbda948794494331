"""Rows as people have them: a question beside a text, several references a row; duplicates are equal prompts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from summ_collapse.errors import InputError
from summ_collapse.metrics.references import Several, references_of
from summ_collapse.metrics.scoring import score_pairs
from summ_collapse.tasks.newswire_articles import examples
from summ_collapse.tasks.summarization import Summarization
from tests.conftest import inside


def task(path: Path, **options: Any) -> Summarization:
    return Summarization.model_validate({"kind": "summarization", "data": str(path), **options})


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: Path, **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = task(path, **options).splits()["all"].to_pylist()
    return found


def test_a_question_stands_in_front_of_its_text(tmp_path: Path) -> None:
    rows = [{"question": "who {story}?", "story": "a {question} b", "number": 3, "summary": "s"}]
    path = write(tmp_path / "d.jsonl", rows)
    (row,) = read(path, document="{number}. {question}\n\n{story}")
    assert row["document"] == "3. who {story}?\n\na {question} b", "braces of a text are a text's"


def test_a_row_that_lacks_its_question_or_text_is_missing_or_empty(tmp_path: Path) -> None:
    rows = [
        {"question": None, "story": "text", "summary": "s"},
        {"question": "who?", "story": " ", "summary": "s"},
        {"question": "who?", "story": "text", "summary": "s"},
    ]
    found = read(write(tmp_path / "d.jsonl", rows), document="{question} {story}")
    assert [row["document"] for row in found] == [None, "", "who? text"]


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", [{"story": "text", "summary": "s"}])
    with pytest.raises(InputError, match=r"expected a column 'question' \(task.document\), found story, summary"):
        read(path, document="{question} {story}")


def test_a_prompt_that_names_a_column_says_where_it_belongs(tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", [{"question": "who?", "document": "text", "summary": "s"}])
    with pytest.raises(InputError, match=r"task.prompt: \{question\} is a column of .*; further columns stand in task.document"):
        read(path, prompt="{question} {document}")
    assert read(path, prompt="{document} \\boxed{answer}")[0]["document"] == "text", "braces that name no column are text"


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_of_several_references_the_first_is_learnt_and_all_are_kept(tmp_path: Path, suffix: str) -> None:
    rows = [
        {"document": "a", "summary": ["one", "two", ""]},
        {"document": "b", "summary": ["three"]},
        {"document": "c", "summary": None},
    ]
    path = tmp_path / f"d.{suffix}"
    if suffix == "jsonl":
        write(path, rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    found = read(path, references="mean")
    assert [row["summary"] for row in found] == ["one", "three", None]
    assert [row["mean_of"] for row in found] == [["one", "two"], ["three"], []]
    assert references_of(task(path).splits()["all"]) == [Several(("one", "two"), "best"), Several(("three",), "best"), None]


def test_files_have_lists_in_all_or_in_none(tmp_path: Path) -> None:
    write(tmp_path / "train-a.jsonl", [{"document": "a", "summary": ["one", "two"]}] * 2)
    write(tmp_path / "test.jsonl", [{"document": "b", "summary": "three"}] * 2)
    with pytest.raises(InputError, match=r"test.jsonl: expected lists of references, as .*train-a.jsonl has them, found texts"):
        task(tmp_path).splits()
    with pytest.raises(InputError, match=r"task.references: expected lists in column 'summary', found texts"):
        read(tmp_path / "test.jsonl", references="mean")


def test_a_reference_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    pq.write_table(pa.Table.from_pylist([{"document": "a", "summary": [1, 2]}]), path)
    with pytest.raises(InputError, match="row 1: expected texts in column 'summary', got int among them"):
        read(path)


def test_the_best_or_the_mean_of_the_references_counts() -> None:
    references = [Several(("a b", "c d e"), "best"), Several(("a b", "c d e"), "mean"), "a b"]
    found = score_pairs(["a b", "a b", "a b"], references, ["rouge1", "exact"])
    np.testing.assert_allclose(found["rouge1"], [1, 0.5, 1])
    np.testing.assert_allclose(found["exact"], [1, 0.5, 1])


def test_a_run_of_questions_with_four_references_ends_in_its_table(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    """Five questions a story, as SQuALITY has them: no duplicates, as long as the questions differ."""
    made = examples(40, 3).to_pylist()
    rows = [
        {
            "id": f"{story}-{number}",
            "question": f"what of {number} ?",
            "story": one["document"],
            "summary": [one["summary"], one["document"], "nothing", "of that"],
        }
        for story, one in enumerate(made)
        for number in range(5)
    ]
    rows.append({**rows[0], "id": "again"})
    write(tmp_path / "d.jsonl", rows)
    data = {"kind": "summarization", "data": "./d.jsonl", "document": "{question} {story}", "test_share": 0.2, "rows": None}
    few = {"task": {**data, "test": None}, "verifiers": {"strong": None, "self": None}, "selection": {"rates": [0.5]}}
    recipe = write_recipe(**few, controls=["lead", "real-slice"], designs=["selection", "controls"])
    done = inside("run", recipe, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    (manifest,) = (tmp_path / "run/stages/prepare/data").glob("*/manifest.json")
    assert json.loads(manifest.read_text())["rejected"] in ({"duplicate document": 1}, {"overlap with test": 1})
    (judged,) = (tmp_path / "run/stages/verify/judge").glob("*/scores.parquet")
    assert pq.read_table(judged)["score"].null_count == 0
    assert "{" not in pq.read_table(next((tmp_path / "run/stages/prepare/data").glob("*/train.parquet")))["document"][0].as_py()
