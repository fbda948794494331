"""What a report says of lines of generations: trends with their intervals, and the last of each line as its answer."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.report.csv_rows import rows_as_csv
from summ_collapse.report.figures.generations import draw_generations
from summ_collapse.report.lines.trends import last_of_lines, lines_of, trends
from summ_collapse.report.results import Entry
from summ_collapse.report.summary import chosen
from tests.report.results import entry, results

ROUNDS = 4


def line(regime: str, seed: int | None, values: dict[str, list[float]], **more: Any) -> list[Entry]:
    """A regime's arms from generation 1 on; the metric is `rouge1`, all else is of collapse."""
    return [
        generation(f"{regime}-{place}", seed, {name: found[place] for name, found in values.items()}, regime, place, **more)
        for place in range(1, ROUNDS + 1)
    ]


def generation(name: str, seed: int | None, values: dict[str, float], regime: str | None, place: int, **more: Any) -> Entry:
    collapse = {measure: value for measure, value in values.items() if measure != "rouge1"}
    mean = values["rouge1"]
    facts = {"regime": regime, "generation": place, "slice": 0.25, "seed": seed, "seeds": [0, 1] if seed is None else [seed]}
    return entry(name, metrics={"rouge1": Interval(mean, mean - 1, mean + 1)}, collapse=collapse, **{**facts, **more})


def planted(noise: float, seeds: tuple[int, ...] = (0, 1)) -> list[Entry]:
    """`replace` falls by 2 points a generation and `keep` stays; rare words go at 0.1 a generation under `replace`."""
    rng = np.random.default_rng(0)
    found = []
    for seed in seeds:
        luck = rng.normal(0, noise, (2, 2, ROUNDS + 1))
        falling = {"rouge1": 80 - 2 * np.arange(ROUNDS + 1) + luck[0, 0], "tail_survival": 0.9 - 0.1 * np.arange(ROUNDS + 1)}
        staying = {"rouge1": 80 + luck[1, 0], "tail_survival": np.full(ROUNDS + 1, 0.9)}
        begin = generation("generation-0", seed, {"rouge1": 80, "tail_survival": 0.9}, None, 0)
        found += [begin, *line("replace", seed, _lists(falling)), *line("keep", seed, _lists(staying))]
    return found


def _lists(values: dict[str, Any]) -> dict[str, list[float]]:
    return {name: list(map(float, found)) for name, found in values.items()}


def test_a_trend_is_the_slope_over_generations_with_an_interval_over_seeds() -> None:
    found = {(trend.regime, trend.measure): trend for trend in trends(results(*planted(0.3)))}
    falls, stays = found["replace", "rouge1"], found["keep", "rouge1"]
    assert (falls.generations, falls.seeds, falls.first) == (ROUNDS, 2, 80)
    assert falls.low is not None
    assert falls.high is not None
    assert falls.low < -2 < falls.high < 0
    assert stays.low is not None
    assert stays.high is not None
    assert stays.low < 0 < stays.high
    # Both regimes' seeds tell how much a slope varies, so that the intervals are equally wide.
    assert falls.high - falls.low == pytest.approx(stays.high - stays.low)
    exact = found["replace", "tail_survival"]
    assert (exact.slope, exact.low, exact.high) == (pytest.approx(-0.1), pytest.approx(-0.1), pytest.approx(-0.1))
    assert exact.last == pytest.approx(0.5)
    lines = list(csv.DictReader(io.StringIO(rows_as_csv(list(found.values())))))
    assert float(lines[0]["slope"]) == falls.slope


def test_one_seed_has_a_slope_and_no_interval() -> None:
    (only,) = [trend for trend in trends(results(*planted(0.3, (0,)))) if (trend.regime, trend.measure) == ("keep", "rouge1")]
    assert (only.low, only.high, only.seeds) == (None, None, 1)
    assert rows_as_csv([only]).endswith(",,\n")


def test_a_line_whose_last_arm_failed_is_as_long_as_what_there_is() -> None:
    arms = planted(0.0)
    broken = [
        one.model_copy(update={"failed": "diverged", "metrics": {}, "collapse": {}})
        if one.arm == "keep-4" and one.seed == 1
        else one
        for one in arms
    ]
    (kept,) = [trend for trend in trends(results(*broken)) if (trend.regime, trend.measure) == ("keep", "rouge1")]
    assert (kept.generations, kept.seeds) == (ROUNDS - 1, 2)


def test_of_each_line_the_last_is_the_answer() -> None:
    arms = planted(0.0, (0,))
    shown = last_of_lines([entry("real-slice", control="real-slice", slice=0.25), *arms])
    assert [one.arm for one in shown] == ["real-slice", "replace-4", "keep-4"]
    assert [one.arm for one in chosen(shown, "rouge1")] == ["real-slice", "replace-4", "keep-4"]
    assert [one.arm for one in lines_of(arms)[0.25, "keep"]] == ["generation-0", *(f"keep-{place}" for place in range(1, 5))]


def test_verifiers_do_not_hide_each_others_regimes() -> None:
    by_one = {"verifier": "oracle", "verifier_kind": "rouge"}
    values = {"rouge1": [80.0] * (ROUNDS + 1)}
    arms = [*line("best", 0, values, **by_one, rate=0.25), *line("half", 0, values, **by_one, rate=0.5)]
    assert {one.arm for one in chosen(last_of_lines(arms), "rouge1")} == {"best-4", "half-4"}


def test_the_figure_has_a_line_a_regime(tmp_path: Path) -> None:
    values = ("tail_survival", "next_word_entropy", "self_bleu", "real_loss")
    known = {name: [0.5] * (ROUNDS + 1) for name in values}
    arms = [
        generation("generation-0", 0, {"rouge1": 80.0, **dict.fromkeys(values, 0.5)}, None, 0),
        *line("replace", 0, {"rouge1": [80.0] * (ROUNDS + 1), **known}),
        *line("keep", 0, {"rouge1": [70.0] * (ROUNDS + 1), **known}),
    ]
    path = tmp_path / "generations.svg"
    draw_generations(lines_of(arms), "rouge1", [path], "small")
    drawn = path.read_text()
    assert all(re.search(f"<!-- {text}", drawn) for text in ("replace", "keep", "generation", "self-BLEU"))
