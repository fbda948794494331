"""Whatever is wrong with a recipe, its data or the arguments is told in one message, and nothing is left behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import SMALL, inside

PREPARE = ("--only", "prepare/data")


@pytest.fixture
def refusal(tmp_path: Path) -> Callable[..., str]:
    """What the command line says when it declines to run a recipe; that it declines at all is checked here."""

    def refuse(recipe: Path, *arguments: str) -> str:
        out = tmp_path / "out"
        done = inside("run", recipe, *arguments, "--out", out)
        assert done.code == 2, done.err
        assert done.out == ""
        assert "Traceback" not in done.err
        assert not out.exists()
        return done.err

    return refuse


def check_told(message: str, *told: object) -> None:
    for part in told:
        assert str(part) in message


def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": f"row-{row}", "document": f"storm {row} hit the town .", "summary": f"storm {row}"} for row in range(count)]


def write_rows(path: Path, records: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read_from(data: str, **options: Any) -> dict[str, Any]:
    """Changes that put a file or folder beside the recipe in the place of the built-in corpus."""
    return {"task": {"kind": "summarization", "data": data, "rows": None, "test": None, **options}}


def train(**options: Any) -> dict[str, Any]:
    return {"verifiers": {"strong": {"train": options}}}


UNKNOWN_KEYS = {
    "at the top": ({"seedz": [0]}, "seedz", "seeds"),
    "in a block": ({"retrain": {"learning_rat": 1e-3}}, "retrain.learning_rat", "learning_rate"),
    "deep down": ({"base": {"tiny": {"pretrain": {"step": 3}}}}, "base.tiny.pretrain.step", "steps"),
    "in the task": ({"task": {"max_document_token": 64}}, "task.max_document_token", "max_document_tokens"),
    "in a verifier": ({"verifiers": {"oracle": {"metrik": "rouge1"}}}, "verifiers.oracle.metrik", "metric"),
    "deep in a verifier": (train(slise=0.5), "verifiers.strong.train.slise", "slice"),
}


@pytest.mark.parametrize(("changes", "key", "suggestion"), UNKNOWN_KEYS.values(), ids=UNKNOWN_KEYS)
def test_unknown_key_is_named_with_the_nearest_valid_one(refusal, write_recipe, changes, key, suggestion) -> None:
    recipe = write_recipe(**changes)
    check_told(refusal(recipe), f"{recipe}: {key}: unknown key", f"did you mean {suggestion!r}?")


WRONG_VALUES = {
    "text for a number": ({"retrain": {"steps": "many"}}, "retrain.steps", "integer", "'many'"),
    "half a step": ({"retrain": {"steps": 2.5}}, "retrain.steps", "integer", "2.5"),
    "yes for a number": ({"retrain": {"steps": True}}, "retrain.steps", "integer", "True"),
    "number for a list": ({"seeds": 3}, "seeds", "list", "3"),
    "list for text": ({"wrong": {"metric": ["exact"]}}, "wrong.metric", "string", "['exact']"),
    "text for a block": ({"selection": "all"}, "selection", "dictionary", "'all'"),
    "text for the task": ({"task": "newswire"}, "task", "block with a `kind`", "'newswire'"),
    "number for a verifier": ({"verifiers": {"oracle": 3}}, "verifiers.oracle", "block with a `kind`", "3"),
    "text in the task": ({"task": {"rows": "many"}}, "task.rows", "integer", "'many'"),
    "text in a verifier": (train(epochs="one"), "verifiers.strong.train.epochs", "number", "'one'"),
    "rate of zero": ({"selection": {"rates": [0.5, 0]}}, "selection.rates.1", "greater than 0", "0"),
    "negative rate": ({"selection": {"rates": [-0.5]}}, "selection.rates.0", "greater than 0", "-0.5"),
    "rate above one": ({"selection": {"rates": [1.5]}}, "selection.rates.0", "less than or equal to 1", "1.5"),
    "rate that is no number": ({"selection": {"rates": [float("nan")]}}, "selection.rates.0", "finite", "nan"),
    "slice of zero": ({"generator": {"slice": 0}}, "generator.slice", "greater than 0", "0"),
    "verifier's slice above one": (train(slice=1.1), "verifiers.strong.train.slice", "less than or equal to 1", "1.1"),
}


@pytest.mark.parametrize(("changes", "key", "expected", "came"), WRONG_VALUES.values(), ids=WRONG_VALUES)
def test_wrong_value_is_named_with_what_was_expected(refusal, write_recipe, changes, key, expected, came) -> None:
    recipe = write_recipe(**changes)
    check_told(refusal(recipe, *PREPARE), f"{recipe}: {key}: ", expected, f"got {came}")


UNKNOWN_NAMES = {
    "verifier": ({"verifiers": {"oracle": {"kind": "rogue"}}}, "verifiers.oracle.kind", "'rogue'", "'rouge'"),
    "task": ({"task": {"kind": "newswires"}}, "task.kind", "'newswires'", "'newswire'"),
    "metric of the evaluation": ({"evaluation": {"metrics": ["rouge-2"]}}, "evaluation.metrics", "'rouge-2'", "'rouge2'"),
    "metric of what is wrong": ({"wrong": {"metric": "rougel"}}, "wrong.metric", "'rougel'", "'rougeL'"),
    "metric of a verifier": ({"verifiers": {"oracle": {"metric": "exakt"}}}, "verifiers.oracle.metric", "'exakt'", "'exact'"),
    "model": ({"verifiers": {"self": {"model": "generater"}}}, "verifiers.self.model", "'generater'", "'generator'"),
    "model, though a verifier": ({"verifiers": {"self": {"model": "oracle"}}}, "verifiers.self.model", "'oracle'", "strong"),
}


@pytest.mark.parametrize(("changes", "key", "name", "known"), UNKNOWN_NAMES.values(), ids=UNKNOWN_NAMES)
def test_unknown_name_is_told_with_those_that_are_known(refusal, write_recipe, changes, key, name, known) -> None:
    recipe = write_recipe(**changes)
    check_told(refusal(recipe), f"{recipe}: {key}: ", name, known)


def test_all_that_is_wrong_with_a_recipe_is_told_at_once(refusal, write_recipe) -> None:
    message = refusal(write_recipe(seedz=[0], task={"row": 3}, verifiers={"oracle": {"kind": "rogue"}}))
    check_told(message, "seedz", "task.row", "verifiers.oracle.kind")


def test_missing_recipe_file(refusal, cli, tmp_path) -> None:
    recipe = tmp_path / "nothing.yaml"
    check_told(refusal(recipe), recipe, "no such recipe file")
    # A process of its own says and returns the same.
    done = cli("run", recipe, "--out", tmp_path / "out")
    assert (done.code, done.out, done.err) == (2, "", refusal(recipe))


def test_key_that_stands_twice_is_named_with_its_second_line(refusal, tmp_path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: first\n" + yaml.safe_dump(SMALL, sort_keys=False))
    check_told(refusal(recipe), recipe, "'name'", "twice", "line 2,")


def test_override_without_an_equals_sign(refusal, write_recipe) -> None:
    check_told(refusal(write_recipe(), "retrain.steps"), "'retrain.steps'", "expected key.path=value")


@pytest.mark.parametrize("option", ["--only", "--until"])
def test_unknown_stage_is_told_with_the_nearest(refusal, write_recipe, option) -> None:
    check_told(refusal(write_recipe(), option, "prepare/dta"), "'prepare/dta'", "did you mean 'prepare/data'?")


@pytest.mark.parametrize("task", [{}, read_from("./news.jsonl")["task"]], ids=["newswire", "summarization"])
@pytest.mark.parametrize("prompt", ["Summarise:", "{document} or {document}?"])
def test_prompt_has_to_hold_the_document_once(refusal, write_recipe, tmp_path, task, prompt) -> None:
    write_rows(tmp_path / "news.jsonl", rows(40))
    recipe = write_recipe(task={**task, "prompt": prompt})
    check_told(refusal(recipe), f"{recipe}: task.prompt: ", "{document} once", repr(prompt))


@pytest.mark.parametrize("link", [False, True], ids=["by its path", "by a link"])
def test_what_lies_outside_the_recipes_folder_is_read_and_said(cli, write_recipe, tmp_path, link) -> None:
    data = write_rows(tmp_path / "news.jsonl", rows(40))
    (tmp_path / "inside").mkdir()
    if link:
        (tmp_path / "inside" / "news.jsonl").symlink_to(data)
    recipe = write_recipe("inside/recipe.yaml", **read_from("./news.jsonl" if link else "../news.jsonl"))
    done = cli("run", recipe, "--out", tmp_path / "run", "--until", "prepare/data")
    assert done.code == 0, done.err
    assert f"task.data: reads {data}" in done.err


ROW = b'{"id": "a", "document": "a storm .", "summary": "storm"}\n'
BROKEN_FILES = {
    "no file": (None, "no such file"),
    "no column": (ROW.replace(b"summary", b"headline"), "expected a column 'summary'", "found id, document, headline"),
    "broken JSON": (ROW + b"\n" + b'{"id": "b", "document"\n', "line 3: ", "expected a JSON object"),
    "no object": (ROW + b"[1]\n", "line 2: ", "expected a JSON object", "got list"),
    "no UTF-8": (ROW + b'{"id": "b", "document": "caf\xe9", "summary": "x"}\n', "line 2: ", "expected UTF-8", "0xe9"),
    "no text": (ROW.replace(b'"a storm ."', b"3"), "row 1: ", "expected text in column 'document'", "got int"),
    "no rows": (b"\n", "expected rows, found none"),
}


@pytest.mark.parametrize(("content", "told"), [(content, told) for content, *told in BROKEN_FILES.values()], ids=BROKEN_FILES)
def test_unreadable_data_is_named_with_its_line(refusal, write_recipe, tmp_path, content, told) -> None:
    if content is not None:
        (tmp_path / "news.jsonl").write_bytes(content)
    check_told(refusal(write_recipe(**read_from("./news.jsonl"))), tmp_path / "news.jsonl", *told)


def test_id_that_stands_twice_is_named_with_both_rows(refusal, write_recipe, tmp_path) -> None:
    records = rows(40)
    records[30]["id"] = "row-3"
    write_rows(tmp_path / "news.jsonl", records)
    check_told(refusal(write_recipe(**read_from("./news.jsonl"))), "task.data", "row 31", "each id once", "'row-3'", "row 4")


def spoilt_file(folder: Path) -> None:
    records = rows(100)
    records[1]["document"] = " \n"
    del records[2]["document"]
    records[3]["summary"] = records[4]["summary"] = ""
    records[5]["summary"] = records[6]["summary"] = records[7]["summary"] = None
    write_rows(folder / "news.jsonl", records)


def spoilt_folder(folder: Path) -> None:
    training, test = rows(90), [{**row, "id": f"test-{row['id']}", "document": f"again, {row['document']}"} for row in rows(10)]
    training[1]["document"] = training[0]["document"]
    training[2]["document"] = training[0]["document"].upper() + "  "
    training[3]["document"] = test[3]["document"]
    test[4]["summary"] = None
    write_rows(folder / "news" / "train.jsonl", training)
    write_rows(folder / "news" / "test.jsonl", test)


SPOILT = {
    "file": (
        spoilt_file,
        "./news.jsonl",
        {"empty document": 1, "missing document": 1, "empty summary": 2, "missing summary": 3},
    ),
    "folder": (spoilt_folder, "./news", {"duplicate document": 2, "overlap with test": 1, "missing summary": 1}),
}


@pytest.mark.parametrize(("spoil", "data", "rejected"), SPOILT.values(), ids=SPOILT)
def test_too_many_unusable_rows_are_counted_by_reason(refusal, write_recipe, tmp_path, spoil, data, rejected) -> None:
    spoil(tmp_path)
    message = refusal(write_recipe(**read_from(data)))
    check_told(message, f"task.data: {sum(rejected.values())} of 100 rows", "at most 1.0%", "task.max_rejected")
    check_told(message, *(f"{count} {reason}" for reason, count in rejected.items()))


@pytest.mark.parametrize(("spoil", "data", "rejected"), SPOILT.values(), ids=SPOILT)
def test_unusable_rows_are_left_out_and_counted_where_the_recipe_allows_them(
    write_recipe, tmp_path, spoil, data, rejected
) -> None:
    spoil(tmp_path)
    done = inside("run", write_recipe(**read_from(data, max_rejected=0.1)), *PREPARE, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    (path,) = (tmp_path / "out" / "stages" / "prepare" / "data").glob("*/manifest.json")
    manifest = json.loads(path.read_text())
    assert manifest["rejected"] == rejected
    assert manifest["rows_in"] == 100 == manifest["rows_out"] + sum(rejected.values())


def test_one_unusable_row_in_a_hundred_is_within_the_default(write_recipe, tmp_path) -> None:
    records = rows(100)
    records[9]["summary"] = None
    write_rows(tmp_path / "news.jsonl", records)
    assert inside("run", write_recipe(**read_from("./news.jsonl")), *PREPARE, "--out", tmp_path / "out").code == 0


TOO_FEW = {
    "generator's slice": ({"generator": {"slice": 0.001}}, "generator.slice: 0.001 of 160 training rows"),
    "verifier's slice": (train(slice=0.001), "verifiers.strong.train.slice: 0.001 of 160 training rows"),
    "selection": ({"selection": {"rates": [0.5, 0.001]}}, "selection.rates: 0.001 of 120 candidates"),
    "test set": (read_from("./news.jsonl"), "at least 2 test rows, got 1"),
}


@pytest.mark.parametrize(("changes", "told"), TOO_FEW.values(), ids=TOO_FEW)
def test_too_few_rows_for_what_the_recipe_asks(refusal, write_recipe, tmp_path, changes, told) -> None:
    write_rows(tmp_path / "news.jsonl", rows(4))
    check_told(refusal(write_recipe(**changes)), told)


@pytest.mark.parametrize("positions", [60, 76], ids=["far too few", "none left for the prompt"])
def test_document_budget_that_leaves_a_tiny_model_no_room(refusal, write_recipe, positions) -> None:
    recipe = write_recipe(base={"tiny": {"positions": positions}})
    check_told(refusal(recipe), f"{recipe}: task.max_document_tokens", "64 tokens", "completion of 12", f"({positions})")


def test_predictions_and_references_of_different_length(cli, tmp_path) -> None:
    predictions, references, out = tmp_path / "predictions.txt", tmp_path / "references.txt", tmp_path / "scores.jsonl"
    predictions.write_text("one\ntwo\n")
    references.write_text("one\ntwo\nthree\n")
    done = cli("score", "--predictions", predictions, "--references", references, "--out", out)
    assert (done.code, done.out) == (2, "")
    check_told(done.err, f"{predictions} has 2 rows", f"{references} has 3")
    assert not out.exists()
