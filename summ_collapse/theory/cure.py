"""Rounds to cure: how often a verifier has to select before most of what is kept is right.

A selection multiplies the odds of being wrong by psi / phi. Where both stay as they are, and a student errs as often as what it
learnt from, round t leaves odds(p') = odds(p) (psi / phi)^t: below 1 once t > t* = ln odds(p) / ln(phi / psi).
"""

import math

from summ_collapse.theory.ranges import require


def rounds_to_cure(p: float, phi: float, psi: float) -> float:
    """t*, as above: not above 0 where most is right already; inf where no number of rounds does it, as with phi <= psi.

    p, phi and psi lie in [0, 1], and something is kept.
    """
    for share in (p, phi, psi):
        require(0 <= share <= 1, share, "p, phi and psi lie in [0, 1]")
    require(phi + psi > 0, phi + psi, "something is kept")
    if p in (0, 1):
        return math.copysign(math.inf, p - 0.5)
    logarithm = math.log(p / (1 - p))
    if psi == 0:
        return 0.0 if logarithm >= 0 else -math.inf
    if phi <= psi:
        return math.inf if logarithm >= 0 else -math.inf
    return logarithm / math.log(phi / psi)


def first_cured(p: float, phi: float, psi: float) -> float:
    """The first round, from 1 on, whose kept rows are mostly right: the next whole number above t*; inf where none is."""
    found = rounds_to_cure(p, phi, psi)
    return math.inf if found == math.inf else max(1.0, math.floor(found) + 1.0) if math.isfinite(found) else 1.0
