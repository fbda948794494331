"""Learning from verdicts on one's own samples: what each method reads, what pairs share; kills and ranks change nothing."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from summ_collapse.diagnose.coefficients import arms_of
from summ_collapse.errors import InputError
from summ_collapse.experiment.experiment import Experiment, experiment_of
from summ_collapse.metrics.steps import bare, boundaries
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.loading import ModelSource, load_tokenizer
from summ_collapse.recipe.load import load
from summ_collapse.stages.pair import Pair
from summ_collapse.stages.prefer import Prefer
from summ_collapse.stages.rollout import Rollout
from summ_collapse.tasks.prompt import Prompt
from tests.conftest import SMALL, command, inside, interrupt_when, merged, summ_collapse
from tests.test_pipeline import digests, manifests

TRAIN = {"steps": 6, "learning_rate": 1e-3, "batch_size": 8}
# A model that learnt next to nothing: any word that a summary shares is a score, and every few words are a step.
RECIPE: dict[str, Any] = {
    "designs": ["controls", "preference", "soft"],
    "controls": ["generator"],
    "synthesis": {"decoding": "sampling", "samples": 4, "chunk_size": 16},
    "verifiers": {"strong": None, "self": None},
    "preference": {
        "arms": ["rft", "dpo", "dpo-step"],
        "verifier": "oracle",
        "right": 0.05,
        "margin": 0.01,
        "fall": 0.01,
        "each": 2,
        "rollouts": 2,
        "steps": "clause",
        "train": TRAIN,
    },
    "soft": {"verifier": "oracle", "at_least": 0.05},
    "wrong": {"below": 0.1},
    "evaluation": {"attempts": 3},
}


@pytest.fixture
def experiment(write_recipe: Callable[..., Path]) -> Experiment:
    return experiment_of(load(write_recipe(**RECIPE)))


def read_by(experiment: Experiment, stage: str) -> dict[str, str]:
    return dict(experiment.stages[stage].inputs)


def test_every_method_reads_the_generators_samples(experiment: Experiment) -> None:
    arms = {arm.name: arm for arm in experiment.arms}
    pool, scores = "generate/generator", "verify/oracle"
    assert set(read_by(experiment, "mix/rft").values()) == {"slice/0.25", "distinct/rft"}
    assert read_by(experiment, "distinct/rft") == {"candidates": pool, "scores": scores}
    assert read_by(experiment, "pair/dpo") == {"candidates": pool, "scores": scores}
    assert read_by(experiment, "rollout/dpo-step-rollouts")["model"] == "train/generator"
    steps = read_by(experiment, "pair/dpo-step")
    assert steps["rollouts"] == "rollout/dpo-step-rollouts"
    assert steps["scores of rollouts"] == "verify/dpo-step-rollouts-oracle"
    for arm in ("dpo", "dpo-step"):
        assert read_by(experiment, f"reference/{arm}") == {
            "examples": "prepare/data",
            "model": "train/generator",
            "pairs": f"pair/{arm}",
        }
        assert read_by(experiment, f"prefer/{arm}")["base"] == "train/generator"
        assert read_by(experiment, f"prefer/{arm}")["pairs"] == f"reference/{arm}"
        assert (arms[arm].method, arms[arm].rate, arms[arm].verifier) == (arm, None, "oracle")
    assert arms["dpo"].drawn == []
    assert arms["dpo-step"].drawn == ["rollout/dpo-step-rollouts"]
    assert arms["dpo-step"].baselines == {"real-slice": "real-slice", "generator": "generator"}


def test_what_comes_after_rft_learns_from_that_models_own_samples(write_recipe: Callable[..., Path]) -> None:
    experiment = experiment_of(load(write_recipe(**merged(RECIPE, {"preference": {"from": "rft"}}))))
    assert read_by(experiment, "generate/rft-generator")["model"] == "train/rft"
    assert read_by(experiment, "pair/dpo-step")["candidates"] == "generate/rft-generator"
    assert read_by(experiment, "rollout/rft-dpo-step-rollouts")["model"] == "train/rft"
    assert read_by(experiment, "prefer/dpo")["base"] == "train/rft"
    arm = next(arm for arm in experiment.arms if arm.name == "dpo-step")
    assert arm.drawn == ["generate/generator", "rollout/rft-dpo-step-rollouts"]


def test_a_pool_of_a_variant_and_the_tasks_own_steps(write_recipe: Callable[..., Path]) -> None:
    changes = {
        "synthesis": {
            "decoding": "greedy",
            "samples": 1,
            "variants": {"four": {"decoding": "sampling", "samples": 4, "chunk_size": 16}},
        },
        "preference": {"pool": "four", "steps": None, "train": {"method": "lora"}},
    }
    experiment = experiment_of(
        load(write_recipe(**merged({**RECIPE, "designs": ["controls", "preference"], "soft": None}, changes)))
    )
    rollout = experiment.stages["rollout/four-dpo-step-rollouts"].stage
    pair = experiment.stages["pair/four-dpo-step"].stage
    prefer = experiment.stages["prefer/four-dpo"].stage
    assert isinstance(rollout, Rollout)
    assert isinstance(pair, Pair)
    assert isinstance(prefer, Prefer)
    assert (rollout.steps, pair.steps) == ("sentence", "sentence")
    assert prefer.below is not None
    assert prefer.below.startswith("train/generator")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"preference": {"verifier": "orcale"}},
            "preference.verifier: 'orcale' is no verifier of this recipe; did you mean 'oracle'",
        ),
        ({"preference": {"pool": "beam"}}, "preference.pool: 'beam' is no pool of this recipe"),
        ({"designs": ["controls", "soft"]}, "designs: expected `preference` here and the block `preference`, or neither"),
        ({"designs": ["controls", "preference"]}, "designs: expected `soft` here and the block `soft`, or neither"),
        ({"soft": {"verifier": "oracel"}}, "soft.verifier: 'oracel' is no verifier"),
        ({"preference": {"train": None}}, "expected `train` with the arms dpo and dpo-step"),
        ({"preference": {"from": "rft", "arms": ["dpo"]}}, "expected the arm rft where `from: rft`"),
        ({"preference": {"train": {"document_noise": 0.1}}}, "expected no `document_noise`"),
        ({"synthesis": {"decoding": "greedy", "samples": 1}}, "expected at least 2 samples a document in 'main'"),
        ({"synthesis": {"decoding": "beam"}}, "expected a pool with decoding: sampling, as rollouts are, got beam"),
        ({"verifiers": {"alike": {"kind": "agreement"}}, "preference": {"verifier": "alike"}}, "alike reads other samples"),
        ({"launch": {"train": "fsdp"}}, "preference.train: it runs on whole models \\(single, ddp\\), and launch.train is fsdp"),
        (
            {"generator": {"train": {"method": "lora"}}, "preference": {"train": {"method": "qlora"}}},
            "preference.train.method: qlora starts from a whole model",
        ),
        ({"synthesis": {"only_slice": True}}, "expected `exclude_slice: false` with `only_slice`"),
        ({"preference": {"train": {"beta": 0}}}, "preference.train.beta"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(
    changes: dict[str, Any], message: str, write_recipe: Callable[..., Path]
) -> None:
    with pytest.raises(InputError, match=message):
        load(write_recipe(**merged(RECIPE, changes)))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(recipe, run) of all methods, run once."""
    folder = tmp_path_factory.mktemp("preference")
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(merged(SMALL, RECIPE), sort_keys=False))
    done = inside("run", recipe, "--out", folder / "run")
    assert done.code == 0, done.err
    return recipe, folder / "run"


def table(run: Path, stage: str, name: str) -> list[dict[str, Any]]:
    (path,) = (run / "stages" / stage).glob(f"*/{name}.parquet")
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def test_sides_share_their_prefix_to_the_token_and_differ_behind_it(finished: tuple[Path, Path]) -> None:
    _, run = finished
    (manifest,) = (run / "stages" / "train" / "generator").glob("*/manifest.json")
    encoder = Encoder(load_tokenizer(ModelSource(str(manifest.parent))), Prompt.parse("{document} TL;DR:"), 64)
    pairs = table(run, "pair/dpo-step", "pairs")
    assert any(pair["prefix"] for pair in pairs)
    for pair in [*pairs, *table(run, "pair/dpo", "pairs")]:
        (prefix,) = encoder.beginnings([pair["prefix"]])
        sides = encoder.beginnings([pair["prefix"] + pair["chosen"], pair["prefix"] + pair["rejected"]])
        assert all(side[: len(prefix)] == prefix for side in sides)
        assert sides[0] != sides[1] or pair["chosen_ends"] != pair["rejected_ends"]
        assert bare(pair["chosen"]) != bare(pair["rejected"]) or pair["chosen_ends"] != pair["rejected_ends"]


def test_rollouts_go_on_from_the_samples_own_words(finished: tuple[Path, Path]) -> None:
    _, run = finished
    samples = {(row["id"], row["sample"]): row["candidate"] for row in table(run, "generate/generator", "candidates")}
    rollouts = table(run, "rollout/dpo-step-rollouts", "candidates")
    assert len({(row["id"], row["sample"]) for row in rollouts}) == len(rollouts)
    counts: dict[tuple[str, int, int], int] = {}
    for row in rollouts:
        text = samples[row["id"], row["of"]]
        prefix = text[: boundaries(text, "clause")[row["boundary"] - 1]].rstrip()
        assert row["candidate"].startswith(prefix)
        key = (row["id"], row["of"], row["boundary"])
        counts[key] = counts.get(key, 0) + 1
    assert set(counts.values()) == {2}


def test_every_document_and_sample_is_counted(finished: tuple[Path, Path]) -> None:
    _, run = finished
    found = manifests(run)
    for stage in ("distinct/rft", "pair/dpo", "pair/dpo-step", "rollout/dpo-step-rollouts", "weigh/oracle-soft"):
        balance = found[stage]
        assert balance["rows_in"] == balance["rows_out"] + sum(balance["rejected"].values()), stage
    assert found["pair/dpo"]["rows_in"] == 120  # documents
    pairs = {(row["id"]) for row in table(run, "pair/dpo-step", "pairs")}
    assert len(pairs) == found["pair/dpo-step"]["rows_out"]


def test_the_report_knows_the_methods(finished: tuple[Path, Path]) -> None:
    _, run = finished
    arms = {arm["arm"]: arm for arm in json.loads((run / "report" / "results.json").read_text())["arms"]}
    rollouts = len(table(run, "rollout/dpo-step-rollouts", "candidates"))
    assert (arms["dpo-step"]["method"], arms["dpo-step"]["drawn"]) == ("dpo-step", 480 + rollouts)
    assert arms["rft"]["drawn"] == arms["dpo"]["drawn"] == 480
    assert arms["real-slice"]["drawn"] is None
    assert arms["dpo"]["predicted"] is None
    assert set(arms["dpo"]["attempts"]) == {"pass@1", "pass@2"}
    assert arms["dpo"]["n_train"] == manifests(run)["prefer/dpo"]["rows_out"]
    assert {"oracle-hard", "oracle-soft", "oracle-soft-clipped"} <= arms.keys()
    assert arms["oracle-soft-clipped"]["n_train"] == arms["oracle-hard"]["n_train"]
    assert arms_of(run) == []  # nothing of this is a selection that a predictor could learn from


KILLED = {"rollout/dpo-step-rollouts": "chunk-*.parquet", "prefer/dpo-step": "checkpoint-2/complete.json"}


@pytest.mark.slow
@pytest.mark.parametrize("stage", KILLED)
def test_a_kill_in_the_middle_ends_in_the_same_bytes(stage: str, finished: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, whole = finished
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    shutil.rmtree(run / "stages" / stage)
    arguments = command("run", recipe, "--out", run, "--only", stage)

    def begun() -> bool:
        return any((run / "stages" / stage).glob(f"*/work/{KILLED[stage]}"))

    assert interrupt_when(arguments, begun, signal.SIGKILL) == -signal.SIGKILL
    assert not any((run / "stages" / stage).glob("*/manifest.json"))
    done = summ_collapse("run", recipe, "--out", run)
    assert done.code == 0, done.err
    assert digests(run) == digests(whole)


@pytest.mark.slow
def test_two_ranks_give_the_same_pairs(finished: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, whole = finished
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    shared = [
        "rollout/dpo-step-rollouts",
        "verify/dpo-step-rollouts-oracle",
        "pair/dpo-step",
        "reference/dpo-step",
        "attempts/dpo",
    ]
    for stage in [*shared, "prefer/dpo-step"]:
        shutil.rmtree(run / "stages" / stage)
    ranks = [f"launch.{kind}=cpu_ddp" for kind in ("generate", "verify", "evaluate")]
    only = [word for stage in shared for word in ("--only", stage)]
    done = summ_collapse("run", recipe, *ranks, "--out", run, *only)
    assert done.code == 0, done.err
    ours, theirs = digests(run), digests(whole)
    assert {stage: ours[stage] for stage in shared} == {stage: theirs[stage] for stage in shared}
    assert manifests(run)["rollout/dpo-step-rollouts"]["world_size"] == 2
    # Trained by two ranks the weights are the same but for the order in which gradients are summed.
    done = summ_collapse("run", recipe, *ranks, "launch.train=cpu_ddp", "--out", run, "--only", "prefer/dpo-step")
    assert done.code == 0, done.err
    manifest = manifests(run)["prefer/dpo-step"]
    assert manifest["world_size"] == 2
    assert manifest["notes"]["loss"] == pytest.approx(manifests(whole)["prefer/dpo-step"]["notes"]["loss"], abs=1e-5)
