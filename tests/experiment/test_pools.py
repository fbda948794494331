"""What pools are made of, whatever arms choose from them; and several of them, of one generator."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from summ_collapse.errors import InputError
from summ_collapse.experiment.experiment import Experiment, experiment_of
from summ_collapse.recipe.load import load
from tests.conftest import inside

TWO: dict[str, Any] = {
    "synthesis": {"variants": {"beam": {"decoding": "beam", "beams": 3, "samples": 3, "batch_size": 8, "chunk_size": 64}}},
    "verifiers": {"strong": None},
    "selection": {
        "rates": [0.5],
        "pools": ["main"],
        "variants": {
            "best": {"across": "document", "rates": [0.33], "pools": ["beam"], "verifiers": ["oracle", "random"]},
            "first": {"across": "document", "rates": [0.33], "pools": ["beam"], "verifiers": ["oracle"]},
        },
    },
}


def test_every_verifier_scores_the_pool_whether_an_arm_uses_it_or_not(write_recipe: Callable[..., Path]) -> None:
    experiment = experiment_of(load(write_recipe(selection={"verifiers": ["oracle"]})))
    [pool] = experiment.pools
    assert set(pool.scores) == {"oracle", "strong", "self", "random"}
    assert {arm.verifier for arm in experiment.arms} == {None, "oracle", "random"}


def test_a_recipe_may_leave_a_design_out(write_recipe: Callable[..., Path]) -> None:
    experiment = experiment_of(load(write_recipe(designs=["controls"])))
    assert {arm.control for arm in experiment.arms} == {"lead", "generator", "real-slice", "real-full", "unfiltered"}


def arms(experiment: Experiment) -> dict[str, dict[str, str]]:
    """Each arm's baselines by role."""
    return {arm.name: dict(arm.baselines) for arm in experiment.arms}


def test_a_generator_writes_several_pools_and_its_controls_stand_once(write_recipe: Callable[..., Path]) -> None:
    experiment = experiment_of(load(write_recipe(**TWO)))
    main, beam = experiment.pools
    assert (main.name, main.prefix, beam.name, beam.prefix) == ("main", "", "beam", "beam-")
    assert main.generator is not None
    assert beam.generator is not None
    assert main.generator.node == beam.generator.node
    assert experiment.stages["generate/beam-generator"].inputs == experiment.stages["generate/generator"].inputs
    assert (main.first, beam.first) == (True, False)
    # A further pool is scored by what its arms are selected by, and by chance.
    assert (set(main.scores), set(beam.scores)) == ({"oracle", "self", "random"}, {"oracle", "random"})
    found = arms(experiment)
    assert [name for name in found if not name.startswith("beam-")] == [
        *("oracle-0.5", "self-0.5", "random-0.5", "lead", "generator", "real-slice", "real-full", "unfiltered")
    ]
    assert {arm.name: arm.pool for arm in experiment.arms if arm.pool} == {
        "beam-oracle-best-0.33": "beam",
        "beam-random-best-0.33": "beam",
        "beam-oracle-first-0.33": "beam",
        "beam-random-0.33": "beam",
    }
    # Random rows are those of the same way to select where there are such; real rows and generator are the generator's.
    owned = {"real-slice": "real-slice", "generator": "generator"}
    assert found["beam-oracle-best-0.33"] == {**owned, "random-best-0.33": "beam-random-best-0.33"}
    assert found["beam-oracle-first-0.33"] == {**owned, "random-0.33": "beam-random-0.33"}
    assert found["oracle-0.5"] == {**owned, "random-0.5": "random-0.5"}


def test_generators_and_their_pools_are_named_apart(write_recipe: Callable[..., Path]) -> None:
    experiment = experiment_of(load(write_recipe(**TWO, generator={"slice": [0.25, 0.5]})))
    assert [pool.prefix for pool in experiment.pools] == ["g0.25-", "g0.25-beam-", "g0.5-", "g0.5-beam-"]
    found = arms(experiment)
    assert found["g0.5-beam-oracle-best-0.33"]["real-slice"] == "g0.5-real-slice"
    assert "real-full" in found  # which no generator has a part in


def test_a_pool_of_one_sample_needs_no_verifier_that_compares_several(write_recipe: Callable[..., Path]) -> None:
    agreeing = {"verifiers": ["agree"], "across": "document", "rates": [0.33], "pools": ["beam"]}
    changes = {**TWO, "verifiers": {"strong": None, "agree": {"kind": "agreement"}}}
    changes["selection"] = {**TWO["selection"], "verifiers": ["oracle", "self"], "variants": {"best": agreeing}}
    main, beam = experiment_of(load(write_recipe(**changes))).pools
    assert (set(main.scores), set(beam.scores)) == ({"oracle", "self", "random"}, {"agree", "random"})
    changes["selection"] = {**changes["selection"], "verifiers": ["agree"]}
    with pytest.raises(InputError, match="selection: agree needs at least 2 samples a document, and the pool 'main' has 1"):
        load(write_recipe(**changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"selection": {"pools": ["baem"]}}, r"selection\.pools: 'baem' is no pool .*did you mean 'beam'.*main, beam"),
        ({"selection": {"pools": ["main", "main"]}}, r"selection\.pools: expected each name once"),
        ({"synthesis": {"variants": {"main": {}}}}, r"synthesis\.variants\.main: .*choose another name"),
        ({"synthesis": {"variants": {"beam": {"samples": 9}}}}, "at most as many samples as beams"),
        ({"synthesis": {"variants": {"cool": {"temperature": 0.5}}}}, "expected `decoding: sampling` in the variant cool"),
        ({"synthesis": {"variants": {"beam": {"engine": "x"}}}}, r"synthesis\.variants\.beam\.engine: unknown key"),
    ],
    ids=["unknown", "twice", "reserved", "more than beams", "ignored", "not a pool's own"],
)
def test_pools_that_cannot_be_are_refused(write_recipe: Callable[..., Path], changes: dict[str, Any], told: str) -> None:
    from tests.conftest import merged

    with pytest.raises(InputError, match=told):
        load(write_recipe(**merged(TWO, changes)))


def test_two_pools_run_to_one_table_and_one_diagnosis(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe, run = write_recipe(**TWO, controls=["unfiltered"]), tmp_path / "run"
    done = inside("run", recipe, "--out", run, "--json")
    assert done.code == 0, done.err
    found = {arm["arm"]: arm for arm in json.loads(done.out)["arms"]}
    candidates = {path.parent.parent.name: pq.read_table(path) for path in run.glob("stages/generate/*/*/candidates.parquet")}
    documents = candidates["generator"].num_rows
    assert candidates["beam-generator"].num_rows == 3 * documents
    assert candidates["beam-generator"]["id"].unique().equals(candidates["generator"]["id"].unique())
    assert (found["unfiltered"]["n_train"], found["oracle-0.5"]["pool"]) == (documents, None)
    best = found["beam-oracle-best-0.33"]
    assert best["pool"] == "beam"
    assert best["n_train"] == round(0.33 * 3 * documents)
    assert set(best["vs"]) == {"real-slice", "random-best-0.33"}
    (chosen,) = run.glob("stages/select/beam-oracle-best-0.33/*/rows.parquet")
    assert len(set(pq.read_table(chosen)["id"].to_pylist())) == best["n_train"]  # one of a document
    told = inside("diagnose", run, "--rates", "0.5")
    assert told.code == 0, told.err
    assert "beam-oracle" in told.out
    diagnosed = json.loads(inside("diagnose", run, "--rates", "0.5", "--json").out)
    assert [(pool["pool"], pool["candidates"]) for pool in diagnosed["pools"]] == [(None, documents), ("beam", 3 * documents)]
    assert {(entry["name"], entry["pool"]) for entry in diagnosed["verifiers"]} == {
        *(("oracle", None), ("self", None), ("random", None), ("oracle", "beam"), ("random", "beam"))
    }
