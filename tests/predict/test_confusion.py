"""p, phi, psi, p* and p' against their definitions."""

import numpy as np
import pytest

from summ_collapse.predict.confusion import Confusion


def test_estimates_are_the_definitions() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        wrong, kept = rng.random(400) < rng.uniform(0.1, 0.9), rng.random(400) < rng.uniform(0.1, 0.9)
        found = Confusion.of(wrong, kept).summary()
        p, phi, psi = wrong.mean(), kept[~wrong].mean(), kept[wrong].mean()
        assert found["p"] == pytest.approx(p)
        assert found["phi"] == pytest.approx(phi)
        assert found["psi"] == pytest.approx(psi)
        assert found["p_star"] == pytest.approx(1 / (1 + psi / phi))
        assert found["kept_error"] == pytest.approx(p * psi / ((1 - p) * phi + p * psi))
        assert found["kept_fraction"] == pytest.approx((1 - p) * phi + p * psi)


def test_below_the_breakdown_point_most_of_what_is_kept_is_right() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        wrong, kept = rng.random(300) < rng.uniform(0.1, 0.9), rng.random(300) < rng.uniform(0.1, 0.9)
        found = Confusion.of(wrong, kept).summary()
        assert (found["p"] < found["p_star"]) == (found["kept_error"] < 0.5)


def test_an_oracle_never_breaks_down_and_chance_does_at_one_half() -> None:
    assert Confusion(right=50, wrong=50, right_kept=20, wrong_kept=0).summary()["p_star"] == 1.0
    assert Confusion(right=60, wrong=40, right_kept=30, wrong_kept=20).summary()["p_star"] == pytest.approx(0.5)


def test_the_verdict_waits_for_the_interval() -> None:
    assert Confusion(500, 500, 300, 30).predicted() == "helps"
    assert Confusion(500, 500, 30, 300).predicted() == "hurts"
    assert Confusion(500, 500, 52, 48).predicted() == "undecided"


def test_what_cannot_be_estimated_is_none() -> None:
    found = Confusion(right=0, wrong=10, right_kept=0, wrong_kept=0).summary()
    assert found["phi"] is None
    assert found["p_star"] is None
    assert found["kept_error"] is None
