"""Predicted against observed: the correlations are scipy's, and the intervals hold what was planted."""

import numpy as np
import pytest
from scipy import stats

from summ_collapse.predict.agreement import Correlations, Point, Tally, agreement, correlations, sentences


def point(predicted: float, observed: float, seed: int = 0, verdicts: tuple[str, str] = ("helps", "helps")) -> Point:
    return Point(str(seed), predicted, observed, 0.5, 100, None, None, None, None, *verdicts)


@pytest.mark.parametrize("ties", [False, True])
def test_coefficients_are_those_of_scipy(ties: bool) -> None:
    rng = np.random.default_rng(3)
    ours, observed = rng.normal(size=40), rng.normal(size=40)
    if ties:
        ours, observed = ours.round(0), observed.round(0)
    found = correlations(ours, observed, ["one"] * 40)
    assert found.spearman.value == pytest.approx(stats.spearmanr(ours, observed).statistic)
    assert found.kendall.value == pytest.approx(stats.kendalltau(ours, observed).statistic)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """200 samples of 60 arms with a correlation known from a large one: within 5 standard errors of 95%."""
    rng = np.random.default_rng(5)

    def draw(size: int) -> tuple[np.ndarray, np.ndarray]:
        both = rng.normal(size=(2, size))
        return both[0], 0.8 * both[0] + 0.6 * both[1]

    truth = stats.spearmanr(*draw(400_000)).statistic
    hits = 0
    for _ in range(200):
        found = correlations(*draw(60), [str(row) for row in range(60)]).spearman
        hits += found.low <= truth <= found.high
    assert hits / 200 > 0.95 - 5 * np.sqrt(0.95 * 0.05 / 200)


def test_arms_of_one_run_and_seed_are_drawn_together() -> None:
    """Ten copies of six arms know what the six know: the interval is as wide."""
    ours, observed = np.arange(6.0), np.array([0.0, 2, 1, 3, 5, 4])
    once = correlations(ours, observed, [str(row) for row in range(6)])
    copies = correlations(np.tile(ours, 10), np.tile(observed, 10), [str(row) for row in range(6)] * 10)
    assert copies.spearman.low == pytest.approx(once.spearman.low, abs=0.1)


def test_verdicts_count_where_both_decided() -> None:
    given = [("helps", "helps"), ("hurts", "hurts"), ("helps", "hurts"), ("undecided", "helps"), ("helps", "undecided")]
    arms = [point(row, row**2, verdicts=verdicts) for row, verdicts in enumerate(given)]
    found = agreement(arms, "rouge1", arms)
    assert found.verdicts.predicted == Tally(helps=3, hurts=1)
    assert found.verdicts.observed == Tally(helps=2, hurts=2)
    assert (found.verdicts.both, found.verdicts.right) == (Tally(helps=1, hurts=2), Tally(helps=1, hurts=1))
    assert found.p_star.spearman is None
    told = "verdicts that both decided: 3 of 5 (1 helps, 2 hurts); right: 2 (1 helps, 1 hurts; 67% ["
    assert any(told in line for line in sentences(found))


def test_verdicts_are_those_of_the_arms_that_are_shown() -> None:
    single = [point(row, row**2) for row in range(5)]
    found = agreement(single, "rouge1")
    assert (found.arms, found.verdicts.arms, found.verdicts.share) == (5, 0, None)


def test_too_few_arms_say_so() -> None:
    found = agreement([point(1, 1), point(2, 2)], "rouge1")
    assert found.predicted_delta == Correlations(None, None)
    assert sentences(found) == ["2 arms with a prediction: too few for a rank correlation"]
