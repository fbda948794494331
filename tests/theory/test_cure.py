"""Rounds to cure against multiplying the odds, round after round."""

import math

import numpy as np
import pytest

from summ_collapse.theory.cure import first_cured, rounds_to_cure


def literal(p: float, phi: float, psi: float, most: int = 1000) -> float:
    """The first of `most` rounds after which most of what is kept is right."""
    for round_ in range(1, most + 1):
        p = p * psi / ((1 - p) * phi + p * psi)
        if p < 0.5:
            return round_
    return math.inf


def test_the_first_cured_round_is_the_literal_one() -> None:
    rng = np.random.default_rng(5)
    for _ in range(500):
        p, phi, psi = rng.uniform(0.02, 0.98, 3)
        if abs(math.log(phi / psi)) > 0.01:  # else a thousand rounds say nothing
            expected = literal(p, phi, psi)
            found = first_cured(p, phi, psi)
            if p >= 0.5:
                assert found == expected, (p, phi, psi)
            else:  # cured before the first round; a verifier worse than none undoes that in time
                assert found == 1


@pytest.mark.parametrize(
    ("p", "phi", "psi", "t_star", "first"),
    [
        (0.8, 0.4, 0.2, 2.0, 3),  # odds 4, halved twice: even odds are no cure yet
        (0.7, 0.5, 0.0, 0.0, 1),
        (0.7, 0.3, 0.3, math.inf, math.inf),
        (0.7, 0.2, 0.4, math.inf, math.inf),
        (1.0, 0.5, 0.1, math.inf, math.inf),
        (0.0, 0.5, 0.1, -math.inf, 1),
        (0.5, 0.4, 0.2, 0.0, 1),
    ],
)
def test_edges(p: float, phi: float, psi: float, t_star: float, first: float) -> None:
    assert rounds_to_cure(p, phi, psi) == pytest.approx(t_star)
    assert first_cured(p, phi, psi) == first


def test_what_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
        rounds_to_cure(1.2, 0.5, 0.5)
    with pytest.raises(ValueError, match="something is kept"):
        rounds_to_cure(0.6, 0.0, 0.0)
