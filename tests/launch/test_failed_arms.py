"""One arm's failure is one arm's: the run goes on without it, says why, and does not try again for nothing."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from summ_collapse.store import read_json
from tests.conftest import SMALL, Done, inside, merged, summ_collapse
from tests.test_pipeline import manifests

NOTHING = "select/oracle-strict: nothing scores 2 or more; the best is "
DIVERGED = "is not a finite number; a lower learning rate may help"
ENDLESS = "1e30"  # a learning rate

# No candidate scores 2, so that one arm, and the random rows that follow its size, cannot be made.
RECIPE: dict[str, Any] = merged(
    {**SMALL, "verifiers": {"oracle": {"kind": "rouge"}, "random": {"kind": "random"}}},
    {
        "controls": ["generator"],
        "selection": {"rates": [0.5], "variants": {"strict": {"at_least": 2.0, "verifiers": ["oracle"]}}},
        "launch": {"checkpoint_steps": 1},
    },
)


def failed(run: Path) -> dict[str, str]:
    return {name: manifest["failed"] for name, manifest in manifests(run).items() if "failed" in manifest}


def states(run: Path) -> dict[str, dict[str, str]]:
    return {state["stage"]: state for state in json.loads(inside("status", run, "--json").out)}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Done]:
    """(recipe, run folder, what was said) of the run above."""
    folder = tmp_path_factory.mktemp("strict")
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    return recipe, folder / "run", inside("run", recipe, "--out", folder / "run", "--json")


def test_the_others_are_compared_and_the_row_says_why(strict: tuple[Path, Path, Done]) -> None:
    _, run, done = strict
    assert done.code == 0, done.err
    arms = {arm["arm"]: arm for arm in json.loads(done.out)["arms"]}
    reasons = {name: arm["failed"] for name, arm in arms.items() if arm["failed"] is not None}
    assert set(reasons) == {"oracle-strict", "random-as-oracle-strict"}
    assert all(reason.startswith(NOTHING) for reason in reasons.values())
    assert arms["oracle-strict"]["metrics"] == {} == arms["oracle-strict"]["vs"]
    assert arms["oracle-strict"]["n_train"] == 0
    assert set(arms["oracle-0.5"]["vs"]) == {"real-slice", "random-0.5", "generator"}
    told = [line for line in done.err.splitlines() if line.startswith("arm ")]
    assert told == [f"arm {name} failed: {reason}" for name, reason in sorted(reasons.items(), key=lambda one: one[0] < "p")]
    markdown, table = ((run / "report" / f"table.{suffix}").read_text() for suffix in ("md", "csv"))
    assert f"| failed: {NOTHING}" in markdown
    headings = table.splitlines()[0].split(",")
    assert headings.index("observed") < headings.index("failed") < headings.index("metrics.rouge1.mean")


def test_what_failed_is_a_result_without_files_whose_rows_balance(strict: tuple[Path, Path, Done]) -> None:
    run = strict[1]
    found = manifests(run)
    assert set(failed(run)) == {
        f"{kind}/{arm}" for kind in ("select", "train", "evaluate") for arm in ("oracle-strict", "random-as-oracle-strict")
    }
    selected = found["select/oracle-strict"]
    assert selected["failed"].startswith(NOTHING)
    assert (selected["rows_in"], selected["rows_out"]) == (120, 0)
    assert selected["rejected"] == {selected["failed"]: 120}
    assert all(found[name]["files"] == {} for name in failed(run))
    shown = states(run)
    assert shown["evaluate/oracle-strict"]["state"] == "failed"
    assert shown["evaluate/oracle-strict"]["detail"] == selected["failed"]
    assert shown["train/oracle-0.5"]["state"] == shown["report/all"]["state"] == "done"


def test_it_is_not_tried_again(strict: tuple[Path, Path, Done]) -> None:
    recipe, run, _ = strict
    before = {path: path.stat().st_mtime_ns for path in run.glob("stages/*/*/*/manifest.json")}
    again = inside("run", recipe, "--out", run, "--json")
    assert again.code == 0, again.err
    assert {path: path.stat().st_mtime_ns for path in run.glob("stages/*/*/*/manifest.json")} == before
    assert f"train/oracle-strict: cached; failed: {NOTHING}" in again.err
    assert f"arm oracle-strict failed: {NOTHING}" in again.err


@pytest.mark.parametrize(
    "how",
    [["--jobs", 2], pytest.param(["launch.train=cpu_ddp", "launch.evaluate=cpu_ddp"], marks=pytest.mark.slow)],
    ids=["jobs", "ranks"],
)
def test_it_is_the_same_in_workers_and_where_ranks_are_asked_for(
    how: list[object], strict: tuple[Path, Path, Done], tmp_path: Path
) -> None:
    recipe, finished, _ = strict
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    for name in failed(finished):
        shutil.rmtree(run / "stages" / name)
    done = summ_collapse("run", recipe, "--out", run, *how)
    assert done.code == 0, done.err
    assert failed(run) == failed(finished)
    assert f"arm oracle-strict failed: {NOTHING}" in done.err
    assert "2 processes" not in done.err  # nobody starts ranks for what cannot be made


def test_an_arm_whose_training_diverges_keeps_what_was_known_before(strict: tuple[Path, Path, Done], tmp_path: Path) -> None:
    recipe, finished, _ = strict
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    done = inside("run", recipe, f"retrain.learning_rate={ENDLESS}", "--out", run, "--json")
    assert done.code == 0, done.err
    arms = {arm["arm"]: arm for arm in json.loads(done.out)["arms"]}
    assert arms["generator"]["failed"] is None
    assert arms["generator"]["vs"] == {}  # its baseline failed
    wrong = arms["oracle-0.5"]
    assert wrong["failed"].startswith("train/oracle-0.5: training diverged: the loss of step ")
    assert wrong["failed"].endswith(DIVERGED)
    assert wrong["n_train"] == 60
    assert wrong["p"] is not None
    # The copy also holds the training of the recipe as it was, which did not diverge.
    made = [read_json(path) for path in run.glob("stages/train/oracle-0.5/*/manifest.json")]
    [found] = [manifest for manifest in made if "failed" in manifest]
    assert (found["rows_in"], found["rows_out"], found["rejected"]) == (60, 0, {wrong["failed"]: 60})
    assert not list(run.glob("stages/train/*/*/work"))


def test_a_run_of_nothing_but_failures_has_nothing_to_compare(strict: tuple[Path, Path, Done], tmp_path: Path) -> None:
    recipe, finished, _ = strict
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    done = inside("run", recipe, f"retrain.learning_rate={ENDLESS}", "controls=[]", "--out", run)
    assert done.code == 2
    assert "every arm failed, so there is nothing to compare: " in done.err
    assert "train/real-slice: training diverged" in done.err
    assert not (run / "stages" / "report" / "all" / "work").exists()


STRONG = {"kind": "perplexity", "model": "base", "train": {"steps": 6, "learning_rate": float(ENDLESS), "batch_size": 8}}
SHARED = {
    "train/generator": f"generator.train.learning_rate={ENDLESS}",
    "train/strong": f"verifiers.strong={json.dumps(STRONG)}",
}


@pytest.mark.parametrize("stage", SHARED)
def test_what_arms_share_ends_the_run(stage: str, strict: tuple[Path, Path, Done], tmp_path: Path) -> None:
    recipe, finished, _ = strict
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    done = inside("run", recipe, SHARED[stage], "--out", run)
    assert done.code == 1
    assert f"error: {stage} failed: training diverged: the loss of step " in done.err
    assert DIVERGED in done.err
    assert stage not in failed(run)
    shown = states_with(recipe, SHARED[stage], run)[stage]
    assert shown["state"] == "failed"
    assert shown["detail"].startswith("training diverged: ")


def states_with(recipe: Path, change: str, run: Path) -> dict[str, dict[str, str]]:
    """The states of the run that the change asks for, and not of the one that was finished before."""
    assert inside("run", recipe, change, "--out", run, "--only", "prepare/data").code == 0
    return states(run)


@pytest.mark.slow
def test_ranks_agree_that_training_diverged(strict: tuple[Path, Path, Done], tmp_path: Path) -> None:
    recipe, finished, _ = strict
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    settings = [f"retrain.learning_rate={ENDLESS}", "launch.train=cpu_ddp"]
    only = ["--only", "train/real-slice", "--only", "evaluate/real-slice"]
    done = summ_collapse("run", recipe, *settings, "--out", run, *only)
    assert done.code == 0, done.err
    assert "2 processes" in done.err
    assert manifests(run)["train/real-slice"]["world_size"] == 2
    assert "arm real-slice failed: train/real-slice: training diverged: the loss of step " in done.err
    shared = summ_collapse(
        "run",
        recipe,
        f"generator.train.learning_rate={ENDLESS}",
        "launch.train=cpu_ddp",
        "--out",
        run,
        "--only",
        "train/generator",
    )
    assert shared.code == 1
    # The loss is all ranks' together, so all of them stop; which one the launcher sees end first is luck.
    assert re.search(r"train/generator failed in rank [01]: training diverged: the loss of step ", shared.err), shared.err
