"""Coefficients fitted on runs, in a file, and what `diagnose` does with them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from summ_collapse.cli import main
from summ_collapse.diagnose.coefficients import TRIAL, arms_of
from summ_collapse.predict.trial import trial
from tests.diagnose.bare_files import arguments, entry_of, sentences
from tests.predict.test_trial import arms


def written(path: Path, beats: bool, settings: tuple[str, ...] = ("newswire, tiny model",)) -> Path:
    found = trial(arms(1, noise=0.5))
    fit = replace(found.fit, beats_baselines=beats, holds=settings)
    path.write_bytes(TRIAL.dump_json(replace(found, fit=fit)))
    return path


def test_coefficients_that_earned_their_place_predict_points_with_their_statement(tmp_path, data, ask, capsys) -> None:
    path = written(tmp_path / "earned.json", beats=True)
    words = [*arguments(tmp_path, data), "--slice-rows", "40", "--rates", "0.25", "--coefficients", str(path)]
    found = ask(words)
    assert {entry["criterion"] for entry in found["verifiers"]} == {"predictor"}
    assert entry_of(found, "good", 0.25)["predicted_delta"] > entry_of(found, "coin", 0.25)["predicted_delta"]
    assert found["baselines"][0]["predicted_delta"] is not None
    assert found["predictor"]["holds"] == ["newswire, tiny model"]
    assert main(words) == 0
    told = sentences(capsys.readouterr().out)
    assert "Predicted against the real rows alone: " in told
    assert "with each verifier kind, slice, generator, corpus size, run left out in turn it beats what is simpler" in told


def test_coefficients_that_did_not_are_named_and_predict_nothing(tmp_path, data, capsys) -> None:
    path = written(tmp_path / "failed.json", beats=False)
    words = [*arguments(tmp_path, data), "--slice-rows", "40", "--coefficients", str(path), "--json"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "no differences are predicted with them" in err
    assert {entry["predicted_delta"] for entry in json.loads(out)["verifiers"]} == {None}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected what `summ-collapse predict fit` writes"),
        ('{"version": 1}', "fit: Field required"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_another_file_is_one_message(tmp_path, data, capsys, content: str | None, message: str) -> None:
    path = tmp_path / "other.json"
    if content is not None:
        path.write_text(content)
    assert main([*arguments(tmp_path, data), "--slice-rows", "40", "--coefficients", str(path)]) == 2
    assert message in capsys.readouterr().err


def test_real_rows_alone_change_no_advice_and_coefficients_alone_are_refused(tmp_path, data, ask, capsys) -> None:
    words = arguments(tmp_path, data)
    without, there = ask(words), ask([*words, "--slice-rows", "40"])
    assert there["recommended"] == without["recommended"]
    assert there["verifiers"] == without["verifiers"]
    path = written(tmp_path / "earned.json", beats=True)
    assert main([*words, "--coefficients", str(path)]) == 2
    assert "--coefficients: expected --slice-rows too" in capsys.readouterr().err


def test_a_run_is_fitted_from_its_results(small_run: tuple[Path, Path], tmp_path, capsys) -> None:
    _, run = small_run
    found = arms_of(run)
    results = json.loads((run / "report" / "results.json").read_text())["arms"]
    assert {arm.name for arm in found} == {arm["arm"] for arm in results if arm["verifier"] is not None}
    assert {(arm.corpus_rows, arm.features.slice_rows, arm.setting) for arm in found} == {(160, 40, "newswire, tiny model")}
    out = tmp_path / "fit.json"
    assert main(["predict", "fit", str(run), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert max(len(line) for line in told[: told.index("error: root")].splitlines()) <= 80
    assert "…" not in told
    assert "left out in turn it" in sentences(told)
    assert TRIAL.validate_json(out.read_bytes()).fit.holds == ("newswire, tiny model",)
    assert main(["predict", "fit", str(tmp_path), "--out", str(out)]) == 2
