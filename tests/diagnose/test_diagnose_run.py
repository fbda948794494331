"""`diagnose` from a run's folder: the same as from its rows in bare files."""

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from summ_collapse import store
from summ_collapse.cli import main
from summ_collapse.metrics.scoring import score_pairs
from summ_collapse.predict.confusion import ESTIMATED
from summ_collapse.recipe.load import validate
from summ_collapse.report.predicted import graded
from summ_collapse.run import FROZEN, Request, Run, freeze, open_run
from summ_collapse.tasks.newswire_articles import examples
from tests.conftest import SMALL, merged
from tests.diagnose.bare_files import Data, arguments, entry_of, sentences


def publish(run: Run, stage: str, table: pa.Table, name: str, **notes: object) -> None:
    """Leave a table as the result of a stage, as the stage itself would."""
    place = run.place(run.experiment.stages[stage])
    work = place.prepare_work()
    store.write_table(work / f"{name}.parquet", table)
    place.publish(work, {"notes": notes})


@pytest.fixture
def verified_run(tmp_path: Path) -> Path:
    return planted_run(tmp_path, {"seeds": [0, 1]})


def planted_run(tmp_path: Path, changes: Mapping[str, Any], generators: Sequence[str] = ("",)) -> Path:
    """A run with two samples a document, stopped before any retraining; the scores are planted."""
    synthesis = {"decoding": "sampling", "samples": 2}
    recipe = validate(merged(SMALL, {"synthesis": synthesis, "wrong": {"below": 0.6}, **changes}), "recipe")
    out = tmp_path / "run"
    run = open_run(recipe, out)
    freeze(run, Request(tmp_path / "recipe.yaml", (), out), out / FROZEN)
    train = examples(80, seed=5)
    ranked = train.append_column("slice_rank", pa.array(range(80), pa.int64()))
    publish(run, "prepare/data", ranked, "train", train_rows=80, test_rows=20)
    summaries = train["summary"].to_pylist()
    keys = {"id": np.repeat(train["id"].to_pylist()[20:], 2), "sample": pa.array([0, 1] * 60, pa.int32())}
    several = len(recipe.seeds) > 1
    for seed, prefix in itertools.product(recipe.seeds, generators):
        rng = np.random.default_rng([seed, len(prefix)])
        suffix = f"@{seed}" if several else ""
        sources = np.arange(40, 160) // 2 - rng.integers(0, 2, 120)  # its own reference, or the one before
        texts = [summaries[source] for source in sources]
        quality = score_pairs(texts, np.repeat(summaries[20:], 2).tolist(), ["rouge1"])["rouge1"]
        publish(run, f"generate/{prefix}generator{suffix}", pa.table({**keys, "candidate": texts}), "candidates")
        strong = np.where(rng.random(120) < 0.05, np.nan, quality + rng.normal(0, 0.2, 120))
        planted = {"judge": quality, "oracle": quality, "strong": strong, "self": rng.random(120), "random": rng.random(120)}
        for name, scores in planted.items():
            publish(run, f"verify/{prefix}{name}{suffix}", pa.table({**keys, "score": scores}), "scores")
    return out


def table_of(run: Path, stage: str, name: str) -> list[dict[str, Any]]:
    (path,) = (run / "stages" / stage).glob(f"*/{name}.parquet")
    return pq.read_table(path).to_pylist()


def bare_files_of(run: Path, at_seed: str, verifiers: Sequence[str]) -> Data:
    """What a run's stages left, as the rows of bare files."""
    candidates = table_of(run, f"generate/generator{at_seed}", "candidates")
    known = {row["id"] for row in candidates}
    train = [{"id": row["id"], "summary": row["summary"]} for row in table_of(run, "prepare/data", "train")]
    scores = {name: table_of(run, f"verify/{name}{at_seed}", "scores") for name in verifiers}
    return {"candidates": candidates, "references": [row for row in train if row["id"] in known], **scores}


OF_THE_TABLE = ("difference_low", "difference_high", "against_random", "labels_needed")
OF_REAL_ROWS = ("mmd", "a_distance")  # the run's are its generator's own, the files' the references that they have
OF_THE_TASK = (
    "criterion",
    "predicted",
    *(f"predicted_{name}{bound}" for name in ("delta", "vs_random") for bound in ("", "_low", "_high")),
)


def without_table(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in (*OF_THE_TABLE, *OF_THE_TASK, *OF_REAL_ROWS)}


def agrees(found: Mapping[str, Any], seed: int, files: Mapping[str, Any]) -> None:
    for table in ("verifiers", "stratified", "rankings"):
        ours = [row for row in found[table] if row["seed"] == seed]
        # Only the run says which verifier reads the references, which seed it is, and that the coefficients hold for its task;
        # and intervals of differences are as wide as the table is long, which is longer where there are several seeds.
        run_alone = {"seed": None, "slice": None, "oracle": False}
        assert [without_table(row | run_alone) for row in ours] == [without_table(row) for row in files[table]]


def test_run_of_several_seeds_and_samples_agrees_with_its_bare_files(tmp_path, verified_run, ask) -> None:
    found = ask(["diagnose", verified_run])
    assert (found["rates"], found["wrong_below"], found["metric"]) == ([0.25, 0.5], 0.6, "rouge1")
    assert [(pool["seed"], pool["documents"], pool["candidates"]) for pool in found["pools"]] == [(0, 60, 120), (1, 60, 120)]
    assert found["pools"][0]["slice_rows"] == 20
    assert {ranking["name"] for ranking in found["rankings"] if ranking["oracle"]} == {"oracle"}
    assert {entry["criterion"] for entry in found["verifiers"]} == {"predictor"}
    for seed in (0, 1):
        bare = bare_files_of(verified_run, f"@{seed}", SMALL["verifiers"])
        words = arguments(tmp_path / str(seed), bare)
        agrees(found, seed, ask([*words, "--rates", 0.25, 0.5, "--wrong-below", 0.6]))


def test_every_generator_of_a_run_is_diagnosed_by_itself(tmp_path, capsys) -> None:
    run = planted_run(
        tmp_path, {"generator": {"slice": [0.25, 0.5]} | {"train": SMALL["generator"]["train"]}}, ("g0.25-", "g0.5-")
    )
    assert main(["diagnose", str(run), "--out", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert [(pool["slice"], pool["slice_rows"]) for pool in found["pools"]] == [(0.25, 20), (0.5, 40)]
    first, second = ([entry for entry in found["verifiers"] if entry["slice"] == share] for share in (0.25, 0.5))
    assert len(first) == len(second) == 2 * len(SMALL["verifiers"])
    assert first[0]["p"] != second[0]["p"]
    told = sentences(capsys.readouterr().out)
    assert "g0.25-strong" in told
    assert found["recommended"]["name"] == "strong"
    assert found["recommended"]["slice"] == 0.5  # its pool is the better one to begin with, and so is what is kept
    assert "by g0.5-strong" in told
    assert "The pool of slice 0.25: p = " in told
    assert "Predicted against the real rows alone, exploratory:" in told


def test_finished_run_agrees_with_its_bare_files_and_its_own_results(tmp_path, small_run, ask) -> None:
    _, run = small_run
    found = ask(["diagnose", run])
    words = arguments(tmp_path, bare_files_of(run, "", SMALL["verifiers"]))
    agrees(found, 0, ask([*words, "--rates", 0.25, 0.5, "--wrong-below", 0.5]))
    for arm in json.loads((run / "report" / "results.json").read_text())["arms"]:
        if arm["verifier"] is not None:
            entry = entry_of(found, arm["verifier"], arm["rate"], 0)
            assert {name: entry[name] for name in ESTIMATED} == pytest.approx({name: arm[name] for name in ESTIMATED})
            said = [entry["predicted_delta"], entry["predicted_delta_low"], entry["predicted_delta_high"], entry["predicted"]]
            predicted = arm["predicted_delta"]
            assert said == [*(pytest.approx(predicted[name]) for name in ("delta", "low", "high")), arm["predicted"]]
            for name in ("coverage", "kept_score", *OF_REAL_ROWS):
                assert entry[name] == pytest.approx(arm[name])


def test_run_that_is_not_verified_yet_says_how_to_go_on(tmp_path, verified_run, capsys) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / FROZEN).write_bytes((verified_run / FROZEN).read_bytes())
    assert main(["diagnose", str(tmp_path / "new")]) == 2
    assert "is not done; `summ-collapse run" in capsys.readouterr().err
    assert main(["diagnose", str(tmp_path / "nowhere")]) == 2
    assert "expected the folder of a run" in capsys.readouterr().err
    assert main(["diagnose", str(verified_run), "--metric", "rouge1"]) == 2
    assert "--metric: not with a run's folder" in capsys.readouterr().err


def test_the_judges_scores_are_those_of_the_reports_metric(small_run: tuple[Path, Path]) -> None:
    """Where both are one metric the report takes the judge's scores, instead of scoring every candidate again."""
    stages = small_run[1] / "stages"
    train, candidates, judged = (
        store.read_table(next(stages.glob(f"{place}.parquet")))
        for place in ("prepare/data/*/train", "generate/generator/*/candidates", "verify/judge/*/scores")
    )
    assert np.array_equal(graded(train, candidates, "rouge1"), judged["score"].to_numpy())
