"""Which step of a text made the difference: what is to be expected before and after each, and where that falls.

Q of a prefix is the mean score of what the model makes of it when it goes on from there; the advantage of a step is Q behind it
less Q before it (Setlur et al. 2024, section 4). A first step with a clearly negative advantage is called the pit.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def worst(ids: Sequence[str], values: Floats, margin: float, each: int) -> np.ndarray:
    """Rows that score less than the mean of their document's others, by `margin` or more: up to `each` a document, least first.

    (rows,) int64 in source order. Documents with one row have no others. NaN is of no row's mean, and no such row is taken.
    """
    below = others_mean(ids, values) - values
    order = np.lexsort((np.arange(len(values)), values))
    taken: dict[str, int] = {}
    found = []
    for row in order[np.nan_to_num(below[order], nan=-np.inf) >= margin].tolist():
        if taken.get(ids[row], 0) < each:
            taken[ids[row]] = taken.get(ids[row], 0) + 1
            found.append(row)
    return np.array(sorted(found), dtype=np.int64)


def others_mean(ids: Sequence[str], values: Floats) -> Floats:
    """The mean score of a document's other rows, (rows,) float64: what the prompt alone let expect. NaN where there is none."""
    known = ~np.isnan(values)
    _, places = np.unique(np.asarray(ids, dtype=object).astype(str), return_inverse=True)
    counts = np.bincount(places, weights=known)[places] - known
    totals = np.bincount(places, weights=np.where(known, values, 0.0))[places] - np.where(known, values, 0.0)
    found: Floats = np.divide(totals, counts, out=np.full(len(values), np.nan), where=counts > 0)
    return found


def advantages(expected: Sequence[float]) -> Floats:
    """Of every step, (steps,): Q behind it less Q before it; `expected` begins with Q of the prompt and ends with the score."""
    found: Floats = np.diff(np.asarray(expected, dtype=np.float64))
    return found


def pit(found: Floats, fall: float) -> int | None:
    """The first step whose advantage is -`fall` or less, counted from 0; None where there is none."""
    steps = np.flatnonzero(found <= -fall)
    return int(steps[0]) if len(steps) else None
