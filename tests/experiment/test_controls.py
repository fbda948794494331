"""Like with like: where arms train as the generator did, the generator is its own real slice."""

import json
from collections.abc import Callable
from pathlib import Path

from summ_collapse.experiment.experiment import Experiment, experiment_of
from summ_collapse.recipe.load import load
from tests.conftest import SMALL, inside

ALIKE = {"retrain": {"method": "full"}}


def trainings(experiment: Experiment) -> dict[str, str | None]:
    return {arm.name: arm.train for arm in experiment.arms}


def test_the_real_slice_is_the_generator_where_both_train_alike(write_recipe: Callable[..., Path]) -> None:
    found = trainings(experiment_of(load(write_recipe(**ALIKE))))
    assert found["real-slice"] == found["generator"] == "train/generator"
    assert found["unfiltered"] == "train/unfiltered"


def test_any_other_training_makes_a_real_slice_of_its_own(write_recipe: Callable[..., Path]) -> None:
    for change in ({}, {"method": "full", "steps": 7}, {"method": "full", "from": "generator"}):
        found = trainings(experiment_of(load(write_recipe(retrain=change))))
        assert (found["real-slice"], found["generator"]) == ("train/real-slice", "train/generator"), change


def test_one_model_has_no_difference_from_itself(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    done = inside("run", write_recipe(**ALIKE, controls=["generator"], selection={"rates": [0.5]}), "--out", tmp_path / "run")
    assert done.code == 0, done.err
    assert "here the generator itself" in " ".join(done.out.split())
    results = json.loads((tmp_path / "run" / "report" / "results.json").read_text())
    arms = {arm["arm"]: arm for arm in results["arms"]}
    assert arms["generator"]["metrics"] == arms["real-slice"]["metrics"]
    assert arms["generator"]["vs"] == {} == arms["real-slice"]["vs"]
    assert set(arms["oracle-0.5"]["vs"]) == {"real-slice", "random-0.5", "generator"}


def test_a_verifier_with_a_seed_of_its_own_is_trained_once_for_all(write_recipe: Callable[..., Path]) -> None:
    strong = SMALL["verifiers"]["strong"]
    for seed, expected in ((None, ["train/strong@0", "train/strong@1"]), (7, ["train/strong@7"])):
        train = strong["train"] | ({} if seed is None else {"seed": seed})
        recipe = load(write_recipe(seeds=[0, 1], verifiers={"strong": strong | {"train": train}}))
        assert [name for name in experiment_of(recipe).stages if name.startswith("train/strong@")] == expected
