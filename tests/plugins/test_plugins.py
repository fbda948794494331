"""Others ship their own kinds as a package with entry points: nothing of ours is edited, and every command knows them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ENVIRONMENT, SMALL, Done, merged

ENTRY_POINTS = """
[summ_collapse.tasks]
counting = guest:Counting
[summ_collapse.verifiers]
vowels = guest:Vowels
[summ_collapse.engines]
echo = guest:echo
[summ_collapse.stages]
thin = guest:Thin
[summ_collapse.designs]
thinned = guest:thinned
"""
RECIPE = merged(
    {
        **SMALL,
        "task": {"kind": "counting", "rows": 100},
        "verifiers": {"vowels": {"kind": "vowels"}, "self": {"kind": "perplexity", "model": "generator"}},
        "designs": ["selection", "controls", "thinned"],
    },
    {"synthesis": {"engine": "echo"}, "selection": {"rates": [0.5]}, "launch": {"verify": "cpu_ddp"}},
)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with the guest's module and what an installer leaves beside it."""
    folder = tmp_path / "site"
    about = folder / "guest-1.0.dist-info"
    about.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("guest.py"), folder / "guest.py")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: guest\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


@pytest.mark.slow
def test_kinds_of_a_package_outside_this_one_run_in_one_recipe(package: Path, tmp_path: Path) -> None:
    path = os.pathsep.join(filter(None, [str(package), ENVIRONMENT.get("PYTHONPATH")]))

    def guest(*words: object) -> Done:
        arguments = [sys.executable, "-m", "summ_collapse", *map(str, words)]
        environment = {**ENVIRONMENT, "PYTHONPATH": path}
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=300, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    recipe, run = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    planned = {stage["name"] for stage in json.loads(guest("plan", recipe, "--json").out)["stages"]}
    assert {"thin/slice", "train/thinned", "verify/vowels"} <= planned
    assert all(found["verdict"] != "failed" for found in json.loads(guest("check", recipe, "--out", run, "--json").out))
    assert "thin/slice" in guest("slurm", recipe, "--out", run, "--dry-run").out
    guest("run", recipe, "--out", run, "--jobs", 2)
    states = {state["stage"]: state["state"] for state in json.loads(guest("status", run, "--json").out)}
    assert set(states) == planned
    assert set(states.values()) == {"done"}
    trained = json.loads(next(run.glob("stages/train/thinned/*/manifest.json")).read_text())
    scored = json.loads(next(run.glob("stages/verify/self/*/manifest.json")).read_text())
    assert scored["world_size"] == 2
    thin = json.loads(next(run.glob("stages/thin/slice/*/manifest.json")).read_text())
    assert thin["rows_out"] == trained["rows_in"] == -(-thin["rows_in"] // 2)
    arms = {arm["arm"]: arm for arm in json.loads((run / "report" / "results.json").read_text())["arms"]}
    assert set(arms["thinned"]["metrics"]) == {"exact", "rouge1"}
    assert set(arms) == {"thinned", "generator", "real-slice", *(f"{name}-0.5" for name in ("vowels", "self", "random"))}
    assert arms["thinned"]["slice_overlap"] == 1.0
