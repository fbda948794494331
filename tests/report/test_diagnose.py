"""`diagnose` on real files and a real run: the shares that its definitions say, and every row accounted for."""

import csv
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from summ_collapse import store
from summ_collapse.cli import main
from summ_collapse.launch.runs import FROZEN, Request, Run, freeze, open_run
from summ_collapse.metrics.scoring import score_pairs
from summ_collapse.recipe import validate
from summ_collapse.report.bare_files import Files, pool_of_files
from summ_collapse.report.verdict import labels_needed
from summ_collapse.stages.ordering import ranking
from summ_collapse.stages.select import selection_rows
from summ_collapse.tasks.newswire import examples
from summ_collapse.theory.proxy import ESTIMATED, Confusion
from tests.conftest import ENVIRONMENT, SMALL, merged

ROWS = 240
HEAVY = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
Data = dict[str, list[dict[str, Any]]]


@pytest.fixture
def data() -> Data:
    """Rows of candidates, references and two verifiers: two in three candidates are right; `good` tells them, `coin` does not."""
    rng = np.random.default_rng(0)
    summaries = examples(ROWS, seed=3)["summary"].to_pylist()
    texts = [summary if row % 3 else summaries[row - 1] for row, summary in enumerate(summaries)]
    ids = [f"doc-{row}" for row in range(ROWS)]
    good = [float((row % 3 > 0) + rng.normal(0, 0.7)) for row in range(ROWS)]
    coin = rng.integers(0, 4, ROWS).astype(float).tolist()  # full of ties
    return {
        "candidates": [{"id": key, "candidate": text} for key, text in zip(ids, texts, strict=True)],
        "references": [{"id": key, "summary": text} for key, text in zip(ids, summaries, strict=True)],
        "good": [{"id": key, "score": score} for key, score in zip(ids, good, strict=True)],
        "coin": [{"id": key, "score": score} for key, score in zip(ids, coin, strict=True)],
    }


def write_jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(f"{list(row.values())[-1]}\n" for row in rows), encoding="utf-8")
    return path


WRITERS: dict[str, Callable[..., Path]] = {"jsonl": write_jsonl, "csv": write_csv, "parquet": write_parquet, "txt": write_lines}


def arguments(folder: Path, data: Data, suffix: str = "jsonl") -> list[str]:
    """Writes the data; the command that reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: WRITERS[suffix](folder / f"{name}.{suffix}", rows) for name, rows in data.items()}
    words = ["diagnose", "--candidates", str(paths.pop("candidates"))]
    words += ["--references", str(paths.pop("references"))] if "references" in paths else []
    return words + [word for name, path in paths.items() for word in ("--scores", f"{name}={path}")]


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Runs a command to its end, for its JSON."""

    def run(words: Sequence[object]) -> dict[str, Any]:
        code = main([*map(str, words), "--json"])
        out, err = capsys.readouterr()
        assert code == 0, err
        return json.loads(out)

    return run


def entry_of(found: Mapping[str, Any], name: str, rate: float, seed: int | None = None) -> dict[str, Any]:
    return next(entry for entry in found["verifiers"] if (entry["name"], entry["rate"], entry["seed"]) == (name, rate, seed))


def quality_of(data: Data) -> np.ndarray:
    ours, theirs = ([row[key] for row in data[name]] for name, key in (("candidates", "candidate"), ("references", "summary")))
    return score_pairs(ours, theirs, ["rouge1"])["rouge1"]


def by_hand(data: Data, name: str, rate: float, labelled: np.ndarray) -> dict[str, object]:
    """The summary of a selection that the pipeline's own `select` would make."""
    scores, keys = np.array([row["score"] for row in data[name]]), [(row["id"], 0) for row in data["candidates"]]
    kept = ranking(scores, keys) < selection_rows(len(keys), rate)
    wrong = quality_of(data) < 0.25
    return Confusion.of(wrong[labelled], kept[labelled]).summary()


def test_json_has_the_names_of_the_design_and_the_values_of_the_definitions(tmp_path, data, ask) -> None:
    found = ask([*arguments(tmp_path, data), "--rates", 0.25, 0.5, 1])
    assert [(entry["name"], entry["rate"]) for entry in found["verifiers"]] == [
        (name, rate) for name in ("good", "coin") for rate in (0.25, 0.5, 1)
    ]
    for entry in found["verifiers"]:
        summary = by_hand(data, entry["name"], entry["rate"], np.arange(ROWS))
        assert entry["predicted"] == summary["predicted"]
        for name in ESTIMATED:
            assert entry[name] == pytest.approx(summary[name])
            assert entry[f"{name}_low"] <= entry[name] <= entry[f"{name}_high"]
        assert entry["kept_rows"] == round(ROWS * entry["rate"])
    assert entry_of(found, "good", 1)["coverage"] == 1
    assert 0 < entry_of(found, "good", 0.25)["coverage"] < 1
    swept = entry_of(found, "good", 0.25)["sweep"]
    assert [row["wrong_below"] for row in swept] == [tenths / 10 for tenths in range(1, 10)]
    assert [row["p"] for row in swept] == sorted(row["p"] for row in swept)
    good, coin = found["rankings"]
    assert good["auc_low"] > coin["auc_high"]
    assert good["error_correlation"] < good["error_correlation_random"]
    assert len(good["calibration"]) == 10
    assert sum(row["labelled"] for row in good["calibration"]) == ROWS
    assert good["calibration"][0]["right"] > good["calibration"][-1]["right_high"]


def test_threshold_is_the_score_of_the_last_row_that_is_kept(tmp_path, data, ask) -> None:
    found = ask([*arguments(tmp_path, data), "--rates", 0.25])
    scores = sorted((row["score"] for row in data["good"]), reverse=True)
    assert entry_of(found, "good", 0.25)["threshold"] == scores[ROWS // 4 - 1]


def test_lengths_and_strata_are_shares_of_what_is_there(tmp_path, data, ask) -> None:
    for row in data["candidates"]:
        row["stratum"] = "long" if len(row["candidate"].split()) > 8 else "short"
    entry = entry_of(ask([*arguments(tmp_path, data), "--rates", 0.5]), "good", 0.5)
    assert [row["name"] for row in entry["strata"]] == ["long", "short"]
    for table in (entry["strata"], entry["lengths"]):
        assert sum(row["pool_share"] for row in table) == pytest.approx(1)
        assert sum(row["kept_share"] for row in table) == pytest.approx(1)
    distance = sum(abs(row["pool_share"] - row["kept_share"]) for row in entry["strata"]) / 2
    assert entry["coverage"] == pytest.approx(1 - distance)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_formats_agree(tmp_path, data, ask, suffix: str) -> None:
    assert ask(arguments(tmp_path / "one", data, suffix)) == ask(arguments(tmp_path / "two", data))


def test_lines_match_by_row(tmp_path, data, ask) -> None:
    """Without ids, ties go by the row's number, so only what has none is the same."""
    ours, theirs = (ask(arguments(tmp_path / suffix, data, suffix)) for suffix in ("txt", "jsonl"))
    assert [entry for entry in ours["verifiers"] if entry["name"] == "good"] == [
        entry for entry in theirs["verifiers"] if entry["name"] == "good"
    ]


def test_rows_of_other_files_may_stand_in_any_order(tmp_path, data, ask) -> None:
    straight = ask(arguments(tmp_path / "one", data))
    rng = np.random.default_rng(1)
    shuffled = {
        name: rows if name == "candidates" else [rows[row] for row in rng.permutation(ROWS)] for name, rows in data.items()
    }
    assert ask(arguments(tmp_path / "two", shuffled)) == straight


def test_references_of_some_documents_are_what_shares_are_estimated_from(tmp_path, data, ask) -> None:
    """Which rows are kept, the scores of all decide."""
    whole = data | {}
    labelled = np.sort(np.random.default_rng(2).choice(ROWS, 90, replace=False))
    partial = data | {"references": [data["references"][row] for row in labelled]}
    found = ask([*arguments(tmp_path, partial), "--rates", 0.25])
    assert (found["pools"][0]["labelled"], found["pools"][0]["candidates"]) == (90, ROWS)
    for name in ("good", "coin"):
        summary = by_hand(whole, name, 0.25, labelled)
        assert {key: entry_of(found, name, 0.25)[key] for key in summary} == pytest.approx(summary)


def test_oracle_says_what_is_wrong_in_the_references_place(tmp_path, data, ask) -> None:
    with_references = ask(arguments(tmp_path / "one", data))
    quality = [{"id": row["id"], "score": score} for row, score in zip(data["candidates"], quality_of(data), strict=True)]
    without = {name: rows for name, rows in data.items() if name != "references"} | {"truth": quality}
    found = ask([*arguments(tmp_path / "two", without), "--oracle", "truth"])
    assert [entry for entry in found["verifiers"] if entry["name"] != "truth"] == with_references["verifiers"]
    assert entry_of(found, "truth", 0.25)["oracle"]
    assert found["recommended"]["name"] == "good"
    some = without | {"truth": quality[:90]}
    partial = ask([*arguments(tmp_path / "three", some), "--oracle", "truth"])
    assert partial["pools"][0]["labelled"] == 90
    assert {entry["name"] for entry in partial["verifiers"]} == {"good", "coin"}


def test_documents_with_several_candidates_are_resampled_whole(tmp_path, data, ask) -> None:
    """Three copies of every candidate know what one knows: equal shares, equal intervals."""
    copied = {
        name: rows if name == "references" else [row | {"sample": sample} for row in rows for sample in range(3)]
        for name, rows in data.items()
    }
    once, thrice = ask(arguments(tmp_path / "one", data)), ask(arguments(tmp_path / "two", copied))
    one, three = (entry_of(found, "good", 0.25) for found in (once, thrice))
    for bound in ("p", "p_low", "p_high"):
        assert three[bound] == pytest.approx(one[bound], abs=0.01)
    assert thrice["pools"][0]["documents"] == thrice["pools"][0]["labelled_documents"] == ROWS
    assert thrice["rankings"][0]["auc_low"] == pytest.approx(once["rankings"][0]["auc_low"], abs=1e-6)
    assert thrice["rankings"][0]["spearman_low"] == pytest.approx(once["rankings"][0]["spearman_low"], abs=1e-6)


def test_order_is_that_of_select_with_ties_and_nan(tmp_path, data) -> None:
    for row in (3, 50, 51):
        data["good"][row]["score"] = float("nan")
    arguments(tmp_path, data)
    names = {name: tmp_path / f"{name}.jsonl" for name in ("good", "coin")}
    pool = pool_of_files(Files(tmp_path / "candidates.jsonl", tmp_path / "references.jsonl", names))
    keys = [(row["id"], 0) for row in data["candidates"]]
    for name in names:
        scores = np.array([row["score"] for row in data[name]])
        assert pool.ranks[name].tolist() == ranking(scores, keys).tolist()


def test_nan_scores_are_counted_and_never_kept(tmp_path, data, ask, capsys) -> None:
    for row in range(0, ROWS, 2):
        data["good"][row]["score"] = None if row % 4 else float("nan")
    words = arguments(tmp_path, data)
    found = ask([*words, "--rates", 0.5])
    assert found["rankings"][0]["nan_scores"] == ROWS // 2
    assert np.isfinite(entry_of(found, "good", 0.5)["threshold"])
    assert main([*words, "--rates", "0.6"]) == 2
    assert "good: 120 of 240 scores are NaN (first: id 'doc-0')" in capsys.readouterr().err


# What is done to the data, and what the one line of the error says.
BROKEN: dict[str, tuple[Callable[[Data], object], str]] = {
    "score missing": (lambda data: data["good"].pop(7), "good.jsonl: expected a score for every candidate of"),
    "score unknown": (lambda data: data["good"][7].update(id="x"), "good.jsonl: expected ids of candidates in"),
    "score twice": (
        lambda data: data["good"].append(data["good"][7]),
        "good.jsonl: expected each key once, got id 'doc-7' again",
    ),
    "score infinite": (lambda data: data["good"][7].update(score=float("inf")), "id 'doc-7': expected a finite score"),
    "score is text": (lambda data: data["good"][7].update(score="high"), "good.jsonl: line 8: expected a number under `score`"),
    "score key missing": (lambda data: data["good"][7].pop("score"), "good.jsonl: line 8: expected `score`, found id"),
    "no scores": (lambda data: data["good"].clear(), "good.jsonl: expected rows, found none"),
    "unknown sample": (lambda data: [row.update(sample=1) for row in data["good"]], "good.jsonl: expected samples of candidates"),
    "sample in some": (lambda data: data["good"][7].update(sample=0), "good.jsonl: line 8: expected `sample` in every row or in"),
    "candidate twice": (
        lambda data: data["candidates"].append(data["candidates"][7]),
        "candidates.jsonl: expected each key once, got id 'doc-7' again (several candidates of a document are told apart",
    ),
    "candidate is null": (lambda data: data["candidates"][7].update(candidate=None), "line 8: expected text under `candidate`"),
    "no candidates": (lambda data: data["candidates"].clear(), "candidates.jsonl: expected rows, found none"),
    "reference unknown": (lambda data: data["references"][7].update(id="x"), "(first: id 'x')"),
    "reference twice": (lambda data: data["references"].append(data["references"][7]), "expected each id once, got 'doc-7'"),
    "no references": (lambda data: data["references"].clear(), "references.jsonl: expected rows, found none"),
    "references blank": (lambda data: [row.update(summary=" ") for row in data["references"]], "for at least one candidate"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_bad_rows_are_one_line_and_exit_code_2(tmp_path, data, capsys, case: str) -> None:
    breaks, message = BROKEN[case]
    breaks(data)
    assert main(arguments(tmp_path, data)) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert out == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rates", "0"], "expected a number above 0"),
        (["--rates", "1e-4"], "--rates: 0.0001 of 240 candidates is less than one"),
        (["--wrong-below", "2"], "expected a number above 0"),
        (["--metric", "rogue1"], "--metric: unknown metric 'rogue1'; did you mean 'rouge1'?"),
        (["--oracle", "godd"], "--oracle: no --scores is named 'godd'; did you mean 'good'?"),
        (["--oracle", "good"], "expected the oracle's scores from 0 to 1"),
        (["--scores", "good=elsewhere.jsonl"], "--scores: expected each name once"),
        (["--scores", "elsewhere.jsonl"], "--scores: expected NAME=FILE"),
        (["--scores", "x=elsewhere.jsonl"], "elsewhere.jsonl: no such file"),
        (["--out", "."], "expected a file, got a folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_options_are_one_line_and_exit_code_2(tmp_path, data, capsys, words: list[str], message: str) -> None:
    assert main([*arguments(tmp_path, data), *words]) == 2
    assert message in capsys.readouterr().err


def test_files_that_are_missing_broken_or_of_unequal_length(tmp_path, data, capsys) -> None:
    words = arguments(tmp_path, data)
    (tmp_path / "good.jsonl").write_text('{"id": "doc-0", "score": 1}\n{"id": "doc-1", "sco\n')
    assert main(words) == 2
    assert "good.jsonl: line 2: expected a JSON object, got broken JSON" in capsys.readouterr().err
    (tmp_path / "good.txt").write_text("1\n2\n")
    assert main([*words[:5], "--scores", f"good={tmp_path}/good.txt"]) == 2
    assert f"good.txt has 2 rows, {tmp_path}/candidates.jsonl has 240" in capsys.readouterr().err
    assert main(words[:5]) == 2
    assert "expected a run's folder, or --candidates" in capsys.readouterr().err
    assert main([*words[:3], *words[5:]]) == 2
    assert "--references: expected a file, or --oracle NAME" in capsys.readouterr().err


def test_conclusion_says_what_to_do(tmp_path, data, capsys) -> None:
    def conclude(name: str, changed: Data, *words: str) -> str:
        assert main([*arguments(tmp_path / name, changed), *words]) == 0
        return capsys.readouterr().out

    assert "Train on this: keep 12.5% by good (30 rows)" in conclude("helps", data, "--rates", "0.125")
    useless = {name: rows for name, rows in data.items() if name != "good"}
    swapped = useless | {"candidates": [row | {"candidate": "nothing of the kind"} for row in data["candidates"]]}
    assert "Don't train on this" in conclude("hurts", swapped)
    few = useless | {"references": data["references"][:12]}
    told = conclude("undecided", few, "--rates", "1")  # four of twelve are wrong
    assert "Undecided: of what coin keeps at 100%, 33.3 [" in told
    assert "more candidates (" in told
    assert "have a reference; they hold for all if those are a random draw" in told
    too_few = {name: rows[:12] for name, rows in useless.items()}
    assert "labelled candidates, and there are 12: write more" in conclude("small", too_few, "--rates", "1")


@pytest.mark.parametrize("error", [0.3, 0.44, 0.6])
def test_number_of_labels_needed_decides_and_fewer_do_not(error: float) -> None:
    def seen(labelled: int) -> Confusion:
        kept = labelled // 4
        wrong_kept = round(kept * error)
        return Confusion(labelled // 2, labelled - labelled // 2, kept - wrong_kept, wrong_kept)

    now = seen(40)
    needed = labels_needed(now, now.intervals())
    now_error = now.wrong_kept / now.kept
    assert needed is not None
    kept = needed // 4
    wrong = round(kept * now_error)
    assert Confusion(needed, needed, kept - wrong, wrong).predicted() != "undecided"
    kept = round(0.7 * needed / 4)
    wrong = round(kept * now_error)
    assert Confusion(needed, needed, kept - wrong, wrong).predicted() == "undecided"


def test_half_wrong_can_not_be_decided_by_labels() -> None:
    even = Confusion(50, 50, 10, 10)
    assert labels_needed(even, even.intervals()) is None


def test_second_run_prints_the_same_and_out_holds_it_too(tmp_path, data, capsys) -> None:
    words = [*arguments(tmp_path, data), "--json"]
    assert main([*words, "--out", str(tmp_path / "found.json")]) == 0
    first = capsys.readouterr().out
    assert main(words) == 0
    assert capsys.readouterr().out == first
    assert json.loads((tmp_path / "found.json").read_text()) == json.loads(first)


def test_no_model_library_is_imported(tmp_path, data) -> None:
    script = (
        "import sys\n"
        "from summ_collapse.cli import main\n"
        f"code = main({arguments(tmp_path, data)!r})\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(f'loaded {loaded}' if loaded else code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stderr


def publish(opened: Run, stage: str, table: pa.Table, name: str, **notes: object) -> None:
    """Leave a table as the result of a stage, as the stage itself would."""
    place = opened.place(opened.experiment.stages[stage])
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
    opened = open_run(recipe, out)
    freeze(opened, Request(tmp_path / "recipe.yaml", (), out), out / FROZEN)
    train = examples(80, seed=5)
    publish(opened, "prepare/data", train, "train", train_rows=80)
    summaries = train["summary"].to_pylist()
    keys = {"id": np.repeat(train["id"].to_pylist()[20:], 2), "sample": pa.array([0, 1] * 60, pa.int32())}
    several = len(recipe.seeds) > 1
    for seed, prefix in itertools.product(recipe.seeds, generators):
        rng = np.random.default_rng([seed, len(prefix)])
        suffix = f"@{seed}" if several else ""
        sources = np.arange(40, 160) // 2 - rng.integers(0, 2, 120)  # its own reference, or the one before
        texts = [summaries[source] for source in sources]
        quality = score_pairs(texts, np.repeat(summaries[20:], 2).tolist(), ["rouge1"])["rouge1"]
        publish(opened, f"generate/{prefix}generator{suffix}", pa.table({**keys, "candidate": texts}), "candidates")
        strong = np.where(rng.random(120) < 0.05, np.nan, quality + rng.normal(0, 0.2, 120))
        planted = {"judge": quality, "oracle": quality, "strong": strong, "self": rng.random(120), "random": rng.random(120)}
        for name, scores in planted.items():
            publish(opened, f"verify/{prefix}{name}{suffix}", pa.table({**keys, "score": scores}), "scores")
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


def agrees(found: Mapping[str, Any], seed: int, files: Mapping[str, Any]) -> None:
    for table in ("verifiers", "rankings"):
        ours = [row for row in found[table] if row["seed"] == seed]
        # Only the run says which verifier reads the references, and which seed it is.
        assert [row | {"seed": None, "slice": None, "oracle": False} for row in ours] == files[table]


def test_run_of_several_seeds_and_samples_agrees_with_its_bare_files(tmp_path, verified_run, ask) -> None:
    found = ask(["diagnose", verified_run])
    assert (found["rates"], found["wrong_below"], found["metric"]) == ([0.25, 0.5], 0.6, "rouge1")
    assert [(pool["seed"], pool["documents"], pool["candidates"]) for pool in found["pools"]] == [(0, 60, 120), (1, 60, 120)]
    assert found["pools"][0]["slice_rows"] == 20
    assert {ranking["name"] for ranking in found["rankings"] if ranking["oracle"]} == {"oracle"}
    assert found["recommended"]["name"] == "strong"
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
    told = capsys.readouterr().out
    assert "g0.25-strong" in told
    assert f"by g{found['recommended']['slice']:g}-strong" in told


def test_finished_run_agrees_with_its_bare_files_and_its_own_results(tmp_path, small_run, ask) -> None:
    _, run = small_run
    found = ask(["diagnose", run])
    words = arguments(tmp_path, bare_files_of(run, "", SMALL["verifiers"]))
    agrees(found, 0, ask([*words, "--rates", 0.25, 0.5, "--wrong-below", 0.5]))
    for arm in json.loads((run / "report" / "results.json").read_text())["arms"]:
        if arm["verifier"] is not None:
            entry = entry_of(found, arm["verifier"], arm["rate"], 0)
            assert {name: entry[name] for name in ESTIMATED} == pytest.approx({name: arm[name] for name in ESTIMATED})


def test_run_that_is_not_verified_yet_says_how_to_go_on(tmp_path, verified_run, capsys) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / FROZEN).write_bytes((verified_run / FROZEN).read_bytes())
    assert main(["diagnose", str(tmp_path / "new")]) == 2
    assert "is not done; `summ-collapse run" in capsys.readouterr().err
    assert main(["diagnose", str(tmp_path / "nowhere")]) == 2
    assert "expected the folder of a run" in capsys.readouterr().err
    assert main(["diagnose", str(verified_run), "--metric", "rouge1"]) == 2
    assert "--metric: not with a run's folder" in capsys.readouterr().err
