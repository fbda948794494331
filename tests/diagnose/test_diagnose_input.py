"""`diagnose` told by files that are wrong: one message, exit code 2."""

from collections.abc import Callable

import pytest

from summ_collapse.cli import main
from tests.diagnose.bare_files import Data, arguments

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
        (["--verifier", "perplexity"], "--verifier perplexity: model: missing; this key is required"),
        (["--verifier", "perplexity,model=./nowhere"], "expected a model's folder on disk, found none at ./nowhere"),
        (["--verifier", "length", "--prompt", "read this"], "--prompt: expected a template that contains {document} once"),
        (["--verifier", "rouge"], "--verifier rouge: reads the reference"),
        (["--verifier", "ensemble,of=[good]"], "--verifier ensemble"),
        (["--verifier", "lenght"], "unknown verifier 'lenght'; did you mean 'length'?"),
        (["--verifier", "length,prefer=wide"], "--verifier length,prefer=wide: prefer: "),
        (["--verifier", "length,short"], "expected KIND,OPTION=VALUE, got 'short'"),
        (["--verifier", "length", "--verifier", "length"], "--verifier: expected each name once, got 'length' again"),
        (["--verifier", "copy-rate"], "--verifier copy-rate: reads documents; expected --documents FILE"),
        (["--verifier", "agreement"], "--verifier agreement: expected several candidates of a document"),
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
    assert main(["diagnose"]) == 2
    assert "expected a run's folder, or --candidates" in capsys.readouterr().err
    assert main([*words[:3], *words[5:]]) == 2
    assert "--references: expected a file, or --oracle NAME" in capsys.readouterr().err


def test_ids_that_count_the_rows_are_no_row_numbers(tmp_path, data, capsys) -> None:
    numbered = {name: [{**row, "id": str(number)} for number, row in enumerate(rows, start=1)] for name, rows in data.items()}
    words = arguments(tmp_path, numbered)
    (tmp_path / "candidates.txt").write_text("".join(row["candidate"] + "\n" for row in data["candidates"]))
    (tmp_path / "references.txt").write_text("".join(row["summary"] + "\n" for row in data["references"]))
    words = [word.replace("candidates.jsonl", "candidates.txt").replace("references.jsonl", "references.txt") for word in words]
    assert main(words) == 2
    assert "good.jsonl has ids, " in (told := capsys.readouterr().err)
    assert "candidates.txt has none; expected ids in both or in neither" in told
