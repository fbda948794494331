"""Recipes that select in several ways, from several generators, by verifiers that read each other's scores."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from summ_collapse.errors import InputError
from summ_collapse.experiment.experiment import experiment_of
from summ_collapse.recipe.load import load
from tests.conftest import inside

SAMPLED: dict[str, Any] = {
    "synthesis": {"decoding": "sampling", "samples": 3},
    "verifiers": {
        "strong": None,
        "agree": {"kind": "agreement"},
        "long": {"kind": "length"},
        "both": {"kind": "ensemble", "of": ["agree", "oracle"]},
        "attacked": {"kind": "corrupted", "of": "both", "share": 0.2},
    },
    "selection": {
        "rates": [0.25],
        "verifiers": ["both"],
        "variants": {
            "best": {"across": "document", "rates": [0.3333333], "verifiers": ["oracle"]},
            "kinds": {"across": "strata", "by": "kind", "rates": [0.125, 0.25], "verifiers": ["long"]},
            "strict": {"at_least": 0.2, "verifiers": ["oracle"]},
            "drawn": {"temperature": 1.0, "near_duplicates": 0.9, "rates": [0.5], "verifiers": ["attacked"]},
        },
    },
}


@pytest.fixture(scope="module")
def sampled_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the recipe above, up to its selections."""
    import yaml

    from tests.conftest import SMALL, inside, merged

    folder = tmp_path_factory.mktemp("sampled")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(merged(SMALL, SAMPLED), sort_keys=False))
    done = inside("run", folder / "recipe.yaml", "--out", folder / "run", "--until", "select/*")
    assert done.code == 0, done.err
    return folder / "run"


def rows(run: Path, stage: str, name: str) -> dict[str, list[Any]]:
    (path,) = run.glob(f"stages/{stage}/*/{name}.parquet")
    return pq.read_table(path).to_pydict()


def manifest(run: Path, stage: str) -> dict[str, Any]:
    (path,) = run.glob(f"stages/{stage}/*/manifest.json")
    return json.loads(path.read_text())


def test_best_of_n_keeps_one_candidate_of_every_document(sampled_run: Path) -> None:
    kept, scores = rows(sampled_run, "select/oracle-best-0.333333", "rows"), rows(sampled_run, "verify/oracle", "scores")
    best = Counter()
    for identifier, score in zip(scores["id"], scores["score"], strict=True):
        best[identifier] = max(best[identifier], score)
    assert len(kept["id"]) == len(set(kept["id"])) == 120
    assert all(best[identifier] == score for identifier, score in zip(kept["id"], kept["score"], strict=True))


def test_a_named_column_keeps_its_mixture_and_rates_nest(sampled_run: Path) -> None:
    kind_of = dict(zip(*(rows(sampled_run, "prepare/data", "train")[name] for name in ("id", "kind")), strict=True))
    pool = Counter(kind_of[identifier] for identifier in rows(sampled_run, "verify/long", "scores")["id"])
    kept = rows(sampled_run, "select/long-kinds-0.25", "rows")
    counts = Counter(kind_of[identifier] for identifier in kept["id"])
    assert all(abs(counts[kind] - 0.25 * pool[kind]) <= 1 for kind in pool)
    fewer = rows(sampled_run, "select/long-kinds-0.125", "rows")
    assert set(zip(fewer["id"], fewer["sample"], strict=True)) < set(zip(kept["id"], kept["sample"], strict=True))


def test_a_threshold_keeps_all_above_it_and_random_keeps_as_many(sampled_run: Path) -> None:
    scores = rows(sampled_run, "verify/oracle", "scores")["score"]
    kept = rows(sampled_run, "select/oracle-strict", "rows")
    assert sorted(kept["score"]) == sorted(score for score in scores if score >= 0.2)
    assert len(rows(sampled_run, "select/random-as-oracle-strict", "rows")["id"]) == len(kept["id"])


def test_near_duplicates_are_counted_and_the_rows_balance(sampled_run: Path) -> None:
    found = manifest(sampled_run, "select/attacked-drawn-0.5")
    assert found["rows_in"] == found["rows_out"] + sum(found["rejected"].values()) == 360
    assert found["rejected"]["near duplicate"] > 0


def test_agreement_reads_whole_documents_whatever_the_chunks(sampled_run: Path) -> None:
    assert not np.isnan(rows(sampled_run, "verify/agree", "scores")["score"]).any()


def test_ensemble_and_corrupted_rank_all_candidates_at_once(sampled_run: Path) -> None:
    found = {name: np.array(rows(sampled_run, f"verify/{name}", "scores")["score"]) for name in ("agree", "oracle", "both")}
    assert found["both"].min() >= 0
    assert np.corrcoef(found["both"], found["oracle"])[0, 1] > 0.4
    attacked = rows(sampled_run, "verify/attacked", "scores")
    changed = np.array(attacked["score"]) != found["both"]
    assert sum(attacked["tampered"]) == 72
    assert not (changed & ~np.array(attacked["tampered"])).any()


def test_generators_of_several_slices_share_what_is_not_theirs(write_recipe: Callable[..., Path]) -> None:
    recipe = load(write_recipe(generator={"slice": [0.125, 0.25]}))
    experiment = experiment_of(recipe)
    names = set(experiment.stages)
    assert {"train/strong", "train/real-full", "evaluate/lead"} <= names
    assert {f"train/g{share}-oracle-0.5" for share in ("0.125", "0.25")} <= names
    arms = {arm.name: arm for arm in experiment.arms}
    assert arms["g0.25-oracle-0.5"].baselines == {
        "real-slice": "g0.25-real-slice",
        "random-0.5": "g0.25-random-0.5",
        "generator": "g0.25-generator",
    }
    assert len(arms) == len(experiment.arms) == 2 * (8 + 3) + 2


def test_seeds_and_generators_multiply_and_a_start_from_the_generator_shares_nothing(write_recipe: Callable[..., Path]) -> None:
    recipe = load(write_recipe(seeds=[0, 1], generator={"slice": [0.125, 0.25]}, retrain={"from": "generator"}))
    experiment = experiment_of(recipe)
    assert {f"train/g{share}-real-full@{seed}" for share in ("0.125", "0.25") for seed in (0, 1)} <= set(experiment.stages)
    assert "train/real-full@0" not in experiment.stages
    assert len({(arm.name, arm.seed) for arm in experiment.arms}) == len(experiment.arms) == 2 * (2 * (8 + 4) + 1)


@pytest.mark.slow
def test_several_generators_end_in_one_table(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = write_recipe(
        generator={"slice": [0.125, 0.25]},
        verifiers={"strong": None, "self": None},
        controls=["real-full"],
        selection={"rates": [0.5]},
    )
    done = inside("run", recipe, "--out", tmp_path / "run", "--json")
    assert done.code == 0, done.err
    arms = {arm["arm"]: arm for arm in json.loads(done.out)["arms"]}
    assert arms["g0.125-real-slice"]["n_train"] == 20
    assert arms["g0.25-real-slice"]["n_train"] == 40
    assert set(arms["g0.25-oracle-0.5"]["vs"]) == {"real-slice", "random-0.5"}
    assert (tmp_path / "run" / "report" / "figures" / "quality.svg").is_file()


CONTRADICTIONS = {
    "one sample": ({"verifiers": {"agree": {"kind": "agreement"}}}, "verifiers.agree.kind: agreement needs synthesis.samples of"),
    "no such source": (
        {"verifiers": {"both": {"kind": "ensemble", "of": ["oracle", "orcale"]}}},
        "verifiers.both.of: 'orcale' is no other verifier of this recipe; did you mean 'oracle'?",
    ),
    "strata nowhere": ({"selection": {"by": "length"}}, "selection: expected `by` and `strata` only with `across: strata`"),
    "rate and threshold": (
        {"selection": {"variants": {"x": {"rates": [0.5], "at_least": 0.5}}}},
        "selection.variants.x: expected either `rates` or `at_least`",
    ),
    "a slice twice": ({"generator": {"slice": [0.25, 0.25]}}, "generator.slice: expected each value once"),
    "a selector twice": ({"selection": {"verifiers": ["oracle", "oracle"]}}, "selection.verifiers: expected each name once"),
    "a source twice": (
        {"verifiers": {"both": {"kind": "ensemble", "of": ["oracle", "oracle"]}}},
        "verifiers.both.of: expected each name once",
    ),
    "unknown selector": (
        {"selection": {"variants": {"x": {"rates": [0.5], "verifiers": ["nobody"]}}}},
        "selection.variants.x.verifiers: 'nobody' is no verifier of this recipe",
    ),
}


@pytest.mark.parametrize(("changes", "told"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_what_contradicts_itself_is_told(write_recipe: Callable[..., Path], changes: dict[str, Any], told: str) -> None:
    path = write_recipe(**changes)
    with pytest.raises(InputError) as raised:
        load(path)
    assert f"{path}: {told}" in str(raised.value)


def test_sources_in_a_circle_are_told(write_recipe: Callable[..., Path]) -> None:
    one, other = ({"kind": "corrupted", "of": name, "share": 0.1} for name in ("other", "one"))
    with pytest.raises(InputError, match=r"verifiers\.one\.of: .* circle"):
        experiment_of(load(write_recipe(verifiers={"one": one, "other": other})))


def test_a_column_that_is_not_there_is_told(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = write_recipe(verifiers={"strong": None, "self": None}, selection={"across": "strata", "by": "colour"})
    done = inside("run", recipe, "--out", tmp_path / "run", "--until", "select/oracle-0.5")
    assert done.code == 2
    assert "selection.by: expected length, cluster or one of id, document, summary, kind, slice_rank, got 'colour'" in done.err
