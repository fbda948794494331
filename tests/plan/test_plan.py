"""Plans at the paper's scale, made without data or weights."""

import json
from pathlib import Path

import pytest

from tests.conftest import inside

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize(("name", "train"), [("xsum_llama2_7b", 204_045), ("xlsum_llama2_7b", 307_000)])
def test_the_papers_recipes_are_planned_offline(name: str, train: int) -> None:
    done = inside("plan", RECIPES / f"{name}.yaml", "--json")
    assert done.code == 0, done.err
    plan = json.loads(done.out)
    stages = {stage["name"]: stage for stage in plan["stages"]}
    of_slice = round(train / 8)
    assert stages["train/generator"]["rows"] == of_slice
    assert stages["generate/generator"]["rows"] == train - of_slice
    assert stages["train/llama3-0.125"]["rows"] == round((train - of_slice) / 8)
    assert stages["train/real-full"]["rows"] == stages["train/llama3"]["rows"] == train
    assert stages["train/real-full"]["tokens"] > 2 * 500 * train
    assert {"model meta-llama/Llama-2-7b-hf", "model meta-llama/Meta-Llama-3-8B"} <= set(plan["unresolved"])
    assert not any(stage["cached"] for stage in plan["stages"])


def test_a_plan_knows_what_is_cached(small_run: tuple[Path, Path]) -> None:
    recipe, run = small_run
    plan = json.loads(inside("plan", recipe, "--out", run, "--json").out)
    assert all(stage["cached"] for stage in plan["stages"])
    assert plan["unresolved"] == []
