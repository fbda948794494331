"""results.json is read back as it was written, and what is not of its shape is told where."""

import json
from pathlib import Path
from typing import Any

import pytest

from summ_collapse.errors import InputError
from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.report.results import RESULTS_VERSION, Delta, read_results
from summ_collapse.store import write_json
from tests.report.results import entry, results

DELTA = Delta(-1.5, -2.5, -0.5, -3.0, -0.1, 0.01, 0.02)


def written(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    pooled = entry("a", seed=None, seeds=[0, 1], n_train=100.0, vs={"real-slice": {"rouge1": DELTA}})
    content = results(entry("a"), entry("a", seed=1, seeds=[1]), pooled).model_dump() | changes
    write_json(tmp_path / "report" / "results.json", content)
    return content


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    content = written(tmp_path)
    found = read_results(tmp_path)
    assert json.dumps(found.model_dump(), sort_keys=True) == json.dumps(content, sort_keys=True)
    assert [one.seed for one in found.single] == [0, 1]
    assert [one.observed_delta("rouge1") for one in found.main] == [DELTA]
    assert "run" not in content["arms"][0]
    assert found.of_run("mine").model_dump()["arms"][0]["run"] == "mine"


def test_metrics_stay_in_the_recipes_order(tmp_path: Path) -> None:
    mean = Interval(50.0, 49.0, 51.0)
    written = results(entry("a", metrics={"rouge2": mean, "exact": mean}))
    written = written.model_copy(update={"smallest": {"rouge2": 1.0, "exact": None}})
    write_json(tmp_path / "report" / "results.json", written.model_dump(), sort_keys=False)
    found = read_results(tmp_path)
    assert found.metrics == list(found.arms[0].metrics) == ["rouge2", "exact"]
    # What verdicts are about does not hang on the first arm: it may have failed.
    assert found.metric == "rouge1"


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.1, 1.0, "helps"), (-1.0, -0.1, "hurts"), (-1.0, 1.0, "undecided"), (0.0, 1.0, "undecided")]
)
def test_a_verdict_is_decided_where_the_interval_of_all_arms_together_leaves_zero_out(
    low: float, high: float, verdict: str
) -> None:
    assert Delta(0.5, 0.4, 0.6, low, high, 0.01, 0.02).verdict == verdict


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"version": 1}, f"expected results of version {RESULTS_VERSION}; the same `run` again makes its report anew"),
        ({"arms": [{"arm": "a"}]}, "arms.0.control: missing; this key is required"),
        ({"arms": "none"}, "arms: input should be a valid list, got 'none'"),
        ({"arms": []}, "arms: list should have at least 1 item"),
        ({"recipes": "typo"}, "recipes: unknown key; did you mean 'recipe'?"),
    ],
)
def test_what_has_another_shape_is_told_off(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    written(tmp_path, **changes)
    with pytest.raises(InputError, match=r"results\.json") as error:
        read_results(tmp_path)
    assert told in str(error.value)


def test_what_is_no_json_is_told_off(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "report" / "results.json").write_text("no json")
    with pytest.raises(InputError, match="expected the JSON of a finished run"):
        read_results(tmp_path)
