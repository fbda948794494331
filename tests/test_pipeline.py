"""The whole experiment as a user runs it: rows balance, nothing runs twice, equal runs have equal bytes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from tests.conftest import Done, inside

DATA = (".parquet", ".safetensors", ".csv")


def manifests(run: Path) -> dict[str, dict[str, object]]:
    found = [json.loads(path.read_text()) for path in run.glob("stages/*/*/*/manifest.json")]
    return {manifest["stage"]: manifest for manifest in found}


def digests(run: Path) -> dict[str, dict[str, str]]:
    """SHA-256 of every file of every stage; the report aside, each stage's files are data and models."""
    return {
        name: {file: entry["sha256"] for file, entry in manifest["files"].items()} for name, manifest in manifests(run).items()
    }


def test_rows_balance_in_every_manifest(small_run: tuple[Path, Path]) -> None:
    for name, manifest in manifests(small_run[1]).items():
        assert manifest["rows_in"] == manifest["rows_out"] + sum(manifest["rejected"].values()), name


def test_results_hold_every_arm_with_its_baselines(small_run: tuple[Path, Path]) -> None:
    results = json.loads((small_run[1] / "report" / "results.json").read_text())
    arms = {arm["arm"]: arm for arm in results["arms"]}
    verifiers = [f"{name}-{rate}" for name in ("oracle", "strong", "self", "random") for rate in ("0.25", "0.5")]
    assert set(arms) == {*verifiers, "lead", "generator", "real-slice", "real-full", "unfiltered"}
    assert set(arms["oracle-0.25"]["vs"]) == {"real-slice", "random-0.25", "generator"}
    assert arms["oracle-0.25"]["n_train"] == 30
    assert arms["oracle-0.25"]["slice_overlap"] == 0.0
    for name in (*verifiers, "unfiltered"):
        assert arms[name]["p"] is not None
        assert arms[name]["kept_fraction"] == pytest.approx(arms[name]["rate"] or 1.0)
        assert arms[name]["predicted"] in ("helps", "hurts", "undecided")
    assert results["test_rows"] == 24


def test_report_has_every_format_and_the_figure(small_run: tuple[Path, Path]) -> None:
    report = small_run[1] / "report"
    names = {path.relative_to(report).as_posix() for path in report.rglob("*") if path.is_file()}
    assert names == {
        "results.json",
        "table.csv",
        "table.md",
        "table.tex",
        *(f"figures/{name}.{kind}" for name in ("rates", "prediction") for kind in ("svg", "png")),
    }
    assert "oracle-0.25" in (report / "table.md").read_text()


def test_tables_read_through_datasets_as_they_were_written(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    path = next((small_run[1] / "stages" / "generate").rglob("candidates.parquet"))
    loaded = load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path))
    assert loaded.column_names == ["id", "sample", "candidate", "n_tokens", "finish"]
    assert loaded.to_list() == pq.read_table(path).to_pylist()
    assert pq.read_schema(path).metadata is None


def test_selections_nest_and_the_generators_slice_is_not_in_the_pool(small_run: tuple[Path, Path]) -> None:
    stages = small_run[1] / "stages"
    examples = pq.read_table(next(stages.glob("prepare/data/*/train.parquet"))).to_pylist()
    of_slice = {row["id"] for row in examples if row["slice_rank"] < 40}
    kept = {
        rate: {row["id"] for row in pq.read_table(next(stages.glob(f"select/self-{rate}/*/rows.parquet"))).to_pylist()}
        for rate in ("0.25", "0.5")
    }
    assert kept["0.25"] < kept["0.5"]
    assert len(of_slice) == 40
    assert not of_slice & kept["0.5"]


def test_the_same_command_again_runs_nothing(small_run: tuple[Path, Path], cli: Callable[..., Done]) -> None:
    recipe, run = small_run
    before = {path: path.stat().st_mtime_ns for path in run.glob("stages/*/*/*/manifest.json")}
    done = cli("run", recipe, "--out", run, "--verify")
    assert done.code == 0
    stages = [line for line in done.err.splitlines() if "/" in line]
    assert len(stages) == len(before)
    assert all(line.endswith(": cached") for line in stages)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_changed_learning_rate_runs_only_what_depends_on_it(small_run: tuple[Path, Path], cli: Callable[..., Done]) -> None:
    recipe, run = small_run
    done = cli("run", recipe, "retrain.learning_rate=2e-3", "--out", run, "--dry-run")
    words = [line.split() for line in done.out.splitlines()]
    again = {parts[-1] for parts in words if parts[0] == "would"}
    arms = {name.partition("/")[2] for name in manifests(run) if name.startswith("train/")} - {"generator", "strong"}
    assert again == {"report/all", *(f"train/{arm}" for arm in arms), *(f"evaluate/{arm}" for arm in arms)}


@pytest.mark.nightly  # a run with --jobs, in other processes, has the same bytes too (launch/test_side_by_side.py)
def test_two_runs_have_equal_bytes(small_run: tuple[Path, Path], cli: Callable[..., Done], tmp_path: Path) -> None:
    recipe, run = small_run
    done = cli("run", recipe, "--out", tmp_path / "again")
    assert done.code == 0
    assert digests(tmp_path / "again") == digests(run)


def test_a_damaged_file_is_found_and_made_again(
    small_run: tuple[Path, Path], write_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    recipe, run = write_recipe(), tmp_path / "run"
    assert inside("run", recipe, "--out", run, "--until", "select/random-0.5").code == 0
    path = next(run.glob("stages/generate/generator/*/candidates.parquet"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    done = inside("run", recipe, "--out", run, "--until", "select/random-0.5", "--verify")
    assert done.code == 0
    assert f"{path} has other content" in done.err
    expected = digests(small_run[1])
    assert digests(run) == {name: expected[name] for name in digests(run)}


def test_only_runs_one_stage_and_says_what_it_lacks(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe, run = write_recipe(), tmp_path / "run"
    lacking = inside("run", recipe, "--out", run, "--only", "verify/random")
    assert lacking.code == 2
    assert "it needs prepare/data" in lacking.err
    assert inside("run", recipe, "--out", run, "--only", "prepare/*").code == 0
    assert set(manifests(run)) == {"prepare/data"}


def test_several_seeds_are_pooled(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = write_recipe(
        seeds=[0, 1], verifiers={"strong": None, "self": None, "oracle": None}, controls=["generator"], selection={"rates": [0.5]}
    )
    done = inside("run", recipe, "--out", tmp_path / "run", "--json")
    assert done.code == 0, done.err
    arms = json.loads(done.out)["arms"]
    assert [(arm["arm"], arm["seed"]) for arm in arms if arm["arm"] == "random-0.5"] == [
        ("random-0.5", 0),
        ("random-0.5", 1),
        ("random-0.5", None),
    ]
    assert {"train/random-0.5@0", "train/random-0.5@1", "pretrain/base"} <= set(manifests(tmp_path / "run"))


def test_status_tells_what_is_done_and_what_is_left(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe, run = write_recipe(), tmp_path / "run"
    assert inside("run", recipe, "--out", run, "--until", "pretrain/base").code == 0
    states = {state["stage"]: state["state"] for state in json.loads(inside("status", run, "--json").out)}
    assert states["pretrain/base"] == "done"
    assert states["report/all"] == "left"


def test_compare_tells_runs_of_one_name_apart_and_older_results_off(
    small_run: tuple[Path, Path], cli: Callable[..., Done], tmp_path: Path
) -> None:
    for name in ("a/run", "b/run"):
        shutil.copytree(small_run[1] / "report", tmp_path / name / "report")
    done = cli("compare", tmp_path / "a" / "run", tmp_path / "b" / "run", "--json", "--figure", tmp_path / "all.svg")
    together = json.loads(done.out)
    assert together["runs"] == [str(tmp_path / "a" / "run"), str(tmp_path / "b" / "run")]
    assert together["agreement"]["groups"] == 2
    assert (tmp_path / "all.svg").is_file()
    (tmp_path / "a" / "run" / "report" / "results.json").write_text('{"recipe": "old", "arms": []}')
    old = cli("compare", tmp_path / "a" / "run")
    assert old.code == 2
    assert "expected results of version 7; the same `run` again makes its report anew" in old.err


def test_compare_puts_runs_side_by_side(small_run: tuple[Path, Path]) -> None:
    run = small_run[1]
    together = json.loads(inside("compare", run, run, "--format", "json").out)
    assert len(together["arms"]) == 26
    for wanted, mark in (("csv", "metrics.rouge1.mean"), ("latex", r"\begin{tabular}"), ("html", "<table>"), ("table", "oracle")):
        done = inside("compare", run, run, "--format", wanted)
        assert done.code == 0
        assert mark in done.out


def test_the_report_shown_is_the_one_asked_for_last(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, finished = small_run
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    first = (run / "report" / "results.json").read_text()
    assert inside("run", recipe, "--out", run, "evaluation.bootstrap=300").code == 0
    assert (run / "report" / "results.json").read_text() != first
    assert inside("run", recipe, "--out", run).code == 0
    assert (run / "report" / "results.json").read_text() == first
    shutil.rmtree(run / "report")
    assert inside("run", recipe, "--out", run).code == 0
    assert (run / "report" / "results.json").read_text() == first


def test_a_bad_argument_takes_nothing_away(small_run: tuple[Path, Path], cli: Callable[..., Done]) -> None:
    recipe, run = small_run
    done = cli("run", recipe, "selection.rates=[0.0001]", "--out", run)
    assert done.code == 2
    assert "selection.rates" in done.err
    assert "prepare/data" in manifests(run)


def test_a_dry_run_knows_only_and_until(small_run: tuple[Path, Path], cli: Callable[..., Done], tmp_path: Path) -> None:
    done = cli("run", small_run[0], "--out", tmp_path / "none", "--until", "train/generator", "--dry-run")
    assert [line.split()[-1] for line in done.out.splitlines()] == [
        "prepare/data",
        "pretrain/base",
        "slice/0.25",
        "train/generator",
    ]
    assert not (tmp_path / "none").exists()


def test_compare_says_what_is_no_run(cli: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no run")
    done = cli("compare", tmp_path / "file")
    assert done.code == 2
    assert "has this run finished?" in done.err
