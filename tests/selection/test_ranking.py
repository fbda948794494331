"""The order in which candidates are kept."""

import numpy as np

from summ_collapse.selection.order import ranking, selection_rows

KEYS = [(f"row-{index}", sample) for index in range(500) for sample in range(2)]


def test_the_best_score_comes_first_and_nan_last() -> None:
    scores = np.array([0.5, np.nan, 2.0, -np.inf, 1.0, np.inf])
    assert ranking(scores, KEYS[:6]).tolist() == [3, 5, 1, 4, 2, 0]


def test_every_rank_is_given_once() -> None:
    scores = np.random.default_rng(0).integers(0, 5, len(KEYS)).astype(float)
    assert sorted(ranking(scores, KEYS).tolist()) == list(range(len(KEYS)))


def test_ties_go_by_id_and_not_by_place() -> None:
    scores = np.zeros(len(KEYS))
    shuffled = np.random.default_rng(0).permutation(len(KEYS))
    ranks = ranking(scores, KEYS)
    assert ranking(scores, [KEYS[place] for place in shuffled]).tolist() == ranks[shuffled].tolist()
    # A tie-break that followed the source's order would keep the first half; this one keeps about half of each half.
    kept_of_first_half = int((ranks[: len(KEYS) // 2] < len(KEYS) // 2).sum())
    share, spread = len(KEYS) / 4, np.sqrt(len(KEYS)) / 4  # mean and standard deviation under a random order
    assert abs(kept_of_first_half - share) < 5 * spread


def test_a_rate_keeps_its_share() -> None:
    assert [selection_rows(7600, rate) for rate in (0.125, 0.25, 0.5, 1.0)] == [950, 1900, 3800, 7600]
    assert selection_rows(360, 0.3333333) == 120  # to the nearest whole row
