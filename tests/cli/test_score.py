"""`score`: rouge-score's numbers for two files, example by example, with intervals that any second run repeats."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from rouge_score import rouge_scorer

from summ_collapse.tasks.newswire_articles import examples
from tests.conftest import ENVIRONMENT, Done, inside

ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")
HEAVY = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


@pytest.fixture(scope="module")
def texts() -> tuple[list[str], list[str]]:
    """(predictions, references): every third prediction is right, the others are another row's or empty."""
    summaries = examples(60, seed=3)["summary"].to_pylist()
    wrong = [*summaries[1:], ""]
    return [summary if row % 3 == 0 else wrong[row] for row, summary in enumerate(summaries)], summaries


@pytest.fixture(scope="module")
def per_example(texts: tuple[list[str], list[str]]) -> dict[str, list[float]]:
    scorer = rouge_scorer.RougeScorer(list(ROUGE), use_stemmer=True)
    scores = [scorer.score(reference, prediction) for prediction, reference in zip(*texts, strict=True)]
    return {name: [score[name].fmeasure for score in scores] for name in ROUGE}


def write_lines(path: Path, lines: list[str], end: str = "\n") -> Path:
    path.write_bytes("".join(line + end for line in lines).encode())
    return path


def write_records(path: Path, records: list[dict[str, Any]]) -> Path:
    return write_lines(path, [json.dumps(record, ensure_ascii=False) for record in records])


def score(predictions: Path, references: Path, *options: object) -> Done:
    done = inside("score", "--predictions", predictions, "--references", references, *options)
    assert done.code == 0, done.err
    return done


@pytest.fixture
def text_files(tmp_path: Path, texts: tuple[list[str], list[str]]) -> tuple[Path, Path]:
    return write_lines(tmp_path / "predictions.txt", texts[0]), write_lines(tmp_path / "references.txt", texts[1])


def test_json_holds_the_means_of_rouge_score_with_intervals_around_them(text_files, per_example) -> None:
    done = score(*text_files, "--json")
    found = json.loads(done.out)
    assert done.out.count("\n") == 1
    assert list(found) == ["n", *ROUGE]
    assert found.pop("n") == 60
    for name, entry in found.items():
        assert list(entry) == ["mean", "low", "high"]
        assert entry["mean"] == 100 * float(np.mean(per_example[name]))
        assert 0 <= entry["low"] < entry["mean"] < entry["high"] <= 100


def test_table_shows_the_same_numbers(text_files) -> None:
    found = json.loads(score(*text_files, "--json").out)
    shown = score(*text_files).out
    assert shown.startswith("60 pairs\n")
    for name in ROUGE:
        mean, low, high = (f"{found[name][part]:.2f}" for part in ("mean", "low", "high"))
        assert f"{name} {mean} [{low}, {high}]" in " ".join(shown.split())


def test_two_runs_print_the_same_bytes(text_files) -> None:
    assert score(*text_files, "--json").out == score(*text_files, "--json").out


def test_metrics_are_those_that_are_asked_for_in_that_order(text_files) -> None:
    found = json.loads(score(*text_files, "--json", "--metrics", "rougeL_recall, exact").out)
    assert list(found) == ["n", "rougeL_recall", "exact"]
    assert found["exact"]["mean"] == pytest.approx(100 / 3)


def test_records_are_joined_by_id_whatever_their_order(tmp_path, texts, text_files) -> None:
    predictions = [{"id": row, "candidate": text} for row, text in enumerate(texts[0])]
    references = [{"summary": text, "id": str(row)} for row, text in enumerate(texts[1])]
    found = score(
        write_records(tmp_path / "predictions.jsonl", predictions[::-1]),
        write_records(tmp_path / "references.jsonl", references),
        "--json",
    )
    assert found.out == score(*text_files, "--json").out


def test_an_empty_id_beside_rows_without_one_is_none_twice(tmp_path) -> None:
    records = [{"text": "one"}, {"id": "", "text": "two"}, {"text": "three"}]
    paths = [write_records(tmp_path / f"{name}.jsonl", records) for name in ("predictions", "references")]
    assert json.loads(score(*paths, "--json", "--metrics", "exact").out)["n"] == 3


@pytest.mark.parametrize(
    ("ours", "theirs"), [("candidate", "summary"), ("prediction", "reference"), ("summary", "text"), ("text", "summary")]
)
def test_records_without_ids_are_paired_by_row(tmp_path, texts, ours, theirs) -> None:
    done = score(
        write_records(tmp_path / "predictions.jsonl", [{ours: text} for text in texts[0]]),
        write_records(tmp_path / "references.jsonl", [{"id": f"row-{row}", theirs: text} for row, text in enumerate(texts[1])]),
        "--json",
        *("--metrics", "exact"),
    )
    assert json.loads(done.out)["exact"]["mean"] == pytest.approx(100 / 3)


def read_scores(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, strict=True))
        return [{name: value if name == "id" else float(value) for name, value in row.items()} for row in rows]
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


@pytest.mark.parametrize("name", ["scores.jsonl", "scores.parquet", "scores.csv"])
def test_scores_of_every_example_equal_rouge_score_to_the_last_bit(tmp_path, texts, per_example, name) -> None:
    ids = [f"row-{row}" for row in range(60)]
    ids[:6] = ["a,b", 'say "so"', "two\nlines", "back\rhere", " blank ", "é東京"]
    score(
        write_records(tmp_path / "predictions.jsonl", [{"id": i, "candidate": t} for i, t in zip(ids, texts[0], strict=True)]),
        write_records(tmp_path / "references.jsonl", [{"id": i, "summary": t} for i, t in zip(ids, texts[1], strict=True)]),
        *("--out", tmp_path / "made" / name),
    )
    rows = read_scores(tmp_path / "made" / name)
    assert [row["id"] for row in rows] == ids
    for metric in ROUGE:
        assert [row[metric] for row in rows] == per_example[metric]
    assert [path.name for path in (tmp_path / "made").iterdir()] == [name]


ENDS = {
    "unix": ("", "\n", True),
    "windows": ("", "\r\n", True),
    "no end at the end": ("", "\n", False),
    "byte order mark": ("\ufeff", "\n", True),
}


@pytest.mark.parametrize(("mark", "end", "last"), ENDS.values(), ids=ENDS)
def test_line_ends_and_byte_order_marks_are_no_part_of_a_text(tmp_path, mark, end, last) -> None:
    lines = ["one two", "", "three\u2028four\x0cfive\x85six", "seven"]
    predictions = tmp_path / "predictions.txt"
    predictions.write_bytes((mark + end.join(lines) + (end if last else "")).encode())
    done = score(predictions, write_lines(tmp_path / "references.txt", lines), "--json", "--metrics", "exact,rougeLsum")
    found = json.loads(done.out)
    assert found["n"] == 4
    assert found["exact"]["mean"] == 100
    assert found["rougeLsum"]["mean"] == 75  # an empty text shares no word with anything


def run_python(*statements: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(statements)], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("arguments", [["--help"], ["score", "--help"], ["score"]], ids=" ".join)
def test_neither_help_nor_score_imports_a_model_library(text_files, tmp_path, arguments) -> None:
    predictions, references = map(str, text_files)
    if arguments == ["score"]:
        files = ["--predictions", predictions, "--references", references, "--out", str(tmp_path / "scores.parquet")]
        arguments = [*arguments, *files, "--json"]
    done = run_python(
        "import sys",
        "from summ_collapse.cli import main",
        "try:",
        f"    code = main({arguments!r})",
        "except SystemExit as ended:",  # argparse's way to leave after its help
        "    code = ended.code",
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]",
        "sys.exit(f'loaded {loaded}' if loaded else code)",
    )
    assert done.code == 0, done.err


FIRST, SECOND = {"id": "a", "text": "one"}, {"id": "b", "text": "two"}
MISMATCHED = {
    "an id that is missing": ([FIRST, {"id": "c", "text": "two"}], ["expected an id 'b'", "references.jsonl"]),
    "an id twice": ([FIRST, FIRST], ["line 2: expected each id once, got 'a' again"]),
    "no text": ([FIRST, {"id": "b", "body": "two"}], ["line 2: expected text under one of candidate", "found id, body"]),
    "a row too few": ([FIRST], ["has 1 rows", "has 2", "references.jsonl"]),
    "no rows": ([], ["has 0 rows", "has 2"]),
}


@pytest.mark.parametrize(("records", "told"), MISMATCHED.values(), ids=MISMATCHED)
def test_predictions_that_do_not_fit_the_references_are_named(tmp_path, records, told) -> None:
    predictions = write_records(tmp_path / "predictions.jsonl", records)
    references = write_records(tmp_path / "references.jsonl", [FIRST, SECOND])
    done = inside("score", "--predictions", predictions, "--references", references, "--out", tmp_path / "scores.csv")
    assert (done.code, done.out) == (2, "")
    for part in (str(predictions), *told):
        assert part in done.err
    assert not (tmp_path / "scores.csv").exists()


WRONG_OPTIONS = {
    "unknown metric": (("--metrics", "rouge1,rougeX"), ["--metrics", "'rougeX'", "did you mean 'rouge"]),
    "no metric": (("--metrics", ","), ["--metrics", "expected"]),
    "no resamples": (("--bootstrap", "0"), ["--bootstrap", "positive", "0"]),
    "a folder for the scores": (("--out", "."), ["--out", "folder"]),
}


@pytest.mark.parametrize(("options", "told"), WRONG_OPTIONS.values(), ids=WRONG_OPTIONS)
def test_wrong_options_are_named(text_files, options, told) -> None:
    done = inside("score", "--predictions", text_files[0], "--references", text_files[1], *options)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
    for part in told:
        assert part in done.err
