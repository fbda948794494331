"""Selections compared with keeping all: intervals that hold for a whole table, and the corners where nothing varies."""

import math

import numpy as np
import pytest

from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.predict.comparison import BETTER, LEVEL, NOT_TOLD, WORSE, Comparison, Kept, best, certain_gain, compare

ROWS, RATES = 1000, (0.125, 0.25, 0.5)


def table(seed: int, p: float, shifts: tuple[float, ...], rows: int = ROWS, copies: int = 1) -> Kept:
    """Verifiers whose scores are higher by a shift where a candidate is right; `copies` equal candidates a document."""
    rng = np.random.default_rng(seed)
    wrong = np.repeat(rng.random(rows) < p, copies)
    kept = []
    for shift in shifts:
        scores = np.repeat(rng.standard_normal(rows), copies) + shift * ~wrong
        ranks = np.argsort(np.argsort(-scores, kind="stable"))
        kept += [ranks < round(rate * len(wrong)) for rate in RATES]
    return Kept(np.repeat(np.arange(rows), copies), wrong, np.array(kept))


@pytest.mark.parametrize(("p", "copies"), [(0.05, 1), (0.5, 1), (0.9, 1), (0.3, 3)])
def test_a_table_of_useless_verifiers_seldom_tells_any_apart(p: float, copies: int) -> None:
    """400 tables of nine selections: at most 8% have one that is told apart by chance, within four standard errors."""
    told = [
        any(one.verdict != NOT_TOLD for one in compare([table(seed, p, (0.0, 0.0, 0.0), 400, copies)])[0]) for seed in range(400)
    ]
    assert np.mean(told) < 1 - LEVEL + 4 * np.sqrt(LEVEL * (1 - LEVEL) / 400)


def test_intervals_hold_the_true_differences_of_a_whole_table() -> None:
    """400 tables; true differences from 20 million rows. At least 92% hold all six, within four standard errors."""
    shifts = (0.3, -0.5)
    truth = [one.difference.mean for one in compare([table(10_000, 0.3, shifts, 1_000_000)])[0] if one.difference]
    held = []
    for seed in range(400):
        found = [one.difference for one in compare([table(seed, 0.3, shifts)])[0]]
        held.append(all(one is not None and one.low <= true <= one.high for one, true in zip(found, truth, strict=True)))
    assert np.mean(held) > LEVEL - 4 * np.sqrt(LEVEL * (1 - LEVEL) / 400)


def test_differences_are_from_p_and_their_signs_are_the_verdicts() -> None:
    pool = table(3, 0.3, (1.5, -1.5))
    found = compare([pool])[0]
    assert [one.verdict for one in found] == [BETTER] * 3 + [WORSE] * 3
    for one, kept in zip(found, pool.kept, strict=True):
        assert one.difference is not None
        assert one.difference.mean == pytest.approx(pool.wrong[kept].mean() - pool.wrong.mean())
        assert one.labels_needed is None
    chosen = best(pool)
    assert chosen is not None
    assert chosen < 3
    assert best(table(3, 0.3, (-1.5,))) is None


def test_more_selections_and_more_seeds_make_intervals_wider() -> None:
    one, more = table(4, 0.3, (0.5,)), table(4, 0.3, (0.5, 0.0, 0.0))
    alone, beside, seeds = compare([one])[0][0], compare([more])[0][0], compare([one, more])[0][0]
    widths = [found.difference.high - found.difference.low for found in (alone, beside, seeds) if found.difference]
    assert widths == sorted(widths)
    assert widths[0] < widths[1] < widths[2]


def test_equal_candidates_of_a_document_count_once() -> None:
    once, thrice = (compare([table(5, 0.3, (0.5,), 600, copies)])[0][1].difference for copies in (1, 3))
    assert once is not None
    assert thrice is not None
    assert thrice.mean == pytest.approx(once.mean)
    assert thrice.high - thrice.low == pytest.approx(once.high - once.low, rel=0.05)


def test_nothing_wrong_nothing_kept_and_everything_kept_are_not_told_apart() -> None:
    wrong = np.zeros(20, bool)
    kept = np.array([np.zeros(20, bool), np.ones(20, bool), np.arange(20) < 5])
    nothing, everything, some = compare([Kept(np.arange(20), wrong, kept)])[0]
    assert nothing.difference is None
    assert everything.difference is not None
    assert everything.difference.low == everything.difference.high == 0
    assert some.difference is not None
    assert some.difference.low < 0 < some.difference.high
    assert {one.verdict for one in (nothing, everything, some)} == {NOT_TOLD}
    assert compare([Kept(np.arange(20), wrong, kept[:0])]) == [[]]


def test_as_many_labels_as_are_needed_tell_and_half_of_them_do_not() -> None:
    """The same shares in more rows: what is asked for decides, within a tenth for the changing shape of the shares' intervals."""
    pool = table(6, 0.3, (0.25,), 300)
    found = compare([pool])[0][2]
    assert found.verdict == NOT_TOLD
    assert found.labels_needed is not None

    def verdict(rows: float) -> str:
        times = rows / 300
        counts = {
            (wrong, kept): round(times * int(((pool.wrong == wrong) & (pool.kept[2] == kept)).sum()))
            for wrong in (True, False)
            for kept in (True, False)
        }
        wrong = np.concatenate([np.full(count, key[0]) for key, count in counts.items()])
        kept = np.concatenate([np.full(count, key[1]) for key, count in counts.items()])
        return compare([Kept(np.arange(len(wrong)), wrong, kept[None])])[0][0].verdict

    # One selection alone needs less than the three that the number was asked for.
    assert verdict(1.1 * found.labels_needed) == BETTER
    assert verdict(0.4 * found.labels_needed) == NOT_TOLD


def test_of_better_selections_the_surest_counts_for_most_and_not_the_one_that_looks_best() -> None:
    sure = Comparison(Interval(-0.2, -0.25, -0.15), BETTER, None)
    looks_best = Comparison(Interval(-0.3, -0.55, -0.05), BETTER, None)
    assert (certain_gain(sure), certain_gain(looks_best)) == (0.15, 0.05)
    assert certain_gain(Comparison(Interval(-0.3, -0.7, 0.1), NOT_TOLD, 50)) == -math.inf
    assert certain_gain(Comparison(None, NOT_TOLD, None)) == -math.inf
