"""The task from a recipe to its table: the same stages as for text, with its own metric, judge and controls."""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from summ_collapse.experiment.experiment import setting_of
from summ_collapse.models.tiny import make_model
from summ_collapse.recipe.load import load
from tests.conftest import inside
from tests.test_pipeline import manifests

TASK = {"kind": "eigenvalues", "size": 2, "encoding": "P10", "digits": 2, "max_document_tokens": 20}


def test_a_recipe_of_eigenvalues_runs_to_a_table_of_tolerances(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = write_recipe(
        task=TASK,
        base={"tiny": {"pretrain": None}},
        verifiers={"oracle": {"kind": "eigenvalues"}, "strong": None},
        wrong={"metric": "within_2", "below": 1},
        selection={"rates": [0.25]},
    )
    done = inside("run", recipe, "--out", tmp_path / "run", "--json")
    assert done.code == 0, done.err
    arms = {arm["arm"]: arm for arm in json.loads(done.out)["arms"]}
    assert set(arms) == {"oracle-0.25", "self-0.25", "random-0.25", "generator", "real-slice", "real-full", "unfiltered"}
    assert set(arms["real-full"]["metrics"]) == {"within_5", "within_2", "within_1", "within_0.5"}
    # Six steps teach nobody to write a number.
    assert arms["unfiltered"]["p"] == 1.0
    judged = manifests(tmp_path / "run")["verify/judge"]
    assert judged["config"]["verifier"] == {"kind": "eigenvalues", "tolerance": 0.02}
    assert "reference" not in json.dumps(judged["config"])
    # Errors are weighed by the first metric, which is another one here and reads the matrices.
    diagnosed = inside("diagnose", tmp_path / "run", "--json")
    assert diagnosed.code == 0, diagnosed.err


def test_a_base_without_pretraining_is_its_random_weights_and_asks_for_no_model(
    write_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    recipe = write_recipe(
        task=TASK, base={"tiny": {"pretrain": None}}, verifiers={"oracle": {"kind": "eigenvalues"}, "strong": None}
    )
    run = tmp_path / "run"
    assert inside("run", recipe, "--out", run, "--until", "pretrain/base").code == 0
    tiny = load(recipe).base.tiny
    assert tiny is not None
    (manifest,) = run.glob("stages/pretrain/base/*/manifest.json")
    folder = manifest.parent
    made = make_model(tiny, PreTrainedTokenizerFast.from_pretrained(folder)).state_dict()
    found = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()
    assert made.keys() == found.keys()
    assert all(torch.equal(weight, found[name]) for name, weight in made.items())
    # What a pretrained tiny model was fitted on says nothing of one that learnt nothing before.
    assert setting_of(load(recipe)) == "eigenvalues, tiny model from scratch"
    planned = {stage["name"]: stage for stage in json.loads(inside("plan", recipe, "--json").out)["stages"]}
    assert planned["pretrain/base"]["device_hours"] == 0
    assert planned["train/generator"]["device_hours"] > 0
