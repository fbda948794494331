"""Mixtures: how many rows of each kind, what they weigh, what each arm stands beside, and which one is named."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from safetensors.torch import load_file

from summ_collapse.errors import ArmFailed, InputError
from summ_collapse.experiment.experiment import Experiment, experiment_of
from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.recipe.load import load
from summ_collapse.records import ROWS
from summ_collapse.report.lines.mixtures import answer, best_mixture
from summ_collapse.report.results import Delta
from summ_collapse.stages.blend import Blend
from summ_collapse.stages.select import Select
from summ_collapse.theory.mixing import optimal
from tests.conftest import inside, summ_collapse
from tests.report.results import entry, results
from tests.stages.tables import done, keyed, published, rows_written
from tests.test_pipeline import manifests

RECIPE: dict[str, Any] = {
    "designs": ["controls", "mixtures"],
    "controls": ["real-slice"],
    "verifiers": {"strong": None, "self": None},
    "selection": {"rates": [0.5]},
    "mixtures": {"real": [0, 0.125, 0.5], "synthetic": [20, 40], "verifiers": ["oracle"], "weights": ["pooled", "optimal", 0.3]},
}


@pytest.fixture
def experiment(write_recipe: Callable[..., Path]) -> Experiment:
    return experiment_of(load(write_recipe(**RECIPE)))


def test_every_amount_and_weight_is_an_arm_beside_its_real_rows_and_the_pooled_ones(experiment: Experiment) -> None:
    arms = {arm.name: arm for arm in experiment.arms}
    sources = [f"{source}-{amount}" for source in ("unfiltered", "oracle-0.5") for amount in (20, 40)]
    mixed = {
        f"{made}+real-{share}-{weight}" for made in sources for share in (0.125, 0.5) for weight in ("pooled", "optimal", 0.3)
    }
    assert set(arms) == {"real-slice", "real-0.125", "real-0.5", *sources, *mixed}
    assert arms["oracle-0.5-20"].baselines == {"real-slice": "real-slice", "generator": "generator"}
    pooled, optimum = arms["oracle-0.5-20+real-0.5-pooled"], arms["oracle-0.5-20+real-0.5-optimal"]
    assert (pooled.baselines["real-alone"], "pooled" in pooled.baselines) == ("real-0.5", False)
    assert (optimum.baselines["real-alone"], optimum.baselines["pooled"]) == ("real-0.5", pooled.name)
    stages = experiment.stages
    assert stages[f"blend/{optimum.name}"].inputs == {"rows of synthetic": "select/oracle-0.5", "rows of real": "slice/0.5"}
    assert stages["blend/unfiltered-40"].inputs == {"candidates of synthetic": "generate/generator"}


def test_without_amounts_all_rows_are_mixed_and_nothing_stands_twice(write_recipe: Callable[..., Path]) -> None:
    found = experiment_of(load(write_recipe(**RECIPE | {"mixtures": {"verifiers": [], "weights": ["equal"]}})))
    assert [arm.name for arm in found.arms] == ["real-slice", "real-0.25", "unfiltered+real-0.25-equal"]
    assert "pooled" not in found.arms[-1].baselines


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"designs": ["controls"]}, "designs: expected `mixtures` here and the block `mixtures`, or neither"),
        ({"mixtures": {"verifiers": ["oracel"]}}, "mixtures.verifiers: 'oracel' is no verifier of this recipe"),
        ({"mixtures": {"verifiers": [], "unfiltered": False}}, "of whose candidates there is something to mix"),
        ({"mixtures": {"real": [0.5, 0.5]}}, "expected each of `real` once"),
        ({"mixtures": {"weights": ["best"]}}, "mixtures.weights"),
        ({"verifiers": {"real": {"kind": "length"}}}, "verifiers.real: this name stands for something else"),
        ({"mixtures": {"synthetic": [0]}}, "expected an amount of synthetic rows above 0"),
        ({"mixtures": {"real": [0]}}, "else nothing is mixed"),
        (
            {"verifiers": {"agree": {"kind": "agreement"}}, "mixtures": {"verifiers": ["agree"]}},
            "agree needs at least 2 samples|needs synthesis.samples of at least 2",
        ),
        ({"mixtures": {"weights": [1.5]}}, "mixtures.weights"),
    ],
)
def test_a_block_that_contradicts_itself_is_an_error(
    write_recipe: Callable[..., Path], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load(write_recipe(**RECIPE | changes))


@pytest.mark.parametrize(
    ("mixtures", "message"),
    [
        ({"synthetic": [100]}, "mixtures.synthetic: expected at most 60, of 0.5 of 120 candidates, got 100"),
        ({"synthetic": [500], "verifiers": []}, "mixtures.synthetic: expected at most 120, of the whole pool, got 500"),
        ({"real": [0.001]}, "mixtures.real: 0.001 of 160 training rows is less than one row"),
    ],
)
def test_more_rows_than_there_are_is_told_before_anything_is_trained(
    write_recipe: Callable[..., Path], tmp_path: Path, mixtures: dict[str, Any], message: str
) -> None:
    done = inside("run", write_recipe(**RECIPE | {"mixtures": mixtures}), "--out", tmp_path / "run")
    assert done.code == 2
    assert message in " ".join(done.err.split())


def test_the_generators_own_rows_are_not_learnt_twice(write_recipe: Callable[..., Path]) -> None:
    alike = {"retrain": {"method": "full", "rank": None}, "mixtures": {"real": [0.25, 0.5], "synthetic": [20], "verifiers": []}}
    arms = {arm.name: arm for arm in experiment_of(load(write_recipe(**RECIPE | alike))).arms}
    assert arms["real-0.25"].train == arms["real-slice"].train == "train/generator"
    assert arms["real-0.5"].train == "train/real-0.5"


def test_what_is_kept_is_in_the_selections_own_order(write_recipe: Callable[..., Path]) -> None:
    both = {"designs": ["selection", "controls", "mixtures"], "selection": {"rates": [0.5], "near_duplicates": 0.8}}
    found = experiment_of(load(write_recipe(**RECIPE | both)))
    stage = found.stages["select/oracle-0.5"].stage
    assert isinstance(stage, Select)
    assert stage.order.near_duplicates == 0.8


def blended(tmp_path: Path, real: int, made: int, **options: Any) -> tuple[Any, list[dict[str, Any]]]:
    ids = [f"doc-{row}" for row in range(made)]
    inputs = {"candidates of synthetic": published(tmp_path, "pool", candidates=keyed(ids, candidate=["made"] * made))}
    if real:
        columns = [[f"real-{row}" for row in range(real)], pa.array([0] * real, pa.int32())]
        table = pa.table([*columns, ["real"] * real, ["gist"] * real, [1.0] * real], names=ROWS.names).cast(ROWS)
        inputs["rows of real"] = published(tmp_path, "slice", rows=table)
    outcome, out = done(Blend(source="pool", **options), tmp_path / f"blend-{len(list(tmp_path.iterdir()))}", inputs)
    rows = rows_written(out)
    assert outcome.rows_in == real + made == outcome.rows_out + sum(outcome.rejected.values())
    return outcome, rows


@pytest.mark.parametrize(("weight", "share"), [("equal", 0.5), ("optimal", optimal(10 / 40)), (0.3, 0.3)])
def test_the_real_rows_weigh_what_they_should_and_a_row_weighs_one_on_average(
    tmp_path: Path, weight: str | float, share: float
) -> None:
    outcome, rows = blended(tmp_path, 10, 60, synthetic=40, weight=weight)
    of_real = [row["weight"] for row in rows if row["source"] == "real"]
    of_made = [row["weight"] for row in rows if row["source"] == "pool"]
    assert (len(of_real), len(of_made)) == (10, 40)
    assert len({*of_real}) == len({*of_made}) == 1
    assert sum(of_real) / (sum(of_real) + sum(of_made)) == pytest.approx(share, rel=1e-12)
    assert sum(of_real) + sum(of_made) == pytest.approx(50, rel=1e-12)
    assert outcome.notes["real_weight"] == pytest.approx(share)


def test_pooled_rows_weigh_one_to_the_last_bit(tmp_path: Path) -> None:
    _, rows = blended(tmp_path, 7, 30)
    assert {row["weight"] for row in rows} == {1.0}
    assert len(rows) == 37


def test_smaller_amounts_are_part_of_larger_ones(tmp_path: Path) -> None:
    few, more = ({row["id"] for row in blended(tmp_path / str(count), 0, 60, synthetic=count)[1]} for count in (10, 40))
    assert few < more


def test_more_rows_than_there_are_fail_the_arm_with_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="expected 80 synthetic rows, and 60 are there"):
        blended(tmp_path, 5, 60, synthetic=80)


def test_a_run_tells_of_its_mixtures(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = write_recipe(**RECIPE | {"mixtures": {"real": [0, 0.25], "synthetic": [20], "verifiers": ["oracle"]}})
    done = inside("run", recipe, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    assert "figures/mixtures.svg" in done.out
    assert inside("diagnose", tmp_path / "run").code == 0
    with (tmp_path / "run" / "report" / "mixtures.csv").open() as lines:
        found = {row["arm"]: row for row in csv.DictReader(lines)}
    assert set(found) == {
        "real-0.25",
        *(
            name
            for made in ("unfiltered-20", "oracle-0.5-20")
            for name in (made, *(f"{made}+real-0.25-{w}" for w in ("pooled", "optimal")))
        ),
    }
    mixed = found["oracle-0.5-20+real-0.25-optimal"]
    assert (mixed["source"], mixed["real_rows"], mixed["synthetic_rows"]) == ("oracle-0.5", "40", "20")
    assert float(mixed["real_weight"]) == pytest.approx(optimal(2.0))
    assert float(found["unfiltered-20+real-0.25-pooled"]["real_weight"]) == pytest.approx(40 / 60)
    assert mixed["vs_pooled"]
    assert mixed["vs_real"]
    assert found["unfiltered-20"]["vs_real"] == ""
    assert all(
        manifest["rows_in"] == manifest["rows_out"] + sum(manifest["rejected"].values())
        for manifest in manifests(tmp_path / "run").values()
    )


# Slow: two launches.
@pytest.mark.slow
def test_a_weighed_mixture_trains_alike_on_two_ranks(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    mixture = {"real": [0.25], "synthetic": [24], "verifiers": [], "weights": ["optimal"]}
    plain = {"method": "full", "schedule": "constant", "learning_rate": 1e-3, "steps": 1, "batch_size": 64}
    recipe = write_recipe(**RECIPE | {"mixtures": mixture, "retrain": {**plain, "rank": None}})
    stage = "unfiltered-24+real-0.25-optimal"
    found = []
    for name, more in (("one", []), ("two", ["launch.train=cpu_ddp"])):
        ran = summ_collapse("run", recipe, *more, "--out", tmp_path / name, "--until", f"train/{stage}")
        assert ran.code == 0, ran.err
        assert manifests(tmp_path / name)[f"train/{stage}"]["world_size"] == (1 if name == "one" else 2)
        (path,) = (tmp_path / name).glob(f"stages/train/{stage}/*/model.safetensors")
        found.append(load_file(path))
    one, two = found
    for name, tensor in one.items():
        # A first step of Adam goes by the gradient's sign, which rounding decides where the gradient is next to nothing.
        assert ((tensor - two[name]).abs() <= 1e-6).float().mean() > 0.99, name


def delta(value: float, reach: float) -> Delta:
    return Delta(value, value - reach, value + reach, value - reach, value + reach, 0.5, 0.5)


def mixture(arm: str, mean: float, vs_real: Delta | None) -> Any:
    vs = {} if vs_real is None else {"real-alone": {"rouge1": vs_real}}
    return entry(arm, method="mixture", metrics={"rouge1": Interval(mean, mean - 1, mean + 1)}, vs=vs, seed=None, seeds=[0, 1, 2])


def test_the_answer_is_the_mixture_that_is_surely_ahead_by_most() -> None:
    found = results(
        mixture("real-0.1", 60, None),
        mixture("a+real-0.1-pooled", 68, delta(8, 1)),
        mixture("b+real-0.1-pooled", 69, delta(9, 5)),
        mixture("c+real-0.5-pooled", 80, delta(1, 0.5)),
    )
    best = best_mixture(found)
    assert best is not None
    assert best[0].arm == "a+real-0.1-pooled"
    told = answer(found) or ""
    assert told.startswith(
        "a+real-0.1-pooled is the surest ahead of its real rows alone: by +8.0 [+7.0, +9.0] points of rouge1. "
    )
    assert told.endswith("c+real-0.5-pooled ends highest, at 80.0.")


def test_what_ends_highest_may_be_real_rows_alone() -> None:
    found = results(mixture("real-0.5", 90, None), mixture("a+real-0.1-pooled", 68, delta(8, 1)))
    assert (answer(found) or "").endswith("real-0.5 ends highest, at 90.0.")
    assert (answer(results(mixture("a+real-0.1-pooled", 68, delta(8, 1)))) or "").endswith("and none ends higher.")


def test_where_none_is_ahead_the_answer_says_so() -> None:
    found = results(mixture("a+real-0.1-pooled", 60, delta(1, 2)), mixture("b+real-0.1-pooled", 50, delta(-9, 2)))
    assert best_mixture(found) is None
    assert answer(found) == (
        "No mixture can be told to beat its real rows alone; the best, a+real-0.1-pooled, differs by +1.0 [-1.0, +3.0] points. "
        "a+real-0.1-pooled ends highest, at 60.0."
    )


def test_one_seed_or_no_mixture_gives_no_answer() -> None:
    one = entry("a", method="mixture", vs={"real-alone": {"rouge1": delta(8, 1)}})
    assert (answer(results(one)), answer(results(entry("a")))) == (None, None)
