"""Which rows to keep: the curves that were derived beside students that fit drawn rows, and what they say."""

import math

import numpy as np
import pytest
from scipy import stats

from summ_collapse.theory.keeping import Rows, Which, accuracy, margins, simulated

BOTH: tuple[Which, Which] = ("easy", "hard")
STRONG, WEAK = math.radians(5), math.radians(60)


@pytest.mark.parametrize("aware", [True, False])
@pytest.mark.parametrize("which", ["easy", "hard"])
@pytest.mark.parametrize("degrees", [5, 25, 60])
def test_derived_and_drawn_agree(degrees: float, which: Which, aware: bool) -> None:
    """Exact for many rows; with 300 kept rows in 10 dimensions within 0.005 beside four standard errors."""
    rows = Rows(math.radians(degrees), 0.25, which, aware)
    found = simulated(rows, 1200, 10, 60, seed=degrees)
    assert abs(found.mean() - accuracy(rows, 1200, 10)) < 4 * found.std() / math.sqrt(len(found)) + 0.005


def test_margins_keep_the_share_that_is_asked_for() -> None:
    easy, hard = (margins(Rows(STRONG, 0.25, which, aware=False)) for which in BOTH)
    assert 2 * stats.norm.sf(easy[0]) == pytest.approx(0.25)
    assert 1 - 2 * stats.norm.sf(hard[1]) == pytest.approx(0.25)
    everything = Rows(WEAK, 1 - 1 / 3, "hard", aware=True)
    assert margins(everything)[0] == 0


def advantage(angle: float, samples: int, aware: bool) -> float:
    """By how much hard rows are better than easy ones."""
    easy, hard = (accuracy(Rows(angle, 0.25, which, aware), samples, 50) for which in BOTH)
    return hard - easy


def test_a_strong_generator_keeps_hard_rows_and_a_weak_one_easy_ones() -> None:
    for samples in (1000, 10_000):
        assert advantage(math.radians(2), samples, aware=True) > 0.005
        assert advantage(math.radians(30), samples, aware=False) < -0.05
    assert advantage(WEAK, 10_000, aware=True) < -0.005
    assert advantage(0.001, 10_000, aware=False) > 0, "a generator that does not err needs no margin"


def test_with_more_data_easy_rows_win_sooner() -> None:
    """Hard rows are worth more against noise, which more data take away; the generator's direction that they carry stays."""
    angle = math.radians(15)
    advantages = [advantage(angle, samples, aware=True) for samples in (400, 4000, 40_000)]
    assert advantages[0] > 0.05
    assert advantages == sorted(advantages, reverse=True)
    assert advantages[-1] < 0


def test_without_margin_all_that_passes_is_one_set() -> None:
    whole = [accuracy(Rows(0.5, 1.0, which, aware=False), 10**9, 50) for which in BOTH]
    assert whole[0] == pytest.approx(whole[1])
    assert whole[0] == pytest.approx(1 - 0.5 / np.pi, abs=1e-4), "the student becomes the generator"


@pytest.mark.parametrize(("angle", "rate"), [(0.0, 0.5), (2.0, 0.5), (0.5, 0.0), (math.pi / 2, 0.6)])
def test_what_cannot_be_kept_is_an_error(angle: float, rate: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        margins(Rows(angle, rate, "easy", aware=True))
