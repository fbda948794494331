"""Lines of generations: what each learns from, under every regime; longer ones go on from shorter ones."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from summ_collapse.diagnose.coefficients import arms_of
from summ_collapse.errors import InputError
from summ_collapse.experiment.experiment import Experiment, experiment_of
from summ_collapse.experiment.sizes import check_sizes
from summ_collapse.recipe.load import load
from summ_collapse.stages.mix import Mix
from summ_collapse.stages.prepare import Counts
from summ_collapse.stages.select import Select
from summ_collapse.stages.slice import Slice
from summ_collapse.stages.train import Train
from tests.conftest import command, inside, interrupt_when, merged, summ_collapse

REGIMES: dict[str, Any] = {
    "replace": {},
    "accumulate": {"mixture": "accumulate"},
    "subsample": {"mixture": "subsample"},
    "uniform": {"mixture": "uniform", "real": 0},
    "latest": {"mixture": "latest", "latest": 2},
    "quarter": {"real": 0.25},
    "oracle": {"verifier": "oracle", "rate": 0.25},
    "decay": {"training": {"weight_decay": 0.5, "dropout": 0.1}},
    "own": {"mixture": "accumulate", "verifier": "self", "rate": 0.5},
    "several": {"generators": 3},
    "several_kept": {"mixture": "accumulate", "verifier": "oracle", "rate": 0.6, "generators": 2},
    "early": {"training": {"early_stopping": {"share": 0.2, "every": 2}}},
}
RECIPE: dict[str, Any] = {
    "designs": ["controls", "generations"],
    "generations": {"rounds": 3, "regimes": REGIMES},
    "controls": ["generator"],
    "verifiers": {"strong": None},
}


@pytest.fixture
def experiment(write_recipe: Callable[..., Path]) -> Experiment:
    return experiment_of(load(write_recipe(**RECIPE)))


def read_by(experiment: Experiment, stage: str) -> set[str]:
    return set(experiment.stages[stage].inputs.values())


def test_every_generation_learns_from_what_its_regime_says(experiment: Experiment) -> None:
    pool, real = "generate/generator", "slice/0.25"
    sources = {
        "replace": {"generate/replace-2-generator"},
        "accumulate": {real, pool, "generate/accumulate-1-generator", "generate/accumulate-2-generator"},
        "subsample": {real, pool, "generate/subsample-1-generator", "generate/subsample-2-generator"},
        "uniform": {pool, "generate/uniform-1-generator", "generate/uniform-2-generator"},
        "latest": {"generate/latest-1-generator", "generate/latest-2-generator"},
        "quarter": {"slice/0.0625", "generate/quarter-2-generator"},
        "own": {real, "select/own-1", "select/own-2", "select/own-3"},
    }
    for regime, expected in sources.items():
        assert read_by(experiment, f"mix/{regime}-3") == expected, regime
        assert f"mix/{regime}-3" in read_by(experiment, f"train/{regime}-3")
    # What one verifier keeps of one generation needs no mixing.
    assert "select/oracle-3" in read_by(experiment, "train/oracle-3")
    assert read_by(experiment, "select/oracle-3") == {
        *("prepare/data", "generate/oracle-2-generator", "verify/oracle-2-oracle", "verify/oracle-2-judge")
    }
    # The generator's own perplexity is that of the generation that wrote.
    assert "train/own-2" in read_by(experiment, "verify/own-2-self")
    assert "verify/oracle-2-self" not in experiment.stages
    # The last generation is judged, and writes nothing that nobody reads.
    assert "evaluate/replace-3" in experiment.stages
    assert "generate/replace-3-generator" not in experiment.stages
    totals = {regime: experiment.stages[f"mix/{regime}-3"].stage for regime in sources}
    assert {name for name, mix in totals.items() if isinstance(mix, Mix) and mix.total} == {"subsample", "uniform", "latest"}


def test_several_models_of_a_generation_each_write_a_share(experiment: Experiment) -> None:
    stages = experiment.stages
    assert read_by(experiment, "mix/several-1") == {"generate/generator"}  # there is one generator, and then three
    written = stages["mix/several-2-written"].stage
    assert read_by(experiment, "mix/several-2-written") == {
        *("generate/several-1-generator", "generate/several-1-2-generator", "generate/several-1-3-generator")
    }
    assert isinstance(written, Mix)
    assert written.apart
    assert "mix/several-2-written" in read_by(experiment, "train/several-2")
    trained = [stages[f"train/several-1{place}"] for place in ("", "-2", "-3")]
    assert len({frozenset(one.inputs.items()) for one in trained}) == 1
    assert [one.stage.training.order for one in trained if isinstance(one.stage, Train)] == [None, 1, 2]
    assert "train/several-3-2" not in stages  # the last generation is judged, and writes nothing
    kept = [stages[f"select/several_kept-2{place}"].stage for place in ("", "-2")]
    assert [one.rate for one in kept if isinstance(one, Select)] == [0.3, 0.3]
    assert read_by(experiment, "mix/several_kept-2") == {"slice/0.25", "select/several_kept-1", "mix/several_kept-2-written"}


def test_generations_go_on_from_the_base_or_from_the_generation_before(write_recipe: Callable[..., Path]) -> None:
    change = {"retrain": {"from": "generator", "method": "full", "rank": None, "order": 4}}
    regimes = {name: regime for name, regime in REGIMES.items() if name != "early"}
    recipe = {**merged(RECIPE, change), "generations": {"rounds": 3, "regimes": regimes}}
    stages = experiment_of(load(write_recipe(**recipe))).stages
    began = {name: stages[f"train/{name}"].inputs["base"] for name in ("replace-1", "replace-2", "several-1-2", "several-2-3")}
    assert began == {
        "replace-1": "train/generator",
        "replace-2": "train/replace-1",
        "several-1-2": "train/generator",
        "several-2-3": "train/several-1-3",
    }
    members = [stages[f"train/several-1{place}"].stage for place in ("", "-2", "-3")]
    assert [one.training.order for one in members if isinstance(one, Train)] == [4, 5, 6]


def test_early_stopping_on_rows_that_the_generator_has_learnt_is_refused(write_recipe: Callable[..., Path]) -> None:
    started = {"retrain": {"from": "generator", "early_stopping": {"every": 2}}}
    with pytest.raises(InputError, match=r"retrain\.early_stopping: expected `from: base`.*the generator has learnt the rows"):
        load(write_recipe(**started))
    load(write_recipe(**merged(started, {"generator": {"train": {"early_stopping": {"every": 2}}}})))


@pytest.mark.parametrize(("share", "left"), [(0.01, "leaves 0 to look at and 40"), (0.99, "leaves 40 to look at and 0")])
def test_early_stopping_without_rows_is_refused_once_rows_are_counted(
    write_recipe: Callable[..., Path], share: float, left: str
) -> None:
    recipe = load(write_recipe(retrain={"early_stopping": {"every": 2, "share": share}}))
    with pytest.raises(InputError, match=rf"retrain\.early_stopping\.share: {share} of 40 real rows {left}"):
        check_sizes(recipe, Counts(train=160, test=24))


def test_early_stopping_looks_at_the_last_rows_of_the_generators_slice(experiment: Experiment) -> None:
    early = experiment.stages["train/early-2"]
    assert early.inputs["validation"] == "slice/0.25-after-0.2"
    held_out = experiment.stages["slice/0.25-after-0.2"].stage
    assert isinstance(held_out, Slice)
    assert (held_out.share, held_out.after) == (0.25, 0.2)
    assert "validation" not in experiment.stages["train/replace-2"].inputs


def test_regimes_stand_beside_the_one_that_the_recipe_names(write_recipe: Callable[..., Path]) -> None:
    arms = experiment_of(load(write_recipe(**merged(RECIPE, {"generations": {"beside": "replace"}})))).arms
    baselines = {arm.name: arm.baselines for arm in arms}
    assert baselines["decay-3"] == {"real-slice": "real-slice", "generator": "generator", "regime": "replace-3"}
    assert "regime" not in baselines["replace-3"]
    assert "regime" not in baselines["generation-0"]


def test_an_arm_says_which_generation_of_which_regime_it_is(experiment: Experiment) -> None:
    arms = {arm.name: arm for arm in experiment.arms}
    assert {(arm.regime, arm.generation) for arm in arms.values() if arm.regime} == {
        (regime, generation) for regime in REGIMES for generation in (1, 2, 3)
    }
    third = arms["oracle-3"]
    assert (third.verifier, third.rate, third.candidates) == ("oracle", 0.25, "generate/oracle-2-generator")
    assert (third.judge, third.scores) == ("verify/oracle-2-judge", "verify/oracle-2-oracle")
    assert third.baselines == {"real-slice": "real-slice", "generator": "generator"}
    assert arms["accumulate-1"].candidates == "generate/generator"


def test_a_regime_may_train_otherwise(experiment: Experiment) -> None:
    found = {regime: experiment.stages[f"train/{regime}-2"].stage for regime in ("replace", "decay")}
    plain, other = (stage.training for stage in found.values() if isinstance(stage, Train))
    assert (other.weight_decay, other.dropout, plain.weight_decay, plain.dropout) == (0.5, 0.1, 0.0, None)
    assert plain.alike(other.model_copy(update={"weight_decay": 0.0, "dropout": None}))


def test_more_rounds_leave_those_that_are_there_as_they_are(write_recipe: Callable[..., Path], experiment: Experiment) -> None:
    longer = experiment_of(load(write_recipe(**merged(RECIPE, {"generations": {"rounds": 5}}))))
    same = {name: stage.fingerprint for name, stage in experiment.stages.items() if stage.kind != "report"}
    assert same.items() <= {name: stage.fingerprint for name, stage in longer.stages.items()}.items()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"regimes": {"a": {"mixture": "latest"}}}, "expected `latest` with `mixture: latest`"),
        ({"regimes": {"a": {"verifier": "oracle"}}}, "expected `verifier` and `rate` together"),
        (
            {"regimes": {"a": {"verifier": "orakle", "rate": 0.5}}},
            "'orakle' is no verifier of this recipe; did you mean 'oracle'",
        ),
        ({"regimes": {"a": {"across": "document"}}}, "only where a verifier keeps"),
        (
            {"regimes": {"a": {"training": {"dropuot": 0.1}}}},
            r"regimes\.a\.training\.dropuot: unknown key; did you mean 'dropout'",
        ),
        ({"regimes": {"a": {"training": {"dropout": 2}}}}, r"generations\.regimes\.a\.training\.dropout: .*less than 1, got 2"),
        ({"regimes": {"a": {"training": {"epochs": 1}}}}, r"regimes\.a\.training: expected either `epochs` or `steps`"),
        ({"rounds": 0}, r"generations\.rounds"),
        ({"beside": "replaced"}, "expected `beside` to be a regime, one of replace, .*, got replaced"),
        ({"regimes": {"a": {"generators": 0}}}, r"generations\.regimes\.a\.generators"),
        ({"regimes": {"a": {"training": {"early_stopping": {"every": 0}}}}}, r"training\.early_stopping\.every"),
        ({"regimes": {"a": {"mixture": "replaced"}}}, r"generations\.regimes\.a\.mixture"),
    ],
)
def test_regimes_that_cannot_be_are_refused(write_recipe: Callable[..., Path], changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        load(write_recipe(**merged(RECIPE, {"generations": changes})))


@pytest.mark.parametrize(
    ("regime", "told"),
    [
        ({"real": 0.01}, r"generations\.regimes\.a\.real: 0\.0025 of 160 training rows is less than one row"),
        ({"verifier": "oracle", "rate": 0.001}, r"generations\.regimes\.a\.rate: 0\.001 of 120 candidates is less than one"),
    ],
)
def test_regimes_that_would_be_empty_are_refused_once_rows_are_counted(
    write_recipe: Callable[..., Path], regime: dict[str, Any], told: str
) -> None:
    recipe = load(write_recipe(**{**RECIPE, "generations": {"rounds": 2, "regimes": {"a": regime}}}))
    with pytest.raises(InputError, match=told):
        check_sizes(recipe, Counts(train=160, test=24))


@pytest.mark.parametrize("change", [{"designs": ["controls"]}, {"generations": None}])
def test_the_design_and_its_block_go_together(write_recipe: Callable[..., Path], change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="designs: expected `generations` here and the block"):
        load(write_recipe(**merged(RECIPE, change)))


def test_a_line_runs_to_its_table_and_goes_on_from_there(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    regimes = {name: REGIMES[name] for name in ("replace", "subsample", "oracle", "several", "early")}
    regimes["noise"] = {"training": {"document_noise": 0.3}}
    asked = {**RECIPE, "generations": {"rounds": 1, "regimes": regimes, "beside": "replace"}}
    recipe = write_recipe(**merged(asked, {"synthesis": {"documents": 60}}))
    run = tmp_path / "run"
    assert inside("run", recipe, "--out", run).code == 0
    before = {path: path.stat().st_mtime_ns for path in run.glob("stages/train/*/*/manifest.json")}
    done = inside("run", recipe, "generations.rounds=2", "--out", run, "--json")
    assert done.code == 0, done.err
    assert {path: path.stat().st_mtime_ns for path in before} == before
    arms = {arm["arm"]: arm for arm in json.loads(done.out)["arms"]}
    assert (arms["oracle-2"]["regime"], arms["oracle-2"]["generation"], arms["oracle-2"]["verifier"]) == ("oracle", 2, "oracle")
    (pool,) = run.glob("stages/generate/generator/*/candidates.parquet")
    documents = pq.read_table(pool).num_rows
    assert documents == 60  # of the 120 that are not of the slice
    balance = json.loads((pool.parent / "manifest.json").read_text())["rejected"]
    assert sum(balance.values()) == 100
    assert balance["beyond `documents`"] == 60
    rows = {name: arms[name]["n_train"] for name in ("replace-2", "subsample-2", "oracle-2", "several-2", "early-2")}
    same = dict.fromkeys(("replace-2", "subsample-2", "several-2", "early-2"), documents)
    assert rows == {**same, "oracle-2": round(0.25 * documents)}
    assert arms["noise-2"]["vs"]["regime"]["rouge1"]["delta"] == pytest.approx(
        arms["noise-2"]["metrics"]["rouge1"]["mean"] - arms["replace-2"]["metrics"]["rouge1"]["mean"]
    )
    (stopped,) = run.glob("stages/train/early-2/*/manifest.json")
    notes = json.loads(stopped.read_text())["notes"]
    assert notes["kept_step"] in (2, 4, 6)
    assert notes["validation_loss"] > 0
    measured = {name: arm["collapse"] for name, arm in arms.items() if arm["collapse"]}
    assert measured.keys() == {"generation-0", *(f"{regime}-{place}" for regime in regimes for place in (1, 2))}
    assert all(found["real_loss"] > 0 and found["total_variation"] <= 1 for found in measured.values())
    trends = (run / "report" / "generations.csv").read_text().splitlines()
    assert trends[0].startswith("regime,slice,measure,generations,seeds,first,last,slope")
    assert any(line.startswith("oracle,0.25,real_loss,2,1,") for line in trends)
    assert (run / "report" / "figures" / "generations.svg").is_file()
    assert not (run / "report" / "figures" / "rates.svg").exists()  # nothing here is selected at several rates
    told = inside("run", recipe, "generations.rounds=2", "--out", run).out
    assert "figures/generations.svg" in told
    assert "oracle-2" in told
    assert "oracle-1" not in told
    assert arms_of(run) == []  # a generation is no selection that a predictor could learn from
    assert {arm["predicted_delta"] for name, arm in arms.items() if name in measured} == {None}
    (mixed,) = run.glob("stages/mix/subsample-2/*/rows.parquet")
    counts = pq.read_table(mixed)["source"].value_counts().to_pylist()
    found = {entry["values"]: entry["counts"] for entry in counts}
    # The slice is a quarter: of 40, 60 and 60 rows as many as 60 of 160.
    slice_rows = 160 // 4
    assert found == {
        "real": round(documents * slice_rows / (slice_rows + 2 * documents)),
        "generate/generator": pytest.approx(documents**2 / (slice_rows + 2 * documents), abs=1),
        "generate/subsample-1-generator": pytest.approx(documents**2 / (slice_rows + 2 * documents), abs=1),
    }


@pytest.mark.slow
def test_a_line_that_is_killed_goes_on_and_ends_in_the_same_table(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    regimes = {name: REGIMES[name] for name in ("accumulate", "oracle")}
    recipe = write_recipe(**{**RECIPE, "generations": {"rounds": 6, "regimes": regimes}})
    run, undisturbed = tmp_path / "run", tmp_path / "undisturbed"

    def in_the_fifth() -> bool:
        return any(run.glob("stages/train/oracle-5/*/work/checkpoint-*/complete.json"))

    assert interrupt_when(command("run", recipe, "--out", run), in_the_fifth, signal.SIGKILL) == -signal.SIGKILL
    finished = {path: path.stat().st_mtime_ns for path in run.glob("stages/*/*/*/manifest.json")}
    assert any("oracle-4" in str(path) for path in finished)
    assert summ_collapse("run", recipe, "--out", run).code == 0
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert summ_collapse("run", recipe, "--out", undisturbed).code == 0
    for name in ("table.csv", "generations.csv"):
        assert (run / "report" / name).read_bytes() == (undisturbed / "report" / name).read_bytes(), name
