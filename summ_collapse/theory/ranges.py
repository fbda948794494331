"""The one way in which the theory refuses what lies outside a range."""

import numpy as np
import numpy.typing as npt

# Whole numbers up to here are exact in float64, and counts of them fit in 64 bits.
MOST_SAMPLES = 10**15


def require(allowed: npt.ArrayLike, values: npt.ArrayLike, expected: str) -> None:
    """ValueError that says what was expected, and the first of the values that is not allowed, unless all are."""
    wrong = np.asarray(values)[~np.asarray(allowed, dtype=bool)]
    if wrong.size:
        first = wrong.flat[0]
        raise ValueError(f"{expected}, got {first:,}" if isinstance(first, int | np.integer) else f"{expected}, got {first:g}")
