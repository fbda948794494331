"""Rank correlation and AUC against their definitions, and their intervals on planted data (tolerance: five standard errors)."""

import math

import numpy as np
import pytest
from scipy import special, stats

from summ_collapse.metrics.ranking import auc, phi_coefficient, spearman

LEVEL, REPETITIONS, ROWS = 0.95, 1000, 200
TOLERANCE = 5 * math.sqrt(LEVEL * (1 - LEVEL) / REPETITIONS)


def test_auc_is_the_chance_that_a_right_candidate_outranks_a_wrong_one() -> None:
    rng = np.random.default_rng(0)
    scores, right = rng.integers(0, 6, 60).astype(float), rng.random(60) < 0.4
    pairs = [(one > other) + 0.5 * (one == other) for one in scores[right] for other in scores[~right]]
    assert auc(scores, right, np.arange(60)).mean == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("copies", [1, 3])
def test_interval_of_auc_covers_the_truth_also_where_documents_repeat_themselves(copies: int) -> None:
    rng = np.random.default_rng(1)
    truth = special.ndtr(1 / math.sqrt(2))
    document = np.repeat(np.arange(ROWS), copies)
    covered = 0
    for _ in range(REPETITIONS):
        right = rng.random(ROWS) < 0.4
        scores = rng.normal(right, 1)
        found = auc(np.repeat(scores, copies), np.repeat(right, copies), document)
        covered += found.low <= truth <= found.high
    assert abs(covered / REPETITIONS - LEVEL) < TOLERANCE, covered


def test_auc_at_its_boundary_is_one_sided_and_none_without_both_sides() -> None:
    scores, right = np.arange(40.0), np.arange(40) >= 10
    best = auc(scores, right, np.arange(40))
    assert (best.mean, best.low, best.high) == (1.0, pytest.approx(0.05**0.1), 1.0)
    worst = auc(-scores, right, np.arange(40))
    assert (worst.mean, worst.low, worst.high) == (0.0, 0.0, pytest.approx(1 - 0.05**0.1))
    assert auc(scores, np.ones(40, dtype=bool), np.arange(40)) is None


def test_interval_of_spearman_covers_the_truth() -> None:
    rng = np.random.default_rng(2)
    correlation = 0.7
    truth = 6 / math.pi * math.asin(correlation / 2)  # of the bivariate normal (Pearson 1907)
    covered = 0
    for _ in range(REPETITIONS):
        one = rng.normal(size=ROWS)
        other = correlation * one + math.sqrt(1 - correlation**2) * rng.normal(size=ROWS)
        found = spearman(one, other, ROWS)
        covered += found.low <= truth <= found.high
    assert abs(covered / REPETITIONS - LEVEL) < TOLERANCE, covered


def test_spearman_is_scipys_and_none_where_nothing_varies() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.integers(0, 9, 50).astype(float), rng.integers(0, 9, 50).astype(float)
    assert spearman(one, other, 50).mean == pytest.approx(stats.spearmanr(one, other).statistic)
    assert spearman(one, np.ones(50), 50) is None
    assert spearman(one[:3], other[:3], 3) is None


def test_phi_coefficient_is_the_correlation_of_two_yes_and_noes() -> None:
    first, second = np.array([True, True, False, False]), np.array([True, False, False, False])
    assert phi_coefficient(first, second) == pytest.approx(1 / math.sqrt(3))
    assert phi_coefficient(first, np.ones(4, dtype=bool)) is None


def test_spearman_is_as_wide_as_the_documents_are_few() -> None:
    rng = np.random.default_rng(4)
    one, other = rng.normal(size=(2, 60))
    wide, narrow = spearman(one, other, 20), spearman(one, other, 60)
    ratio = (math.atanh(wide.high) - math.atanh(wide.mean)) / (math.atanh(narrow.high) - math.atanh(narrow.mean))
    assert ratio == pytest.approx(math.sqrt(57 / 17))
