"""Verifiers with a model in a run: scored in chunks, by one process or two, to the same bytes; and on bare files."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.conftest import Done, inside, summ_collapse
from tests.verifiers.test_classifier import DOCUMENTS, SUMMARIES, made

SCORED = ("verify/asked", "verify/entailed")


def recipe(write_recipe: Callable[..., Path], folder: Path) -> Path:
    made(folder / "classifier")
    return write_recipe(
        verifiers={
            "strong": None,
            "self": None,
            "asked": {
                "kind": "judge",
                "model": "generator",
                "templates": ["{document} . {candidate} ?", "{document} : {candidate}"],
            },
            "entailed": {"kind": "classifier", "model": "./classifier", "label": "entailment"},
        }
    )


def digests(run: Path) -> dict[str, str]:
    found = {stage: next((run / "stages" / stage).glob("*/scores.parquet")) for stage in SCORED}
    return {stage: hashlib.sha256(path.read_bytes()).hexdigest() for stage, path in found.items()}


@pytest.mark.slow
def test_two_ranks_give_the_bytes_of_one(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    path, one, two = recipe(write_recipe, tmp_path), tmp_path / "one", tmp_path / "two"
    for stage in SCORED:
        done = inside("run", path, "--out", one, "--until", stage)
        assert done.code == 0, done.err
    shutil.copytree(one, two)
    for stage in SCORED:
        shutil.rmtree(two / "stages" / stage)
    done = summ_collapse("run", path, "launch.verify=cpu_ddp", "--out", two, *(f"--only={stage}" for stage in SCORED))
    assert done.code == 0, done.err
    assert digests(one) == digests(two)


def test_a_run_scores_with_them(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    path = recipe(write_recipe, tmp_path)
    for stage in SCORED:
        done = inside("run", path, "--out", tmp_path / "run", "--until", stage)
        assert done.code == 0, done.err
    for stage in SCORED:
        folder = next((tmp_path / "run" / "stages" / stage).glob("*/scores.parquet")).parent
        scores = pq.read_table(folder / "scores.parquet")
        assert 0 <= min(scores["score"].to_pylist()) < max(scores["score"].to_pylist()) <= 1
        notes = json.loads((folder / "manifest.json").read_text())["notes"]
        assert notes["nan_scores"] == 0
    assert "truncated" in json.loads(next((tmp_path / "run" / "stages" / SCORED[0]).glob("*/manifest.json")).read_text())["notes"]
    planned = inside("plan", path, "--out", tmp_path / "run")
    assert planned.code == 0, planned.err


def bare(tmp_path: Path, verifier: str) -> Done:
    rows: dict[str, list[dict[str, Any]]] = {
        "candidates": [{"id": str(row), "candidate": SUMMARIES[row + row % 2]} for row in range(30)],
        "references": [{"id": str(row), "summary": SUMMARIES[row]} for row in range(30)],
        "documents": [{"id": str(row), "document": DOCUMENTS[row]} for row in range(30)],
    }
    files: list[object] = []
    for name, lines in rows.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        files += [f"--{name}", tmp_path / f"{name}.jsonl"]
    return inside("diagnose", *files, "--verifier", verifier, "--wrong-below", 0.5, "--json")


def test_bare_files_are_scored_with_a_classifier(tmp_path: Path) -> None:
    made(tmp_path / "classifier")
    done = bare(tmp_path, f"classifier,model={tmp_path / 'classifier'},label=entailment")
    assert done.code == 0, done.err
    assert json.loads(done.out)["verifiers"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (",label=right", "label: expected one of"),
        ("", "label: expected one of"),
        (",label=2,reads=aloud", "reads: input should be 'pair' or 'completion', got 'aloud'"),
    ],
)
def test_what_a_classifier_lacks_is_said(tmp_path: Path, options: str, message: str) -> None:
    made(tmp_path / "classifier")
    done = bare(tmp_path, f"classifier,model={tmp_path / 'classifier'}{options}")
    assert done.code == 2
    assert message in done.err
