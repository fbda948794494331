"""The preflight says what would fail before anything is queued."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from summ_collapse.errors import InputError
from summ_collapse.plan.check_stages import batches, stages
from summ_collapse.recipe.load import load
from tests.conftest import Done, inside


def findings(done: Done) -> dict[str, dict[str, str]]:
    return {found["what"]: found for found in json.loads(done.out)}


def test_a_sound_recipe_passes_and_its_ranks_meet(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    done = inside("check", write_recipe(launch={"train": "cpu_ddp"}), "--out", tmp_path / "run", "--json")
    assert done.code == 0, done.err
    found = findings(done)
    assert found["data"]["detail"] == "184 all rows"
    assert found["launch"] == {"what": "launch", "verdict": "ok", "detail": "cpu_ddp: 2 processes met"}
    assert {found[what]["verdict"] for what in ("memory", "disk", "documents", "prepare", "room", "rehearsal")} == {"ok"}
    assert found["room"]["detail"].endswith("of the base's 112 positions")
    assert not (tmp_path / "run").exists()


def test_a_batch_that_ranks_cannot_share_is_told(write_recipe: Callable[..., Path]) -> None:
    recipe = load(write_recipe(launch={"train": "cpu_ddp"}, generator={"train": {"batch_size": 9}}))
    (failed,) = batches(recipe, "cpu_ddp", 2)
    assert failed.detail == "generator.train.batch_size: expected a multiple of 2 ranks x 4 rows a pass, got 9"
    assert list(batches(recipe, "cpu_ddp", 1)) == list(batches(recipe, "ddp", 2)) == []


def test_what_is_cut_or_too_long_is_a_warning(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = write_recipe(task={"max_document_tokens": 10}, synthesis={"max_new_tokens": 3})
    found = findings(inside("check", recipe, "--out", tmp_path / "run", "--json"))
    assert found["documents"]["verdict"] == found["summaries"]["verdict"] == "warning"
    assert found["documents"]["detail"].startswith("100.0% of a sample of 184 are cut")


def test_everything_that_fails_is_told_at_once(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = write_recipe(
        task={"kind": "summarization", "data": "rows.jsonl", "rows": None, "test": None},
        verifiers={"strong": {"kind": "perplexity", "model": "nobody/nothing", "train": None}},
        launch={"generate": "ddp"},
    )
    (tmp_path / "rows.jsonl").write_text('{"document": "a", "summary": "b"}\n{"document": 1}\n')
    done = inside("check", recipe, "--out", tmp_path / "run", "--json")
    assert done.code == 2
    found = findings(done)
    assert found["data"]["verdict"] == found["model"]["verdict"] == found["launch"]["verdict"] == "failed"
    assert "nobody/nothing" in found["model"]["detail"]
    assert "error: 3 of " in done.err
    assert "Traceback" not in done.err


def test_what_prepare_and_the_first_batch_would_end_with_is_told_before(
    write_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    """Rows that are duplicates, and summaries that do not fit beside a document, though each alone does."""
    long = " ".join(f"w{word}" for word in range(60))
    rows = [{"document": f"text {row // 4} of it", "summary": long} for row in range(40)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = write_recipe(task={"kind": "summarization", "data": "rows.jsonl", "rows": None, "test": None})
    found = findings(inside("check", recipe, "--out", tmp_path / "run", "--json"))
    assert found["data"]["verdict"] == "failed"
    assert "and a completion of 61 need" in found["data"]["detail"]
    assert found["prepare"]["verdict"] == "failed"
    assert "duplicate document" in found["prepare"]["detail"]


def test_prepare_is_tried_and_its_rows_are_told(write_recipe: Callable[..., Path]) -> None:
    ok, failed = stages(load(write_recipe())), stages(load(write_recipe("few.yaml", generator={"slice": 0.001})))
    assert next(ok).detail == "160 rows to learn from, 24 held out; rejected: none"
    assert [one.what for one in ok] == ["rehearsal"]
    with pytest.raises(InputError, match=r"generator.slice: 0.001 of 160 training rows is less than one row"):
        list(failed)
