"""A run on candidates that exist already, with references for a part of the documents: no generator is trained."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from summ_collapse.errors import InputError
from summ_collapse.recipe.load import load
from summ_collapse.stages.candidates import candidates_of
from summ_collapse.tasks.newswire_articles import examples
from tests.conftest import Done, inside, merged, summ_collapse

ROWS, LABELLED = 200, 5  # every fifth has a reference
RECIPE: dict[str, Any] = {
    "task": {
        "kind": "summarization",
        "data": "./documents.jsonl",
        "rows": None,
        "test": None,
        "unlabelled": True,
        "test_share": 0.4,
        "max_document_tokens": 64,
    },
    "generator": {"slice": 0.1, "train": None},
    "synthesis": {"candidates": "./candidates.jsonl", "samples": 2},
    "verifiers": {"oracle": None, "strong": None, "self": None, "short": {"kind": "length", "prefer": "short"}},
    "selection": {"rates": [0.5], "across": "document", "certify": {"wrong_below": 0.9}},
    "controls": ["real-slice", "unfiltered", "generator"],
    "retrain": {"method": "full", "rank": None, "steps": 4},
}


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def files(tmp_path: Path) -> list[dict[str, Any]]:
    """Documents, a fifth of them with references, and two candidates each, one of them another document's."""
    made = examples(ROWS, 7).to_pylist()
    rows = [
        {"id": f"d{row}", "document": one["document"], "summary": one["summary"] if row % LABELLED == 0 else None}
        for row, one in enumerate(made)
    ]
    candidates = [
        {"id": f"d{row}", "sample": sample, "candidate": made[(row + sample) % ROWS]["summary"]}
        for row in range(ROWS)
        for sample in (0, 1)
    ]
    write(tmp_path / "documents.jsonl", rows)
    write(tmp_path / "candidates.jsonl", candidates)
    return candidates


def manifest(run: Path, stage: str) -> dict[str, Any]:
    (path,) = (run / "stages" / stage).glob("*/manifest.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def told(done: Done) -> Done:
    assert done.code == 0, done.err
    return done


def test_a_run_without_a_generator_ends_in_its_table(
    write_recipe: Callable[..., Path], tmp_path: Path, files: list[dict[str, Any]]
) -> None:
    recipe, run = write_recipe(**RECIPE), tmp_path / "run"
    told(inside("plan", recipe, "--out", run))
    told(inside("run", recipe, "--out", run))
    assert "done" in told(inside("status", run)).out
    arms = {one["arm"]: one for one in json.loads((run / "report/results.json").read_text())["arms"]}
    assert set(arms) == {"real-slice", "unfiltered", "short-0.5", "random-0.5"}
    prepared = manifest(run, "prepare/data")["notes"]
    test = pq.read_table(next((run / "stages/prepare/data").glob("*/test.parquet")))
    assert test["summary"].null_count == 0
    assert prepared["test_rows"] == round(0.4 * ROWS / LABELLED)
    real = pq.read_table(next((run / "stages/slice/0.1").glob("*/rows.parquet")))
    assert real["completion"].null_count == 0
    pool = manifest(run, "candidates/pool")
    assert pool["rows_in"] == 2 * ROWS
    assert pool["rejected"]["of the real slice"] == 2 * real.num_rows
    assert pool["rejected"]["no such document"] >= 2 * prepared["test_rows"]
    # What is wrong is known where there is a reference: one of two candidates is another document's.
    assert 0.3 < arms["unfiltered"]["p"] < 0.7
    (promise,) = json.loads((run / "report/results.json").read_text())["certificates"]
    kept = pq.read_table(next((run / "stages/select/short-0.5").glob("*/rows.parquet")), columns=["id"])["id"].to_pylist()
    judged = pq.read_table(next((run / "stages/verify/judge").glob("*/scores.parquet")))
    with_reference = {row["id"] for row in judged.to_pylist() if row["score"] == row["score"]}
    assert len(set(kept)) == len(kept)
    assert promise["labels"] == len(with_reference & set(kept)) > 0
    assert promise["certified"] == (promise["bound"] <= 0.9)
    told(inside("export", run, "short-0.5", "--format", "messages", "--out", tmp_path / "train.jsonl"))
    assert len((tmp_path / "train.jsonl").read_text().splitlines()) == len(kept)
    card = (tmp_path / "train.jsonl.card.md").read_text()
    assert f"{promise['wrong']} of {promise['labels']} labels within it are wrong" in card
    assert "at most 90% of it is wrong, with 95% confidence" in card
    before = {path: path.stat().st_mtime_ns for path in run.glob("stages/*/*/*/manifest.json")}
    told(inside("run", recipe, "--out", run))
    assert {path: path.stat().st_mtime_ns for path in run.glob("stages/*/*/*/manifest.json")} == before, "nothing runs twice"
    files[0]["candidate"] += "."
    write(tmp_path / "candidates.jsonl", files)
    told(inside("run", recipe, "--out", run, "--until", "candidates/pool"))
    assert len(list((run / "stages/candidates/pool").glob("*/manifest.json"))) == 2, "a changed byte is noticed"


@pytest.mark.nightly  # what scores is shown on two ranks in tests/launch and tests/verifiers; here the candidates are a user's
def test_two_ranks_score_given_candidates_to_the_same_bytes(
    write_recipe: Callable[..., Path], tmp_path: Path, files: list[dict[str, Any]]
) -> None:
    verifiers = {"short": None, "likely": {"kind": "perplexity", "model": "base"}}
    recipe, one, two = (
        write_recipe(**{**RECIPE, "verifiers": {**RECIPE["verifiers"], **verifiers}}),
        tmp_path / "1",
        tmp_path / "2",
    )
    told(inside("run", recipe, "--out", one, "--until", "verify/likely"))
    shutil.copytree(one, two)
    shutil.rmtree(two / "stages/verify/likely")
    told(summ_collapse("run", recipe, "launch.verify=cpu_ddp", "--out", two, "--only", "verify/likely"))
    scores = [next((run / "stages/verify/likely").glob("*/scores.parquet")).read_bytes() for run in (one, two)]
    assert scores[0] == scores[1]


@pytest.mark.parametrize("name", ["generation", "response", "completion", "output"])
def test_names_that_other_tools_write_are_read(tmp_path: Path, name: str) -> None:
    write(tmp_path / "c.jsonl", [{"id": 1, name: "one"}, {"id": 2, name: ["first", "second"]}])
    assert list(candidates_of(tmp_path / "c.jsonl")) == [
        ("1", 0, "one", "stop"),
        ("2", 0, "first", "stop"),
        ("2", 1, "second", "stop"),
    ]


def test_rows_of_one_document_are_numbered_as_they_come(tmp_path: Path) -> None:
    rows = [{"id": "a", "candidate": "x"}, {"id": "b", "candidate": "y"}, {"id": "a", "candidate": "z"}]
    write(tmp_path / "c.jsonl", rows)
    assert [(row[0], row[1]) for row in candidates_of(tmp_path / "c.jsonl")] == [("a", 0), ("b", 0), ("a", 1)]
    write(tmp_path / "c.jsonl", [{"id": "a", "output": ["x", "y"], "finish_reason": ["stop", "length"]}])
    assert [row[3] for row in candidates_of(tmp_path / "c.jsonl")] == ["stop", "length"]


def test_conversations_are_read_by_their_last_message(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "sum up"}, {"role": "assistant", "content": "short"}]
    write(tmp_path / "c.jsonl", [{"id": "a", "sample": 3, "messages": messages, "finish_reason": "length"}])
    assert list(candidates_of(tmp_path / "c.jsonl")) == [("a", 3, "short", "length")]


BAD_ROWS: list[tuple[dict[str, Any], str]] = [
    ({"candidate": "x"}, "line 2: expected an `id`, text or a whole number, got None"),
    ({"id": True, "candidate": "x"}, "line 2: expected an `id`, text or a whole number, got True"),
    ({"id": [1], "candidate": "x"}, "line 2: expected an `id`, text or a whole number, got [1]"),
    ({"id": "b", "text": "x"}, "line 2: expected one of candidate, generation, response, completion, output or messages"),
    ({"id": "b", "candidate": 3}, "line 2: expected text under `candidate`, got 3"),
    ({"id": "b", "output": ["x", 4]}, "line 2: expected text under `output`, got 4"),
    ({"id": "b", "candidate": "x", "sample": -1}, "line 2: expected a whole number from 0 under `sample`, got -1"),
    ({"id": "b", "candidate": "x", "sample": "two"}, "line 2: expected a whole number from 0 under `sample`, got 'two'"),
    ({"id": "b", "messages": []}, "line 2: expected messages that end with the assistant's, got None"),
    ({"id": "b", "messages": [{"role": "user", "content": "x"}]}, "line 2: expected messages that end with the assistant's"),
]


@pytest.mark.parametrize(("row", "message"), BAD_ROWS)
def test_rows_that_are_no_candidates_are_told(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    path = tmp_path / "c.jsonl"
    write(path, [{"id": "a", "candidate": "x"}, row])
    with pytest.raises(InputError) as told:
        list(candidates_of(path))
    assert message in str(told.value)
    assert str(path) in str(told.value)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: [{**row, "id": f"other {row['id']}"} for row in rows], "none that is of use (400 no such document)"),
        (lambda rows: [{**row, "candidate": " "} for row in rows], "empty"),
        (lambda rows: [{**row, "finish": "length"} for row in rows], "truncated"),
    ],
)
def test_a_file_without_one_row_of_use_is_told(
    write_recipe: Callable[..., Path],
    tmp_path: Path,
    files: list[dict[str, Any]],
    spoil: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    message: str,
) -> None:
    write(tmp_path / "candidates.jsonl", spoil(files))
    done = inside("run", write_recipe(**RECIPE), "--out", tmp_path / "run", "--until", "candidates/pool")
    assert done.code == 2
    assert message in done.err


def test_a_slice_of_more_rows_than_have_references_is_told(
    write_recipe: Callable[..., Path], tmp_path: Path, files: list[dict[str, Any]]
) -> None:
    recipe = write_recipe(**merged(RECIPE, {"generator": {"slice": 0.4}}))
    done = inside("run", recipe, "--out", tmp_path / "run", "--until", "slice/0.4")
    assert done.code == 2
    assert "slice/0.4: a share of 0.4 is 74 rows, and 24 of 184 have a reference" in done.err


def test_repeated_rows_are_counted(write_recipe: Callable[..., Path], tmp_path: Path, files: list[dict[str, Any]]) -> None:
    again = [files[152], {**files[153], "sample": 7}]  # the same key, and the same text under another
    write(tmp_path / "candidates.jsonl", [*files, *again])
    told(inside("run", write_recipe(**RECIPE), "--out", tmp_path / "run", "--until", "candidates/pool"))
    rejected = manifest(tmp_path / "run", "candidates/pool")["rejected"]
    assert {reason: rejected.get(reason) for reason in ("repeated key", "repeated text")} == {
        "repeated key": 1,
        "repeated text": 1,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"generator": {"train": {"steps": 1, "learning_rate": 1e-3, "batch_size": 8}}},
            "generator.train: synthesis.candidates are",
        ),
        ({"synthesis": {"candidates": None, "samples": 1}}, "generator.train: expected it, or synthesis.candidates"),
        ({"retrain": {"from": "generator"}}, "retrain.from: expected base"),
        ({"verifiers": {"self": {"kind": "perplexity", "model": "generator"}}}, "verifiers.self.model: expected another than"),
        ({"synthesis": {"documents": 5}}, "synthesis: expected neither only_slice nor documents"),
        ({"synthesis": {"variants": {"more": {"samples": 1}}}}, "synthesis.variants: expected none"),
    ],
)
def test_what_needs_a_generator_is_refused(
    write_recipe: Callable[..., Path], tmp_path: Path, files: list[dict[str, Any]], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as told:
        load(write_recipe(**merged(RECIPE, changes)))
    assert message in str(told.value)
