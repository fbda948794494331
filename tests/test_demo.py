"""The packaged experiment at its full size: minutes long."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Done, summ_collapse
from tests.test_pipeline import digests, manifests

HEADLINES = Path(__file__).parents[2] / "shared" / "data" / "headlines.jsonl"
RANKS = [f"launch.{kind}=cpu_ddp" for kind in ("generate", "verify", "evaluate")]
SECONDS = 1800  # a bound for a hung run, not a claim about speed


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's run folder."""
    folder = tmp_path_factory.mktemp("demo") / "run"
    done = summ_collapse("demo", "--out", folder, timeout=SECONDS)
    assert done.code == 0, done.err
    return folder


def with_only(demo: Path, target: Path, *kinds: str) -> Path:
    """A copy of the demo's run that holds the stages of these kinds alone."""
    for kind in kinds:
        shutil.copytree(demo / "stages" / kind, target / "stages" / kind)
    return target


# Nightly: tests/launch/test_ranks.py shows the same at the small size, sampled in the default suite and greedy in the slow one.
@pytest.mark.nightly
def test_two_ranks_write_what_one_process_writes(demo: Path, tmp_path: Path) -> None:
    run = with_only(demo, tmp_path / "greedy", "prepare", "pretrain", "train")
    done = summ_collapse("run", "demo", *RANKS, "--out", run, timeout=SECONDS)
    assert done.code == 0, done.err
    assert digests(run) == digests(demo)
    sampled = ["synthesis.decoding=sampling", "synthesis.samples=2", "--only", "generate/generator", "--only", "verify/self"]
    found = []
    for name, ranks in (("one", []), ("two", RANKS)):
        run = with_only(demo, tmp_path / name, "prepare", "pretrain", "train")
        done = summ_collapse("run", "demo", *ranks, *sampled, "--out", run, timeout=SECONDS)
        assert done.code == 0, done.err
        found.append({stage: digests(run)[stage] for stage in ("generate/generator", "verify/self")})
    assert found[0] == found[1]


@pytest.mark.slow
def test_training_on_two_ranks_ends_within_the_interval_of_training_on_one(demo: Path, tmp_path: Path) -> None:
    arms = {arm["arm"]: arm for arm in json.loads((demo / "report" / "results.json").read_text())["arms"]}
    run = with_only(demo, tmp_path / "run", "prepare", "pretrain", "slice", "generate", "verify", "select", "train")
    for arm in ("real-slice", "oracle-0.25"):
        shutil.rmtree(run / "stages" / "train" / arm)
        only = ["--only", f"train/{arm}", "--only", f"evaluate/{arm}"]
        done = summ_collapse("run", "demo", "launch.train=cpu_ddp", *only, "--out", run, timeout=SECONDS)
        assert done.code == 0, done.err
        assert manifests(run)[f"train/{arm}"]["world_size"] == 2
        mean = manifests(run)[f"evaluate/{arm}"]["notes"]["means"]["rouge1"]
        one = arms[arm]["metrics"]["rouge1"]
        print(f"{arm}: {mean:.2f} on two ranks, {one['mean']:.2f} [{one['low']:.2f}, {one['high']:.2f}] on one")
        assert one["low"] <= mean <= one["high"]


@pytest.mark.slow
def test_two_fresh_demos_have_equal_bytes(demo: Path, cli: Callable[..., Done], tmp_path: Path) -> None:
    done = cli("demo", "--jobs", 1, "--out", tmp_path / "again", timeout=SECONDS)
    assert done.code == 0, done.err
    assert digests(demo) == digests(tmp_path / "again")
    results = json.loads((demo / "report" / "results.json").read_text())
    arms = {arm["arm"]: arm for arm in results["arms"]}
    assert len(arms) == 18
    assert results["test_rows"] == 1000
    # The question is open: the generator has something to learn, and more real data would teach it.
    assert 60 < arms["generator"]["metrics"]["rouge1"]["mean"] < 95
    # One seed gives no verdict; by the test rows alone it is as clear.
    assert arms["real-full"]["vs"]["real-slice"]["rouge1"]["low_all"] > 0
    assert arms["unfiltered"]["vs"]["real-slice"]["rouge1"]["low_all"] <= 0
    # What the verifier's best rows lack is kinds of text: keeping the mixture takes the harm away.
    plain, within = (arms[name]["metrics"]["rouge1"] for name in ("trained-0.125", "trained-strata-0.125"))
    assert within["low"] > plain["high"]


# Nightly: a whole further recipe. The default suite has its parts: reading such files (tests/tasks), balance (test_pipeline.py).
@pytest.mark.nightly
# Skipped where the news items are not: they may not be redistributed, so a clone does not have them.
@pytest.mark.skipif(not HEADLINES.is_file(), reason=f"needs 7,600 real news items at {HEADLINES}")
def test_real_headlines_end_in_a_table_with_every_row_accounted_for(cli: Callable[..., Done], tmp_path: Path) -> None:
    recipe = Path(__file__).parents[1] / "recipes" / "headlines.yaml"
    done = cli("run", recipe, f"task.data={os.path.relpath(HEADLINES)}", "--jobs", 2, "--out", tmp_path / "run", timeout=SECONDS)
    assert done.code == 0, done.err
    entries = [json.loads(path.read_text()) for path in (tmp_path / "run").glob("stages/*/*/*/manifest.json")]
    assert all(entry["rows_in"] == entry["rows_out"] + sum(entry["rejected"].values()) for entry in entries)
    [prepared] = [entry for entry in entries if entry["kind"] == "prepare"]
    assert prepared["rows_in"] == 7600
