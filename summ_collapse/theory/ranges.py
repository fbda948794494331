"""The one way in which the theory refuses what lies outside a range."""

import numpy as np
import numpy.typing as npt

# Whole numbers up to here are exact in float64, and counts of them fit in 64 bits.
MOST_SAMPLES = 10**15
# What the largest array of a simulation may take.
LARGEST_BYTES = 2 << 30


def require(allowed: npt.ArrayLike, values: npt.ArrayLike, expected: str) -> None:
    """ValueError that says what was expected, and the first of the values that is not allowed, unless all are."""
    wrong = np.asarray(values)[~np.asarray(allowed, dtype=bool)]
    if wrong.size:
        first = wrong.flat[0]
        raise ValueError(f"{expected}, got {first:,}" if isinstance(first, int | np.integer) else f"{expected}, got {first:g}")


def require_memory(size: int, taken: str) -> None:
    """ValueError unless an array of that many bytes fits; `taken` says what takes it."""
    if size > LARGEST_BYTES:
        raise ValueError(f"{taken} {size / 2**30:.1f} GiB here, and {LARGEST_BYTES >> 30} are the most")
