"""pass@k: the chance that one of k answers to a problem is right, estimated from n of them (Chen et al. 2021, eq. 1)."""

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

Floats = npt.NDArray[np.float64]


def pass_at(k: int, attempts: int, right: np.ndarray) -> Floats:
    """1 - C(n - c, k) / C(n, k) for each problem, (problems,) float64, of `attempts` n and `right` c; k is at most n.

    Unbiased: the share of draws of k of the n attempts that hold a right one.
    """
    if not 1 <= k <= attempts:
        raise ValueError(f"expected a k between 1 and {attempts}, the attempts, got {k}")
    wrong = attempts - np.asarray(right, dtype=np.float64)
    enough = wrong >= k  # else every draw holds a right one
    left = np.where(enough, wrong, k)
    none = np.exp(gammaln(left + 1) - gammaln(left - k + 1) - gammaln(attempts + 1) + gammaln(attempts - k + 1))
    found: Floats = 1 - np.where(enough, none, 0.0)
    return found


def powers_up_to(attempts: int) -> list[int]:
    """1, 2, 4 and so on, and the attempts themselves where they are such a power."""
    return [1 << power for power in range(attempts.bit_length()) if 1 << power <= attempts]
