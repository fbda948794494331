"""Every command's table in 80 columns: no line is longer, no cell is cut, and `--wide` has the rest."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from summ_collapse.report.summary import MOST
from tests.conftest import inside

RECIPES = Path(__file__).parents[2] / "recipes"
LONG = "perplexity-of-a-model-with-a-long-name"


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def narrow(*arguments: object) -> list[str]:
    """The lines that a command prints."""
    done = inside(*arguments)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert "…" not in done.out
    return lines


def parsed(*arguments: object) -> Any:
    done = inside(*arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def names(lines: list[str], table: int = 0) -> list[str]:
    """What the first column of a table holds, up to its first gap; a name that folds in pieces."""
    start = [place for place, line in enumerate(lines) if line and set(line) == {"─"}][table] + 1
    end = next((place for place in range(start, len(lines)) if not lines[place].strip()), len(lines))
    return [line.split()[0] for line in lines[start:end] if not line.startswith(" ")]


def test_a_finished_run_shows_what_answers_the_question(small_run: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, run = small_run
    monkeypatch.chdir(run.parent)
    lines = narrow("run", recipe.name, "--out", run.name)
    content = json.loads((run / "report" / "results.json").read_text())
    assert "small: 24 test rows, seed 0" in lines
    start = next(place for place, line in enumerate(lines) if line.startswith("─")) + 1
    shown = lines[start : lines.index("", start) - 1]
    assert 6 < len(shown) <= MOST
    arms = {arm["arm"]: arm for arm in content["arms"]}
    for line in shown:
        name, rows, mean, *_ = line.split()
        assert rows == str(arms[name]["n_train"])
        assert mean == f"{arms[name]['metrics']['rouge1']['mean']:.1f}"
    assert f"{len(arms) - len(shown)} more arms: --wide, or table.csv in the report" in lines
    assert "report: run/report" in lines
    assert "figure: run/report/figures/rates.svg" in lines
    assert (run / "report" / "figures" / "rates.svg").is_file()
    assert 'next:   summ-collapse run recipe.yaml "seeds=[0,1,2]" --jobs 2 --out run' in lines
    wide = inside("run", recipe.name, "--out", run.name, "--wide").out
    assert all(f"\n{name} " in wide for name in arms)
    assert "rougeLsum" in wide
    assert wide.endswith("\n".join(["", *lines[-3:], ""]))


def test_compare(small_run: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    run = small_run[1]
    monkeypatch.chdir(run.parent)
    lines = narrow("compare", run.name, f"../{run.parent.name}/{run.name}")
    arms = parsed("compare", run.name)["arms"]
    assert names(lines) == names(lines, 1) == [arm["arm"] for arm in arms]
    assert "rougeLsum" not in "\n".join(lines)
    assert "rougeLsum" in inside("compare", run.name, "--wide").out


def test_status(small_run: tuple[Path, Path]) -> None:
    lines = narrow("status", small_run[1])
    assert names(lines) == [state["stage"] for state in parsed("status", small_run[1])]


def test_a_queue_is_asked_only_about_runs_that_were_submitted(
    small_run: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    run.symlink_to(small_run[1])
    broken = tmp_path / "bin" / "squeue"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho no controller >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken.parent}:/usr/bin:/bin")
    assert "the queue gives no answer" not in inside("status", run).err
    run.unlink()
    run.mkdir()
    for part in small_run[1].iterdir():
        (run / part.name).symlink_to(part)
    (run / "slurm").mkdir()
    assert "the queue gives no answer: squeue" in inside("status", run).err


def test_a_narrower_terminal_cuts_nothing_and_a_wider_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["theory", "recursion", "--symbols", "9", "--real", "5", "--synthetic", "5", "--generations", "2", "--simulate", "3"]
    lines = narrow(*words)
    assert "no room here for " in "\n".join(lines)
    monkeypatch.setenv("COLUMNS", "30")
    assert narrow(*words) == lines
    monkeypatch.setenv("COLUMNS", "200")
    assert "no room here for " not in inside(*words).out


@pytest.mark.parametrize("name", ["xsum_llama2_7b", "quality_sweep"])
def test_plan(name: str) -> None:
    lines = narrow("plan", RECIPES / f"{name}.yaml", "--gpu", "a10g")
    stages = parsed("plan", RECIPES / f"{name}.yaml")["stages"]
    assert names(lines) == [stage["name"] for stage in stages]
    wide = inside("plan", RECIPES / f"{name}.yaml", "--wide").out
    assert f"{sum(stage['tokens'] or 0 for stage in stages):,}" in wide
    assert "KV cache" in wide


def test_names_that_are_too_long_fold(write_recipe: Callable[..., Path]) -> None:
    verifiers = {LONG: {"kind": "perplexity", "model": "base"}, "strong": None, "self": None, "oracle": None}
    recipe = write_recipe(seeds=[10, 11], generator={"slice": [0.125, 0.25]}, verifiers=verifiers)
    lines = narrow("plan", recipe)
    stages = parsed("plan", recipe)["stages"]
    assert f"train/g0.125-{LONG}-0.25@10" in {stage["name"] for stage in stages}
    assert "".join(names(lines)) == "".join(stage["name"] for stage in stages)


def test_check(write_recipe: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = write_recipe(task={"max_document_tokens": 10})
    lines = narrow("check", recipe, "--out", "run")
    text = " ".join(" ".join(lines).split())
    for finding in parsed("check", recipe, "--out", "run"):
        assert finding["verdict"] in text
        # Folded, a detail has blanks where words or a path were broken.
        assert "".join(finding["detail"].split())[:20] in text.replace(" ", "")


@pytest.mark.parametrize(
    "words",
    [
        "breakdown --phi 0.9,0.5 --psi 0.1:0.9:0.1 --p 0.4,0.3 --mu 2,3 --d 50,60 --n 1000,200000",
        "phase",
        "phase --run RUN",
        "simulate --generator 60,65 --verifier 30,40 --between 70 --repetitions 2 --n 50,100 --d 3,4 --mu 1,2 --workers 1",
        "recursion --symbols 10 --real 5 --synthetic 5 --generations 3 --simulate 3 --mix real,latest:2,all --tolerance 0.1",
        "recursion --symbols 10 --real 0 --synthetic 5 --generations 3",
    ],
)
def test_theory(words: str, request: pytest.FixtureRequest) -> None:
    run = str(request.getfixturevalue("small_run")[1]) if "RUN" in words else ""
    arguments = ["theory", *(run if word == "RUN" else word for word in words.split())]
    lines, wide = narrow(*arguments), inside(*arguments, "--wide").out.splitlines()
    # Whatever stands in the table in full does in the narrow one, a row a row.
    rows = next(place for place, line in enumerate(lines) if line.startswith("─")) + 1
    for cells, everything in zip(lines[rows:], wide[2:], strict=False):
        if cells.startswith(("no room", "in all")) or " rows more" in cells:
            break
        assert set(cells.split()) <= set(everything.split())
    # Each column is there, or is named as one that is not.
    told = " ".join(" ".join(lines).split())
    for heading in wide[0].split():
        assert all(part in told for part in heading.rsplit("_", 1)), heading


def test_a_single_point_stands_on_its_side() -> None:
    words = ["simulate", "--p", "0.3", "--phi", "0.9", "--psi", "0.3", "--repetitions", "2", "--n", "50", "--workers", "1"]
    lines, wide = narrow("theory", *words), inside("theory", *words, "--wide").out.splitlines()
    assert len(wide) == 3
    assert [line.split() for line in lines[2:]] == [list(pair) for pair in zip(wide[0].split(), wide[2].split(), strict=True)]


def test_what_is_the_same_in_all_rows_is_told_once() -> None:
    words = ["theory", "breakdown", "--phi", "0.9", "--psi", "0.1,0.2", "--p", "0.4"]
    lines = narrow(*words)
    assert lines[0] == "in all rows: phi 0.9, p 0.4"
    assert [line.split()[0] for line in lines[-2:]] == ["0.1", "0.2"]
    # Nothing is said of accuracy without --mu.
    assert "accuracy" not in " ".join(lines)
    assert "accuracy" in inside(*words, "--wide").out
