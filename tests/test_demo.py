"""The packaged experiment at its full size: minutes long."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Done, summ_collapse
from tests.test_pipeline import digests, manifests

HEADLINES = Path(__file__).parents[2] / "shared" / "data" / "headlines.jsonl"
RANKS = [f"launch.{kind}=cpu_ddp" for kind in ("generate", "verify", "evaluate")]
RATES = ("0.125", "0.25", "0.5")
SECONDS = 1800  # a bound for a hung run, not a claim about speed


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's run folder."""
    folder = tmp_path_factory.mktemp("demo") / "run"
    done = summ_collapse("demo", "--out", folder, timeout=SECONDS)
    assert done.code == 0, done.err
    return folder


def results_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "report" / "results.json").read_text())
    return found


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
    sampled = ["synthesis.decoding=sampling", "synthesis.samples=2", "--only", "generate/generator@0", "--only", "verify/self@0"]
    found = []
    for name, ranks in (("one", []), ("two", RANKS)):
        run = with_only(demo, tmp_path / name, "prepare", "pretrain", "train")
        done = summ_collapse("run", "demo", *ranks, *sampled, "--out", run, timeout=SECONDS)
        assert done.code == 0, done.err
        found.append({stage: digests(run)[stage] for stage in ("generate/generator@0", "verify/self@0")})
    assert found[0] == found[1]


@pytest.mark.slow
def test_training_on_two_ranks_ends_within_the_interval_of_training_on_one(demo: Path, tmp_path: Path) -> None:
    arms = {(arm["arm"], arm["seed"]): arm for arm in results_of(demo)["arms"]}
    run = with_only(demo, tmp_path / "run", "prepare", "pretrain", "slice", "generate", "verify", "select", "train")
    for arm in ("trained-0.25", "oracle-0.25"):
        shutil.rmtree(run / "stages" / "train" / f"{arm}@0")
        only = ["--only", f"train/{arm}@0", "--only", f"evaluate/{arm}@0"]
        done = summ_collapse("run", "demo", "launch.train=cpu_ddp", *only, "--out", run, timeout=SECONDS)
        assert done.code == 0, done.err
        assert manifests(run)[f"train/{arm}@0"]["world_size"] == 2
        mean = manifests(run)[f"evaluate/{arm}@0"]["notes"]["means"]["rouge1"]
        one = arms[arm, 0]["metrics"]["rouge1"]
        print(f"{arm}: {mean:.2f} on two ranks, {one['mean']:.2f} [{one['low']:.2f}, {one['high']:.2f}] on one")
        assert one["low"] <= mean <= one["high"]


@pytest.mark.slow
def test_the_demo_shows_collapse_and_its_cure(demo: Path) -> None:
    results = results_of(demo)
    arms = {arm["arm"]: arm for arm in results["arms"] if arm["seed"] is None}
    assert (len(arms), results["test_rows"], results["warnings"]) == (17, 1000, [])
    means = {name: arm["metrics"]["rouge1"]["mean"] for name, arm in arms.items()}
    versus = {name: arm["vs"].get("real-slice", {}).get("rouge1") for name, arm in arms.items()}
    # The generator is the real slice's own model, trained as all arms are: nothing but data differs in this table.
    assert versus["generator"] is None
    assert means["generator"] == means["real-slice"]
    # Figures are those of one machine and stand in docs/demo.md; what follows holds on any.
    best = max(RATES, key=lambda rate: means[f"oracle-{rate}"])
    assert arms[f"oracle-{best}"]["observed"] == "helps"
    for rate in RATES:
        assert versus[f"oracle-{rate}"]["delta"] >= 3
        # Neither chance nor the generator's own opinion is a cure.
        assert versus[f"random-{rate}"]["low_all"] <= 0
        assert means[f"self-{rate}"] < means[f"oracle-{rate}"] - 2
    assert versus["unfiltered"]["low_all"] <= 0
    assert arms["real-full"]["observed"] == "helps"
    # A verifier that has read little has a best rate: what it likes best is too much of the same, and the rest is wrong.
    curve = [means[f"trained-{rate}"] for rate in RATES] + [means["unfiltered"]]
    assert max(curve) not in (curve[0], curve[-1])


# Nightly: a run's bytes are compared in tests/golden and tests/launch, on a smaller one.
@pytest.mark.nightly
def test_a_fresh_demo_has_equal_bytes(demo: Path, cli: Callable[..., Done], tmp_path: Path) -> None:
    """Everything that one arm needs, alone and one stage after another."""
    arm = "evaluate/oracle-0.25@1"
    done = cli("run", "demo", "--jobs", 1, "--until", arm, "--out", tmp_path / "again", timeout=SECONDS)
    assert done.code == 0, done.err
    again = digests(tmp_path / "again")
    assert arm in again
    assert again == {name: digest for name, digest in digests(demo).items() if name in again}


# Nightly: every arm of it.
@pytest.mark.nightly
def test_two_fresh_demos_have_equal_bytes(demo: Path, cli: Callable[..., Done], tmp_path: Path) -> None:
    done = cli("demo", "--jobs", 1, "--out", tmp_path / "again", timeout=SECONDS)
    assert done.code == 0, done.err
    assert digests(demo) == digests(tmp_path / "again")


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
