"""A model that was trained by other means, in the same table by what it predicts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from summ_collapse.errors import InputError
from summ_collapse.recipe.load import load
from tests.conftest import inside

FEW: dict[str, Any] = {
    "verifiers": {"strong": None, "self": None},
    "selection": {"rates": [0.5]},
    "controls": [],
    "retrain": {"method": "full"},
}
WITH = {**FEW, "designs": ["selection", "controls", "theirs"], "arms": {"elsewhere": {"predictions": "./theirs.jsonl"}}}


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_set_that_another_trainer_took_comes_back_to_the_same_table(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    run, predictions = tmp_path / "run", tmp_path / "theirs.jsonl"
    assert inside("run", write_recipe(**FEW), "--out", run).code == 0
    done = inside("export", run, "--test", "--out", tmp_path / "test.jsonl")
    assert done.code == 0, done.err
    asked = [json.loads(line) for line in (tmp_path / "test.jsonl").read_text().splitlines()]
    assert len(asked) == 24
    assert all(set(one) == {"id", "prompt"} for one in asked), "no answer is told"
    examples = pq.read_table(next((run / "stages/prepare/data").glob("*/test.parquet"))).to_pylist()
    answers = {one["id"]: one["summary"] for one in examples}
    # In another order, one row that nobody asked for, and every other answer is right.
    rows = [{"id": one["id"], "candidate": answers[one["id"]] if place % 2 else "nothing"} for place, one in enumerate(asked)]
    write(predictions, [*reversed(rows), {"id": "who", "candidate": "x"}])
    recipe = write_recipe(**WITH)
    done = inside("run", recipe, "--out", run)
    assert done.code == 0, done.err
    arms = {one["arm"]: one for one in json.loads((run / "report/results.json").read_text())["arms"]}
    assert arms["elsewhere"]["metrics"]["rouge1"]["mean"] == pytest.approx(50, abs=1e-9)
    assert set(arms["elsewhere"]["vs"]) == {"real-slice"}
    assert arms["elsewhere"]["method"] == "elsewhere"
    made = sorted((run / "stages/theirs/elsewhere").glob("*/manifest.json"))
    assert json.loads(made[0].read_text())["rejected"] == {"no test row": 1}
    again = inside("run", recipe, "--out", run)
    assert again.code == 0, again.err
    assert sorted((run / "stages/theirs/elsewhere").glob("*/manifest.json")) == made, "nothing runs twice"
    write(predictions, [{**rows[0], "candidate": "nothing!"}, *rows[1:]])
    assert inside("run", recipe, "--out", run, "--until", "theirs/elsewhere").code == 0
    assert len(list((run / "stages/theirs/elsewhere").glob("*/manifest.json"))) == 2, "a changed byte is noticed"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows[1:], "expected a prediction for each of 24 test rows, got none for 1 (first: id "),
        (lambda rows: [*rows, rows[0]], "expected each id once, got 1 again"),
        (lambda rows: [{"id": row["id"]} for row in rows], "line 1: expected `candidate`, found id"),
    ],
)
def test_predictions_that_do_not_fit_are_told(
    write_recipe: Callable[..., Path], tmp_path: Path, spoil: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], message: str
) -> None:
    run, predictions = tmp_path / "run", tmp_path / "theirs.jsonl"
    write(predictions, [{"id": "0", "candidate": "x"}])
    recipe = write_recipe(**WITH)
    assert inside("run", recipe, "--out", run, "--until", "prepare/data").code == 0
    ids = pq.read_table(next((run / "stages/prepare/data").glob("*/test.parquet")))["id"].to_pylist()
    write(predictions, spoil([{"id": one, "candidate": "some words"} for one in ids]))
    done = inside("run", recipe, "--out", run, "--until", "theirs/elsewhere")
    assert done.code == 2
    assert message in done.err
    assert "theirs.jsonl" in done.err


def test_an_arm_of_theirs_takes_nobodys_name(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "theirs.jsonl").write_text("{}")
    recipe = write_recipe(**{**WITH, "arms": {"real-slice": {"predictions": "./theirs.jsonl"}}})
    done = inside("run", recipe, "--out", tmp_path / "run")
    assert done.code == 2
    assert "two arms would be called 'real-slice'" in done.err


def test_block_and_design_go_together(write_recipe: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="expected `theirs` here and the block `arms`, or neither"):
        load(write_recipe(**FEW, arms={"elsewhere": {"predictions": "./theirs.jsonl"}}))
