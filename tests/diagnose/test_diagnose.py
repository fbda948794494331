"""`diagnose` from bare files: what it estimates, and what it says to do."""

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from summ_collapse.cli import main
from summ_collapse.diagnose.bare_files import Files, candidates_of_files
from summ_collapse.metrics.text_distance import Space
from summ_collapse.predict.confusion import ESTIMATED
from summ_collapse.selection.order import ranking
from tests.conftest import ENVIRONMENT
from tests.diagnose.bare_files import (
    HEAVY,
    ROWS,
    Data,
    arguments,
    by_hand,
    entry_of,
    kept_of,
    kept_texts,
    quality_of,
    scores_of,
    sentences,
)


def test_json_has_the_names_of_the_design_and_the_values_of_the_definitions(tmp_path, data, ask) -> None:
    found = ask([*arguments(tmp_path, data), "--rates", 0.25, 0.5, 1])
    assert [(entry["name"], entry["rate"]) for entry in found["verifiers"]] == [
        (name, rate) for name in ("good", "coin") for rate in (0.25, 0.5, 1)
    ]
    for entry in found["verifiers"]:
        summary = by_hand(data, entry["name"], entry["rate"], np.arange(ROWS))
        assert (entry["predicted"], entry["criterion"]) == (None, "p_star")
        assert entry["theory"] == {"helps": "p < p*", "hurts": "p > p*", "undecided": "undecided"}[summary["predicted"]]
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
    """Without ids, ties go by the row's number, so only what has none is the same, but for how wide the table's intervals are."""
    ours, theirs = (ask(arguments(tmp_path / suffix, data, suffix)) for suffix in ("txt", "jsonl"))
    assert [drop(entry) for entry in ours["verifiers"] if entry["name"] == "good"] == [
        drop(entry) for entry in theirs["verifiers"] if entry["name"] == "good"
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
        assert {key: entry_of(found, name, 0.25)[key] for key in ESTIMATED} == pytest.approx(
            {key: summary[key] for key in ESTIMATED}
        )


OF_REAL_TEXTS = ("mmd", "a_distance")


def drop(entry: dict[str, Any], *further: str) -> dict[str, Any]:
    """Without what depends on how many selections there are beside it."""
    beside = ("difference_low", "difference_high", "against_random", "labels_needed", *further)
    return {name: value for name, value in entry.items() if name not in beside}


def test_what_others_would_go_by_stands_beside_every_selection(tmp_path, data, ask) -> None:
    found = ask(arguments(tmp_path, data))
    space = Space.of([row["summary"] for row in data["references"]], [row["candidate"] for row in data["candidates"]])
    for name in ("good", "coin"):
        for rate in (0.125, 0.5):
            entry, scores, kept = entry_of(found, name, rate), scores_of(data, name), kept_of(data, name, rate)
            assert entry["informedness"] == pytest.approx(entry["phi"] - entry["psi"])
            assert entry["kept_score"] == pytest.approx((scores[kept].mean() - scores.mean()) / scores.std())
            distances = space.distances(kept_texts(data, name, rate))
            assert (entry["mmd"], entry["a_distance"]) == (distances.mmd, distances.a_distance)


def test_oracle_says_what_is_wrong_in_the_references_place(tmp_path, data, ask) -> None:
    with_references = ask(arguments(tmp_path / "one", data))
    quality = [{"id": row["id"], "score": score} for row, score in zip(data["candidates"], quality_of(data), strict=True)]
    without = {name: rows for name, rows in data.items() if name != "references"} | {"truth": quality}
    found = ask([*arguments(tmp_path / "two", without), "--oracle", "truth"])
    ours, theirs = (
        [drop(entry, *OF_REAL_TEXTS) for entry in one["verifiers"] if entry["name"] != "truth"]
        for one in (found, with_references)
    )
    assert ours == theirs
    assert {entry[name] for entry in found["verifiers"] for name in OF_REAL_TEXTS} == {None}  # nobody has brought any
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


def test_conclusion_says_what_to_do(tmp_path, data, capsys) -> None:
    def conclude(name: str, changed: Data, *words: str) -> str:
        assert main([*arguments(tmp_path / name, changed), *words]) == 0
        return sentences(capsys.readouterr().out)

    within = conclude("within", data, "--rates", "0.5")
    assert "Best to keep: 50% by good in strata (120 rows): 7.5 [" in within
    assert "good in strata 50 7.5 [" in within
    told = conclude("better", data, "--rates", "0.25")
    assert "Best to keep: 25% by good (60 rows): 3.3 [" in told
    assert "wrong is rouge1 below 0.25" in told
    useless = {name: rows for name, rows in data.items() if name != "good"}
    told = conclude("useless", useless)
    assert "Nothing here is better for sure than keeping all, or than as many random rows." in told
    assert "the right ones outvote the wrong" in told
    swapped = useless | {"candidates": [row | {"candidate": "nothing of the kind"} for row in data["candidates"]]}
    assert "the wrong ones win; don't train on all of it" in conclude("wrong", swapped)
    some = data | {"references": data["references"][:45]}
    told = conclude("some", some, "--rates", "0.5")
    assert "45 of 240 candidates are labelled" in told
    assert "they hold for all if those are a random draw" in told


def test_a_better_selection_of_a_bad_pool_is_still_called_bad(tmp_path, data, capsys) -> None:
    """One candidate in seven is right, and `good` finds some of them: better than random, and mostly wrong."""
    rng = np.random.default_rng(4)
    summaries = [row["summary"] for row in data["references"]]
    bad = {
        "candidates": [row | {"candidate": summaries[n if n % 7 == 0 else n - 1]} for n, row in enumerate(data["candidates"])],
        "references": data["references"],
        "good": [row | {"score": float((n % 7 == 0) + rng.normal(0, 0.8))} for n, row in enumerate(data["good"])],
    }
    assert main([*arguments(tmp_path, bad), "--rates", "0.5"]) == 0
    told = sentences(capsys.readouterr().out)
    assert "don't train on all of it" in told
    assert "Don't train on this as it is: the best is 50% by good" in told
    assert "Most of it is wrong all the same (p > p*)." in told


def test_what_is_not_told_apart_says_how_many_labels_would_tell(tmp_path, data, ask, capsys) -> None:
    some = data | {"references": data["references"][:40]}
    words = [*arguments(tmp_path, some), "--rates", "0.125"]
    found = ask(words)
    assert found["recommended"] is None
    needed = min(row["labels_needed"] for row in [*found["verifiers"], *found["stratified"]] if row["labels_needed"])
    assert main(words) == 0
    told = sentences(capsys.readouterr().out)
    assert f"Label about {needed - 40:,} more candidates ({needed:,} in all) to know." in told
    few = {name: rows[:24] for name, rows in data.items()}
    assert main([*arguments(tmp_path / "few", few), "--rates", "0.25"]) == 0
    assert "labelled candidates, and there are 24: write more" in sentences(capsys.readouterr().out)


def test_a_verifier_that_makes_a_good_pool_worse_is_never_called_good(tmp_path, data, ask, capsys) -> None:
    """A third is wrong, and few are among what `backwards` keeps at most rates: p' is below one half, and still worse than p."""
    backwards = [row | {"score": -row["score"]} for row in data["good"]]
    words = arguments(tmp_path, {**data, "backwards": backwards, "good": data["coin"]})
    found = ask([*words, "--rates", 0.25, 0.5, 0.75])
    worse = [entry for entry in found["verifiers"] if entry["name"] == "backwards"]
    assert {entry["against_random"] for entry in worse} == {"worse than random"}
    assert worse[-1]["kept_error"] < 0.5
    assert {entry["predicted"] for entry in found["verifiers"]} == {None}
    assert found["recommended"] is None
    assert main(words) == 0
    told = sentences(capsys.readouterr().out)
    assert "backwards makes the pool worse: at 12.5, 25, 50%" in told
    assert "helps" not in told


def test_keep_all_and_random_rows_stand_in_every_diagnosis(tmp_path, data, ask) -> None:
    found = ask([*arguments(tmp_path, data), "--rates", 0.25, 0.5])
    rows = [(row["name"], row["rate"], row["kept_rows"]) for row in found["baselines"]]
    assert rows == [("keep all", 1.0, 240), ("random rows", 0.25, 60), ("random rows", 0.5, 120)]
    wrong = float((quality_of(data) < 0.25).mean())
    for row in found["baselines"]:
        assert row["kept_error"] == row["p"] == pytest.approx(wrong)
        assert row["kept_error_low"] < wrong < row["kept_error_high"]
    for entry in found["verifiers"]:
        assert entry["difference"] == pytest.approx(entry["kept_error"] - wrong)
        assert entry["difference_low"] < entry["difference"] < entry["difference_high"]


def test_a_metric_alone_does_not_say_what_is_wrong(tmp_path, data, ask, capsys) -> None:
    words = arguments(tmp_path, data)[:-2]
    assert main(words) == 2
    error = capsys.readouterr().err
    quality = quality_of(data)
    assert "--wrong-below: expected the rouge1 below which a candidate is wrong" in error
    assert f"25% {np.quantile(quality, 0.25):.3g}" in error
    labels = [{"id": row["id"], "score": float(score == 1)} for row, score in zip(data["candidates"], quality, strict=True)]
    labelled = {name: rows for name, rows in data.items() if name != "references"} | {"truth": labels}
    found = ask([*arguments(tmp_path / "labels", labelled)[:-2], "--oracle", "truth"])
    assert found["wrong_below"] == 0.5
    assert found["baselines"][0]["p"] == pytest.approx(float((quality < 1).mean()))


def test_the_table_fits_80_columns_and_cuts_no_cell(tmp_path, data, capsys) -> None:
    renamed = {"a-name-that-is-longer-than-its-column" if name == "good" else name: rows for name, rows in data.items()}
    words = arguments(tmp_path, renamed)
    assert main(words) == 0
    told = capsys.readouterr().out
    table = told[told.index(" verifier") : told.index("p′: wrong among")]
    assert max(map(len, told.splitlines())) <= 80
    assert "…" not in table
    assert table.count("random rows") == 3
    assert main([*words, "--wide"]) == 0
    wide = capsys.readouterr().out
    assert "…" not in wide
    assert "a-name-that-is-longer-than-its-column in strata" in wide


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


def test_verifier_that_loves_one_kind_does_better_within_strata(tmp_path, ask) -> None:
    rng = np.random.default_rng(8)
    stratum, quality = np.repeat(["a", "b", "c", "d"], 200), rng.random(800)
    biased = quality + 3 * (stratum == "a")
    keys = [{"id": f"r{row}"} for row in range(800)]
    data = {
        "candidates": [key | {"candidate": "some words", "stratum": kind} for key, kind in zip(keys, stratum, strict=True)],
        "truth": [key | {"score": score} for key, score in zip(keys, quality.tolist(), strict=True)],
        "biased": [key | {"score": score} for key, score in zip(keys, biased.tolist(), strict=True)],
    }
    found = ask([*arguments(tmp_path, data), "--oracle", "truth", "--rates", 0.25])
    plain, within = (next(row for row in found[table] if row["name"] == "biased") for table in ("verifiers", "stratified"))
    assert (plain["coverage"], within["coverage"]) == (0.25, 1.0)
    assert within["kept_error"] < plain["kept_error"]
    assert (found["recommended"]["name"], found["recommended"]["across"]) == ("biased", "strata")
