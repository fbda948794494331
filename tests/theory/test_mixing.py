"""Weights of real rows beside synthetic ones, for the mean of a Gaussian: closed forms, and every row drawn."""

import math

import numpy as np
import pytest
from scipy import optimize

from summ_collapse.theory.mixing import Weighing, error_after, limit_error, optimal, pooled, simulated, weight_of

RATIOS = [0.01, 0.1, 1.0, 4.0, 100.0]


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_optimum_is_the_least_of_the_limits_and_its_own_error(ratio: float) -> None:
    least = optimize.minimize_scalar(
        lambda w: limit_error(w, ratio), bounds=(1e-9, 1), method="bounded", options={"xatol": 1e-12}
    )
    assert optimal(ratio) == pytest.approx(least.x, abs=1e-6)
    assert optimal(ratio) == pytest.approx((math.sqrt(ratio**2 + 4 * ratio) - ratio) / 2, rel=1e-9)
    assert limit_error(optimal(ratio), ratio) == pytest.approx(optimal(ratio), rel=1e-12)
    assert limit_error(pooled(ratio), ratio) == pytest.approx((1 + ratio) / (2 + ratio), rel=1e-12)


def test_known_values() -> None:
    assert optimal(1) == pytest.approx((math.sqrt(5) - 1) / 2)
    assert optimal(1e12) == pytest.approx(1)
    gains = {ratio: limit_error(pooled(ratio), ratio) / optimal(ratio) for ratio in (0.1, 1)}
    assert gains == {0.1: pytest.approx(1.94, abs=0.005), 1: pytest.approx(1.08, abs=0.005)}
    assert [weight_of(how, 0.25) for how in ("pooled", "equal", 0.7)] == [pytest.approx(0.2), 0.5, 0.7]


@pytest.mark.parametrize("ratio", RATIOS)
def test_generations_tend_to_the_limit(ratio: float) -> None:
    for weight in (0.1, 0.5, optimal(ratio), 1.0):
        assert error_after(weight, ratio, 400) == pytest.approx(limit_error(weight, ratio), rel=1e-9)


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("how", ["pooled", "equal", "optimal"])
@pytest.mark.parametrize(("real", "synthetic"), [(2, 20), (10, 10), (12, 4)])
def test_drawn_rows_agree_within_four_standard_errors(how: Weighing, real: int, synthetic: int, same: bool) -> None:
    ratio = real / synthetic
    weight = weight_of(how, ratio)
    errors = simulated(weight, real, synthetic, generations=30, repetitions=4000, seed=7, same=same)
    standard_error = errors.std() / math.sqrt(len(errors))
    assert abs(errors.mean() - error_after(weight, ratio, 30, same)) < 4 * standard_error


@pytest.mark.parametrize("ratio", RATIOS)
def test_of_the_same_real_rows_nothing_beats_these_alone(ratio: float) -> None:
    errors = [error_after(weight, ratio, 10, same=True) for weight in np.linspace(0.05, 1, 20)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == 1


@pytest.mark.parametrize("weight", [0.0, -0.1, 1.5])
def test_a_weight_that_cannot_be_is_an_error(weight: float) -> None:
    with pytest.raises(ValueError, match=r"expected a weight of the real rows in \(0, 1\]"):
        limit_error(weight, 1.0)


@pytest.mark.parametrize("ratio", [0.0, -1.0, math.nan, math.inf])
def test_a_ratio_that_cannot_be_is_an_error(ratio: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        optimal(ratio)
