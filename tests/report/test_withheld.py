"""No verdict where there is nothing to base it on: one seed, arms on a floor, no room above the real slice."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from summ_collapse.errors import InputError
from summ_collapse.report.build import build
from summ_collapse.report.notes import above, below
from summ_collapse.report.results import Outputs, Results
from summ_collapse.report.tables import as_csv, as_html, as_latex, as_markdown
from summ_collapse.report.withheld import floors, outputs
from tests.report.artifacts import Finished

ROWS = 40
MEANS = {"generator": 0.5, "real-slice": 0.5, "oracle-0.5": 0.7, "random-0.5": 0.3, "real-full": 0.9}
FACTS = {
    "generator": {"control": "generator"},
    "real-slice": {"control": "real-slice"},
    "real-full": {"control": "real-full"},
    "oracle-0.5": {"verifier": "oracle", "rate": 0.5},
    "random-0.5": {"verifier": "random", "rate": 0.5},
}


def ended(
    folder: Path,
    seeds: Sequence[int] = (0, 1, 2),
    means: Mapping[str, float] = MEANS,
    texts: Mapping[str, Sequence[str]] | None = None,
    finish: Mapping[str, Sequence[str]] | None = None,
) -> Results:
    """A report of arms with these means; rows differ, trainings hardly."""
    rng = np.random.default_rng(5)
    finished = Finished(folder, ROWS)
    for seed in seeds:
        for name, mean in means.items():
            scores = mean + rng.normal(0, 0.01) + rng.normal(0, 0.02, ROWS)
            further = {"texts": (texts or {}).get(name), "finish": (finish or {}).get(name)}
            finished.add(name, seed, {"rouge1": scores}, slice=0.1, **further, **FACTS[name])
    return build(finished.contents, finished.inputs)


def observed(results: Results) -> dict[str, str | None]:
    return {entry.arm: entry.observed for entry in results.main}


def test_several_seeds_give_verdicts_on_all_that_have_a_real_slice(tmp_path: Path) -> None:
    found = ended(tmp_path)
    assert found.warnings == []
    assert observed(found) == {
        "generator": "undecided",
        "real-slice": None,
        "oracle-0.5": "helps",
        "random-0.5": "hurts",
        "real-full": "helps",
    }
    assert {entry.withheld for entry in found.main} == {None}
    assert found.smallest["rouge1"] is not None
    assert 0 < found.smallest["rouge1"] < 10
    assert {entry.observed for entry in found.single} == {None}
    assert below([found]) == [
        f"40 test rows, 3 seeds: the smallest difference from real-slice that this table could have called is "
        f"{found.smallest['rouge1']:.1f} in rouge1 (power 80%)"
    ]


def test_one_seed_gives_differences_and_no_verdict(tmp_path: Path) -> None:
    found = ended(tmp_path, seeds=[4])
    assert set(observed(found).values()) == {None}
    assert found.warnings == ["one seed: training's own luck is not in these intervals, so there is no verdict"]
    entries = {entry.arm: entry for entry in found.main}
    assert entries["oracle-0.5"].observed_delta("rouge1").low_all > 0
    assert entries["oracle-0.5"].withheld == "one seed: training's own luck is not in these intervals"
    assert entries["real-slice"].withheld is None
    assert found.agreement.verdicts.observed.decided == 0
    [line] = below([found])
    assert line.startswith("40 test rows, one seed: by the rows alone")


def test_models_that_all_answer_nothing_have_a_warning_and_no_verdict(tmp_path: Path) -> None:
    found = ended(tmp_path, means=dict.fromkeys(MEANS, 0.0), texts=dict.fromkeys(MEANS, [""] * ROWS))
    assert set(observed(found).values()) == {None}
    assert found.warnings[0] == (
        "outputs that are empty: generator 100%, real-slice 100%, oracle-0.5 100%, random-0.5 100% and 1 more; "
        "no verdict on these arms, or against them"
    )
    withheld = {entry.arm: entry.withheld for entry in found.main}
    assert withheld == {**dict.fromkeys(MEANS, "100% of outputs are empty"), "real-slice": None}
    for text in (as_markdown([found]), as_latex([found]), as_html([found])):
        assert text.index("outputs that are empty") < text.index("oracle-0.5 &" if "tabular" in text else "Δ rouge1 vs")
        assert "↑" not in text
        assert "3 seeds: " in text


def test_only_the_arm_on_a_floor_goes_without_a_verdict(tmp_path: Path) -> None:
    limit = ["length"] * 9 + ["stop"] * (ROWS - 9)
    found = ended(tmp_path, finish={"random-0.5": limit})
    assert observed(found)["oracle-0.5"] == "helps"
    assert observed(found)["random-0.5"] is None
    assert found.warnings == [
        "outputs that are cut off at the limit of tokens: random-0.5 22%; no verdict on these arms, or against them"
    ]


def test_no_arm_is_judged_by_a_real_slice_on_a_floor(tmp_path: Path) -> None:
    found = ended(tmp_path, texts={"real-slice": ["the same"] * ROWS})
    assert set(observed(found).values()) == {None}
    assert {entry.withheld for entry in found.main} == {None, "real-slice: 100% of outputs are one and the same"}


def test_no_verdict_where_more_real_data_does_not_help(tmp_path: Path) -> None:
    found = ended(tmp_path, means={**MEANS, "real-full": 0.5})
    assert set(observed(found).values()) == {None}
    [warning] = found.warnings
    assert warning.startswith("real-full is not above real-slice (Δ rouge1 ")
    assert {entry.withheld for entry in found.main} == {None, warning}


@pytest.mark.parametrize(
    ("texts", "finish", "expected"),
    [
        (["", "  ", "a", "b"], ["stop"] * 4, Outputs(0.5, 0.25, 0.25, 0.0)),
        (["a", "a", "a", "b"], ["length"] * 2 + ["stop"] * 2, Outputs(0.0, 0.75, 0.25, 0.5)),
    ],
)
def test_shares_of_outputs(texts: list[str], finish: list[str], expected: Outputs) -> None:
    assert outputs(pa.table({"candidate": texts, "finish": finish}), ["w", "x", "y", "z"]) == expected


def test_an_answer_that_most_references_share_is_no_floor_until_it_is_nearly_all_that_is_said() -> None:
    assert floors(Outputs(0.0, 0.7, 0.6, 0.0)) == {}
    assert floors(Outputs(0.0, 0.81, 0.6, 0.0)) == {"one and the same": 0.81}
    assert floors(Outputs(0.5, 0.5, 0.0, 0.2)) == {}
    assert floors(Outputs(0.51, 0.0, 0.0, 0.21)) == {"empty": 0.51, "cut off at the limit of tokens": 0.21}


def test_seeds_are_those_of_their_names_in_whatever_order_arms_come(tmp_path: Path) -> None:
    finished = Finished(tmp_path, ROWS)
    easy = np.random.default_rng(6).normal(0, 0.02, (3, ROWS))
    places = [(name, seed) for name in MEANS for seed in ((0, 1, 2) if name == "real-slice" else (2, 0, 1))]
    for name, seed in places:
        # Seeds differ by 20 points, for all arms alike.
        finished.add(name, seed, {"rouge1": MEANS[name] + 0.2 * seed + easy[seed]}, slice=0.1, **FACTS[name])
    found = {entry.arm: entry for entry in build(finished.contents, finished.inputs).main}
    delta = found["oracle-0.5"].observed_delta("rouge1")
    assert (delta.delta, delta.low, delta.high) == pytest.approx((20.0, 20.0, 20.0))


def test_passes_are_how_often_each_row_was_seen(tmp_path: Path) -> None:
    finished = Finished(tmp_path, ROWS)
    scores = {"rouge1": np.random.default_rng(7).random(ROWS)}
    # 30 rows in batches of 8 are four steps a pass, the last of them with six rows.
    for name, trained in {"real-slice": (30, 8, 8), "half": (30, 10, 8), "many": (10, 400, 32), "lead": None}.items():
        finished.add(name, 0, scores, trained=trained)
    found = {entry.arm: entry.passes for entry in build(finished.contents, finished.inputs).main}
    assert found == {"real-slice": 2.0, "half": pytest.approx(2 + 16 / 30), "many": 400.0, "lead": None}
    headings, first, *_ = as_csv(build(finished.contents, finished.inputs).main, ["rouge1"]).splitlines()
    assert dict(zip(headings.split(","), first.split(","), strict=True))["passes"] == "2.0"


def test_one_test_row_compares_nothing(tmp_path: Path) -> None:
    finished = Finished(tmp_path, 1)
    finished.add("real-slice", 0, {"rouge1": np.ones(1)})
    with pytest.raises(InputError, match="1 test row: arms are compared over at least 2"):
        build(finished.contents, finished.inputs)


def test_warnings_and_reach_name_their_run(tmp_path: Path) -> None:
    found = ended(tmp_path, seeds=[0]).of_run("mine")
    assert all(line.startswith("mine: ") for line in (*above([found]), *below([found])))
