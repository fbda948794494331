"""Intervals of p, phi, psi, p*, p' and kappa hold what they promise on planted data, also at the boundaries.

Tolerances are five standard errors of the number that is estimated; everything is seeded.
"""

import itertools
import math
from dataclasses import asdict

import numpy as np
import pytest

from summ_collapse.predict.confusion import ESTIMATED, Confusion
from summ_collapse.predict.posterior import SHARES, Patterns, intervals

LEVEL = 0.95
ROWS, REPETITIONS = 2000, 4000
# The package draws 4,000; with Weibull's plotting positions fewer draws make an interval noisier, not narrower.
DRAWS = 300
SETTINGS = [(0.5, 0.5, 0.5), (0.3, 0.8, 0.1), (0.77, 0.66, 0.02), (0.1, 0.3, 0.02), (0.9, 0.25, 0.1), (0.6, 0.97, 0.4)]


def truths(cells: np.ndarray) -> dict[str, float]:
    """The six quantities of expected cell counts, by their definitions."""
    right_kept, right_dropped, wrong_kept, wrong_dropped = cells / cells.sum()
    p, phi, psi = wrong_kept + wrong_dropped, right_kept / (right_kept + right_dropped), wrong_kept / (wrong_kept + wrong_dropped)
    kept = right_kept + wrong_kept
    return dict(zip(ESTIMATED, (p, phi, psi, 1 / (1 + psi / phi), wrong_kept / kept, kept), strict=True))


def coverage(patterns: Patterns, cells: np.ndarray, seed: int = 0) -> dict[str, float]:
    found = intervals(patterns, DRAWS, seed)
    return {
        name: float(((found[name].low <= truth) & (truth <= found[name].high)).mean()) for name, truth in truths(cells).items()
    }


def planted(p: float, phi: float, psi: float) -> np.ndarray:
    return np.array([(1 - p) * phi, (1 - p) * (1 - phi), p * psi, p * (1 - psi)])


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_intervals_cover_the_truth_as_often_as_they_say(setting: tuple[float, float, float]) -> None:
    cells = planted(*setting)
    counts = np.random.default_rng(SETTINGS.index(setting)).multinomial(ROWS, cells, REPETITIONS)
    tolerance = 5 * math.sqrt(LEVEL * (1 - LEVEL) / REPETITIONS)
    for name, covered in coverage(Patterns.of_counts(counts), cells).items():
        assert abs(covered - LEVEL) < tolerance, f"{name}: {covered}"


def test_candidates_of_one_document_that_share_its_fate_make_intervals_wider_and_these_cover() -> None:
    """Two candidates a document; half the documents are hard (nine in ten wrong), half easy (one in ten)."""
    documents, repetitions = 400, 2000
    shapes = [np.bincount(pair, minlength=4) for pair in itertools.combinations_with_replacement(range(4), 2)]
    chances = np.zeros(len(shapes))
    for p in (0.1, 0.9):
        one = planted(p, 0.7, 0.2)
        chances += [0.5 * one[first] * one[second] * (1 + (first != second)) for first, second in _pairs(shapes)]
    cells = chances @ np.array(shapes)
    counts = np.random.default_rng(6).multinomial(documents, chances, repetitions)
    together = Patterns(np.array(shapes, dtype=float), counts)
    tolerance = 5 * math.sqrt(LEVEL * (1 - LEVEL) / repetitions)
    for name, covered in coverage(together, cells).items():
        assert abs(covered - LEVEL) < tolerance, f"{name}: {covered}"
    apart = coverage(Patterns.of_counts(together.totals), cells)
    assert apart["p"] < LEVEL - tolerance, "rows taken for independent should cover too seldom"


def _pairs(shapes: list[np.ndarray]) -> list[tuple[int, int]]:
    return [tuple(np.repeat(np.arange(4), shape)) for shape in shapes]


@pytest.mark.parametrize("wrong", [1, 7, 200])
def test_none_of_n_has_the_one_sided_interval_of_clopper_and_pearson(wrong: int) -> None:
    """psi = 0 and with it p* = 1 and p' = 0; the bound is 1 - 0.05^(1/n), about 3/n."""
    found = Confusion(right=900, wrong=wrong, right_kept=300, wrong_kept=0).intervals(draws=40_000)
    bound = 1 - 0.05 ** (1 / wrong)
    assert (found.psi.mean, found.psi.low) == (0, 0)
    assert found.psi.high == pytest.approx(bound, rel=0.04)
    assert (found.p_star.mean, found.p_star.high) == (1, 1)
    assert 0 < found.p_star.low < 1
    assert (found.kept_error.low, found.kept_error.mean) == (0, 0)
    assert found.kept_error.high == pytest.approx(1 - 0.05 ** (1 / 300), rel=0.04)


def test_all_of_n_has_the_one_sided_interval_too() -> None:
    """phi = 1 with everything right kept; p = 1, phi unknown, where nothing is right."""
    found = Confusion(right=50, wrong=80, right_kept=50, wrong_kept=10).intervals(draws=40_000)
    assert (found.phi.mean, found.phi.high) == (1, 1)
    assert found.phi.low == pytest.approx(0.05 ** (1 / 50), rel=0.01)
    hopeless = Confusion(right=0, wrong=80, right_kept=0, wrong_kept=10).intervals(draws=40_000)
    assert (hopeless.p.mean, hopeless.p.high) == (1, 1)
    assert hopeless.p.low == pytest.approx(0.05 ** (1 / 80), rel=0.01)
    assert hopeless.phi is None
    assert hopeless.p_star is None


def test_interval_holds_its_estimate_and_is_never_empty() -> None:
    for counts in itertools.product((0, 1, 3, 50), repeat=4):
        found = intervals(Patterns.of_counts(np.array(counts)), draws=400)
        for name, estimates in found.items():
            if np.isnan(estimates.value):
                assert np.isnan(estimates.low), name
                assert np.isnan(estimates.high), name
            else:
                assert 0 <= estimates.low <= estimates.value <= estimates.high <= 1, (counts, name)
                assert estimates.low < estimates.high, (counts, name)


def test_boundary_covers_at_least_as_often_as_it_says() -> None:
    """Planted psi = 0 is always covered; a psi so small that most samples show none of it, nearly as often as stated."""
    always = np.random.default_rng(1).multinomial(300, planted(0.5, 0.6, 0.0), 500)
    assert coverage(Patterns.of_counts(always), planted(0.5, 0.6, 0.0))["psi"] == 1
    seldom = np.random.default_rng(2).multinomial(300, planted(0.5, 0.6, 0.005), 4000)
    assert (seldom[:, 2] == 0).mean() > 0.4
    assert coverage(Patterns.of_counts(seldom), planted(0.5, 0.6, 0.005))["psi"] > 0.93


def test_values_are_those_of_the_summary_and_order_is_the_designs() -> None:
    rng = np.random.default_rng(3)
    wrong, kept = rng.random(500) < 0.4, rng.random(500) < 0.3
    confusion = Confusion.of(wrong, kept)
    found, summary = confusion.intervals(), confusion.summary()
    assert list(asdict(found)) == list(ESTIMATED)
    for name in ESTIMATED:
        assert getattr(found, name).mean == pytest.approx(summary[name])
    assert found == confusion.intervals()
    assert set(SHARES) | {"p_star"} == set(ESTIMATED)


def test_documents_with_one_candidate_are_the_plain_counts_whatever_their_order() -> None:
    rng = np.random.default_rng(4)
    wrong, kept = rng.random(300) < 0.4, rng.random(300) < 0.3
    confusion = Confusion.of(wrong, kept)
    assert confusion.intervals(Patterns.of(rng.permutation(300), wrong, kept)) == confusion.intervals()


@pytest.mark.parametrize("candidates", [2, 5])
def test_patterns_count_documents_that_say_the_same(candidates: int) -> None:
    rng = np.random.default_rng(5)
    document = np.repeat(np.arange(40), candidates)
    wrong, kept = rng.random(len(document)) < 0.4, rng.random(len(document)) < 0.3
    patterns = Patterns.of(document, wrong, kept)
    assert patterns.documents.sum() == 40
    assert len(np.unique(patterns.cells, axis=0)) == len(patterns.cells)
    assert set(patterns.cells.sum(axis=1)) == {candidates}
    confusion = Confusion.of(wrong, kept)
    assert patterns.totals.tolist() == [
        confusion.right_kept,
        confusion.right - confusion.right_kept,
        confusion.wrong_kept,
        confusion.wrong - confusion.wrong_kept,
    ]


def test_documents_copied_k_times_over_know_no_more_than_one_candidate_each() -> None:
    rng = np.random.default_rng(7)
    wrong, kept = rng.random(300) < 0.4, rng.random(300) < 0.3
    once = Confusion.of(wrong, kept).intervals()
    patterns = Patterns.of(np.repeat(np.arange(300), 3), np.repeat(wrong, 3), np.repeat(kept, 3))
    thrice = Confusion.of(np.repeat(wrong, 3), np.repeat(kept, 3)).intervals(patterns)
    for name in ESTIMATED:
        for bound in ("low", "high"):
            assert getattr(getattr(thrice, name), bound) == pytest.approx(getattr(getattr(once, name), bound), abs=0.012), name


def test_copies_of_a_document_move_no_bound_at_the_boundary() -> None:
    """None of seven wrong documents is kept, however many equal candidates each of them has."""
    wrong = np.arange(300) < 7
    kept = ~wrong & (np.arange(300) % 3 == 0)
    patterns = Patterns.of(np.repeat(np.arange(300), 5), np.repeat(wrong, 5), np.repeat(kept, 5))
    found = Confusion.of(np.repeat(wrong, 5), np.repeat(kept, 5)).intervals(patterns, draws=40_000)
    assert found.psi.high == pytest.approx(1 - 0.05 ** (1 / 7), rel=0.04)
