"""The predictor: what it says at its fixed points, in which direction each part pulls, and that a fit finds what was planted."""

from dataclasses import replace

import numpy as np
import pytest

from summ_collapse.predict.measure import Judged
from summ_collapse.predict.predictor import (
    FITTED,
    SHIPPED,
    Coefficients,
    Features,
    fit,
    predict,
    predict_against_random,
    setting,
    shipped_for,
    weighted_error,
)
from summ_collapse.predict.verdict import predicted_verdict

GOOD = Features(kept=1600, weighted_error=0.1, coverage_loss=0.05, generator_error=0.6, slice_rows=400)


def test_as_much_perfect_data_as_real_data_makes_no_difference() -> None:
    found = predict(Features(400, 0.0, 0.0, 0.5, 400))
    assert found.delta == 0
    assert found.verdict == "undecided"
    assert found.probability == 0.5


def test_random_rows_make_no_difference_from_random_rows() -> None:
    assert predict_against_random(replace(GOOD, weighted_error=0.6, coverage_loss=0.0)).delta == pytest.approx(0)


def test_random_rows_lack_nothing_of_the_mixture() -> None:
    """Against them a selection that is no better than they are loses what it does not cover."""
    as_bad = replace(GOOD, weighted_error=0.6, coverage_loss=0.4)
    assert predict_against_random(as_bad).delta == pytest.approx(-FITTED.coverage * 0.4)
    better = replace(as_bad, weighted_error=0.1)
    assert predict_against_random(better).delta == pytest.approx(FITTED.error * 0.5 - FITTED.coverage * 0.4)


def test_more_rows_fewer_errors_and_more_coverage_help() -> None:
    best = predict(GOOD).delta
    assert predict(replace(GOOD, kept=800)).delta < best
    assert predict(replace(GOOD, weighted_error=0.3)).delta < best
    assert predict(replace(GOOD, coverage_loss=0.4)).delta < best


def test_verdicts_are_decided_where_the_interval_leaves_zero_out() -> None:
    for features in (GOOD, replace(GOOD, kept=8000), replace(GOOD, coverage_loss=2.0), replace(GOOD, weighted_error=0.9)):
        found = predict(features)
        assert found.low < found.delta < found.high
        expected = "helps" if found.low > 0 else "hurts" if found.high < 0 else "undecided"
        assert found.verdict == expected
        assert (found.probability > 0.9) == (expected == "helps")
        assert (found.probability < 0.1) == (expected == "hurts")


def test_few_labels_widen_the_interval() -> None:
    sure, unsure = predict(GOOD), predict(replace(GOOD, spread=0.2))
    assert unsure.high - unsure.low > sure.high - sure.low
    assert unsure.delta == sure.delta


def test_nothing_is_predicted_where_the_coefficients_were_not_shown_to_hold() -> None:
    assert shipped_for(setting("newswire", True, None)) == SHIPPED
    for elsewhere in (setting("newswire", False, "org/model"), setting("summarization", True, None)):
        assert shipped_for(elsewhere) is None
    wrong, kept = np.arange(100) % 4 == 0, np.arange(100) < 50
    judged = Judged(np.arange(100), wrong, 1.0 - wrong)
    measured = judged.measured(kept, 50, (np.zeros(100, int), kept), real=10)
    there, elsewhere_too = predicted_verdict(measured, SHIPPED), predicted_verdict(measured, None)
    assert there.against_real is not None
    assert (elsewhere_too.verdict, elsewhere_too.against_real, elsewhere_too.criterion) == (None, None, "p_star")
    assert elsewhere_too.p_star_verdict == there.p_star_verdict == "helps"


def test_a_fit_finds_planted_coefficients_and_their_residual() -> None:
    rng = np.random.default_rng(7)
    planted = Coefficients(amount=5.0, error=8.0, coverage=11.0, residual=1.5)
    features = [
        Features(int(rng.integers(200, 8000)), rng.uniform(), rng.exponential(0.3), 0.7, int(rng.integers(200, 800)))
        for _ in range(600)
    ]
    deltas = [predict(one, planted).delta + rng.normal(scale=1.5) for one in features]
    found = fit(features, deltas, [f"group {row % 20}" for row in range(600)])
    # The features are of order one and the rows 600: a coefficient's standard error is below 0.3 here.
    assert [found.amount, found.error, found.coverage] == pytest.approx([5.0, 8.0, 11.0], abs=1.5)
    assert found.residual == pytest.approx(1.5, abs=5 * 1.5 / np.sqrt(2 * 600))


def test_a_fit_of_too_few_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 4 groups"):
        fit([GOOD] * 9, [1.0] * 9, ["a", "b", "c"] * 3)


def test_what_is_shipped_has_the_signs_that_the_formula_states() -> None:
    assert min(FITTED.amount, FITTED.error, FITTED.coverage, FITTED.residual) > 0


def test_weighted_error_is_p_for_all_rows_and_the_kept_error_where_quality_is_right_or_wrong() -> None:
    rng = np.random.default_rng(2)
    quality = (rng.random(500) < 0.4).astype(float)
    wrong, kept, document = quality < 1, rng.random(500) < 0.3, np.arange(500)
    assert weighted_error(quality, wrong, np.ones(500, bool), document)[0] == pytest.approx(wrong.mean())
    assert weighted_error(quality, wrong, kept, document)[0] == pytest.approx(wrong[kept].mean())


def test_weighted_error_counts_a_near_miss_less_than_nonsense() -> None:
    wrong, kept, document = np.array([True, True, False, False]), np.array([True, False, True, False]), np.arange(4)
    near, far = (weighted_error(np.array([quality, 0.5, 1, 1]), wrong, kept, document)[0] for quality in (0.9, 0.1))
    assert near < wrong[kept].mean() < far
    assert weighted_error(np.ones(4), wrong & False, kept, document) == (0.0, 0.0)


def test_standard_error_of_the_weighted_error_is_that_of_many_samples() -> None:
    """400 samples of 1,500 documents with two equal candidates, a tenth of them kept: within 5 standard errors.

    A tenth of the kept rows' own variance goes into the mean over all rows, which the standard error takes as known.
    """
    rng = np.random.default_rng(9)
    document, kept = np.repeat(np.arange(1500), 2), np.repeat(np.arange(1500) % 10 == 0, 2)
    found = []
    for _ in range(400):
        quality = np.repeat(rng.beta(2, 2, 1500), 2)
        found.append(weighted_error(quality, quality < 2, kept, document))
    ratio = np.mean([spread for _, spread in found]) / np.std([value for value, _ in found])
    assert abs(ratio - 1) < 5 / np.sqrt(2 * 400) + 0.05


def test_few_perfect_rows_are_no_certainty() -> None:
    quality, kept = np.array([1.0, 1.0, 0.2, 0.2]), np.array([True, True, False, False])
    value, spread = weighted_error(quality, quality < 1, kept, np.arange(4))
    assert value == 0
    assert spread > 0.1
    with pytest.raises(ValueError, match="at least one kept row"):
        weighted_error(quality, quality < 1, kept & False, np.arange(4))


def test_a_verdict_is_decided_where_nine_in_ten_would_be_right() -> None:
    """Also just beyond the edge, where a slightly other level would say something else."""
    verdicts = set()
    for kept in np.geomspace(30, 6000, 400).astype(int):
        found = predict(Features(int(kept), 0.0, 0.0, 0.5, 400))
        assert found.verdict == ("helps" if found.probability > 0.9 else "hurts" if found.probability < 0.1 else "undecided")
        verdicts.add(found.verdict)
    assert verdicts == {"helps", "hurts", "undecided"}


def test_the_residual_is_that_of_groups_that_the_fit_has_not_seen() -> None:
    """One group alone tells the coefficient of coverage: left out, all that it does is missed."""
    rows = [(f"group {row % 4}", Features(400 * (1 + row), 0.1 * (row % 5), 0.0, 0.7, 400)) for row in range(16)]
    rows += [("narrow", Features(400, 0.0, 2.0, 0.7, 400))] * 4
    planted = Coefficients(amount=5.0, error=8.0, coverage=11.0, residual=1.0)
    found = fit([one for _, one in rows], [predict(one, planted).delta for _, one in rows], [group for group, _ in rows])
    assert found.coverage == pytest.approx(11.0)
    assert found.residual == pytest.approx(22 * np.sqrt(4 / 20))
