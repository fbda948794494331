"""`diagnose` from bare files: what it estimates, and what it says to do."""

import json
import subprocess
import sys

import numpy as np
import pytest

from summ_collapse.cli import main
from summ_collapse.diagnose.bare_files import Files, candidates_of_files
from summ_collapse.predict.confusion import ESTIMATED, Confusion
from summ_collapse.predict.verdict import labels_needed
from summ_collapse.selection.order import ranking
from tests.conftest import ENVIRONMENT
from tests.diagnose.bare_files import HEAVY, ROWS, Data, arguments, by_hand, entry_of, quality_of


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
    found = candidates_of_files(Files(tmp_path / "candidates.jsonl", tmp_path / "references.jsonl", names))
    keys = [(row["id"], 0) for row in data["candidates"]]
    for name in names:
        scores = np.array([row["score"] for row in data[name]])
        assert found.ranks[name].tolist() == ranking(scores, keys).tolist()


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


def test_verifier_that_loves_one_kind_is_predicted_to_do_better_within_strata(tmp_path, ask) -> None:
    rng = np.random.default_rng(8)
    stratum, quality = np.repeat(["a", "b", "c", "d"], 200), rng.random(800)
    biased = quality + 3 * (stratum == "a")
    keys = [{"id": f"r{row}"} for row in range(800)]
    data = {
        "candidates": [key | {"candidate": "some words", "stratum": kind} for key, kind in zip(keys, stratum, strict=True)],
        "truth": [key | {"score": score} for key, score in zip(keys, quality.tolist(), strict=True)],
        "biased": [key | {"score": score} for key, score in zip(keys, biased.tolist(), strict=True)],
    }
    found = ask([*arguments(tmp_path, data), "--oracle", "truth", "--rates", 0.25, "--slice-rows", 20])
    plain, within = (next(row for row in found[table] if row["name"] == "biased") for table in ("verifiers", "stratified"))
    assert (plain["criterion"], within["criterion"]) == ("predictor", "predictor")
    assert (plain["coverage"], within["coverage"]) == (0.25, 1.0)
    assert within["predicted_delta"] > plain["predicted_delta"] + 5
    assert plain["predicted"] == "hurts"
    assert (found["recommended"]["name"], found["recommended"]["across"]) == ("biased", "strata")
    without = ask([*arguments(tmp_path, data), "--oracle", "truth", "--rates", 0.25])
    assert {row["criterion"] for row in without["verifiers"]} == {"p_star"}
    assert without["verifiers"][0]["predicted_delta"] is None
