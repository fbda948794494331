"""What a pool is made of, whatever arms choose from it."""

from collections.abc import Callable
from pathlib import Path

from summ_collapse.experiment.experiment import experiment_of
from summ_collapse.recipe.load import load


def test_every_verifier_scores_the_pool_whether_an_arm_uses_it_or_not(write_recipe: Callable[..., Path]) -> None:
    experiment = experiment_of(load(write_recipe(selection={"verifiers": ["oracle"]})))
    [pool] = experiment.pools
    assert set(pool.scores) == {"oracle", "strong", "self", "random"}
    assert {arm.verifier for arm in experiment.arms} == {None, "oracle", "random"}


def test_a_recipe_may_leave_a_design_out(write_recipe: Callable[..., Path]) -> None:
    experiment = experiment_of(load(write_recipe(designs=["controls"])))
    assert {arm.control for arm in experiment.arms} == {"lead", "generator", "real-slice", "real-full", "unfiltered"}
