"""The predictor: what it says at its fixed points, in which direction each part pulls, and that a fit finds what was planted."""

from dataclasses import replace

import numpy as np
import pytest

from summ_collapse.theory.predictor import (
    FITTED,
    Coefficients,
    Evidence,
    fit,
    labels_needed,
    predict,
    predict_against_random,
)

GOOD = Evidence(kept=1600, kept_error=0.1, coverage_loss=0.05, generator_error=0.6, slice_rows=400)


def test_as_much_perfect_data_as_real_data_makes_no_difference() -> None:
    found = predict(Evidence(400, 0.0, 0.0, 0.5, 400))
    assert found.delta == 0
    assert found.verdict == "undecided"
    assert found.probability == 0.5


def test_random_rows_make_no_difference_from_random_rows() -> None:
    assert predict_against_random(replace(GOOD, kept_error=0.6, coverage_loss=0.0)).delta == pytest.approx(0)


def test_more_rows_fewer_errors_and_more_coverage_help() -> None:
    best = predict(GOOD).delta
    assert predict(replace(GOOD, kept=800)).delta < best
    assert predict(replace(GOOD, kept_error=0.3)).delta < best
    assert predict(replace(GOOD, coverage_loss=0.4)).delta < best


def test_verdicts_are_decided_where_the_interval_leaves_zero_out() -> None:
    for evidence in (GOOD, replace(GOOD, kept=8000), replace(GOOD, coverage_loss=2.0), replace(GOOD, kept_error=0.9)):
        found = predict(evidence)
        assert found.low < found.delta < found.high
        expected = "helps" if found.low > 0 else "hurts" if found.high < 0 else "undecided"
        assert found.verdict == expected
        assert (found.probability > 0.9) == (expected == "helps")
        assert (found.probability < 0.1) == (expected == "hurts")


def test_few_labels_widen_the_interval() -> None:
    sure, unsure = predict(GOOD), predict(replace(GOOD, kept_error_spread=0.2))
    assert unsure.high - unsure.low > sure.high - sure.low
    assert unsure.delta == sure.delta


def test_labels_that_are_needed_decide_it_and_half_of_them_do_not() -> None:
    evidence = replace(GOOD, kept=6000, coverage_loss=0.0)
    needed = labels_needed(evidence)
    assert needed is not None

    def verdict(labels: int) -> str:
        return predict(replace(evidence, kept_error_spread=float(np.sqrt(0.1 * 0.9 / labels)))).verdict

    assert verdict(needed) == "helps"
    assert needed == 1 or verdict(max(1, needed // 2)) == "undecided"


def test_no_number_of_labels_makes_up_for_a_formula_that_is_not_sure() -> None:
    assert labels_needed(Evidence(420, 0.0, 0.0, 0.5, 400)) is None


def test_a_fit_finds_planted_coefficients_and_their_residual() -> None:
    rng = np.random.default_rng(7)
    planted = Coefficients(amount=5.0, error=8.0, coverage=11.0, residual=1.5)
    evidence = [
        Evidence(int(rng.integers(200, 8000)), rng.uniform(), rng.exponential(0.3), 0.7, int(rng.integers(200, 800)))
        for _ in range(600)
    ]
    deltas = [predict(one, planted).delta + rng.normal(scale=1.5) for one in evidence]
    found = fit(evidence, deltas, [f"group {row % 20}" for row in range(600)])
    # The features are of order one and the rows 600: a coefficient's standard error is below 0.3 here.
    assert [found.amount, found.error, found.coverage] == pytest.approx([5.0, 8.0, 11.0], abs=1.5)
    assert found.residual == pytest.approx(1.5, abs=5 * 1.5 / np.sqrt(2 * 600))


def test_a_fit_of_too_few_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 4 groups"):
        fit([GOOD] * 9, [1.0] * 9, ["a", "b", "c"] * 3)


def test_what_is_shipped_has_the_signs_that_the_formula_states() -> None:
    assert min(FITTED.amount, FITTED.error, FITTED.coverage, FITTED.residual) > 0
