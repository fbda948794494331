"""Which of the rows that a verifier passes are kept: the easiest, the hardest, those between, or some of each.

How easy a row is says a second score, higher for easier: its likelihood under the base, its length, how common its kind is.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from summ_collapse.selection.order import Key, places, ranking

Keep = Literal["easiest", "middle", "hardest", "spread"]


def kept_first(keep: Keep, passed: np.ndarray, ease: np.ndarray, keys: Sequence[Key]) -> np.ndarray:
    """Each row's place, (rows,) int64: those that passed in the order of `keep`, behind them all others, each once.

    passed: (rows,) bool; ease: (rows,) float64, NaN for a row that is not rated, which comes behind those that are.
    """
    rated = passed & ~np.isnan(ease)
    rank = np.full(len(passed), len(passed), dtype=np.int64)
    rank[rated] = ranking(np.where(rated, ease, np.nan), keys)[rated]
    count = int(rated.sum())
    order = {"easiest": rank, "hardest": -rank, "middle": np.abs(2 * rank - (count - 1)), "spread": _spread(rank, count)}[keep]
    return places(np.lexsort((rank, order, ~rated)))


def _spread(rank: np.ndarray, count: int) -> np.ndarray:
    """An order whose every prefix covers all ranks evenly: van der Corput's, by the reversed bits of each rank's share."""
    bits = max(1, int(np.ceil(np.log2(max(2, count)))))
    found = np.zeros(len(rank), dtype=np.int64)
    for bit in range(bits):
        found |= ((rank >> bit) & 1) << (bits - 1 - bit)
    return found
