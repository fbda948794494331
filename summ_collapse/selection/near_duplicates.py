"""Candidates that say almost the same as a better one."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

SHINGLE = 3  # words
ROUNDING = 1e-9  # of a product of floats that may be a whole number


def near_duplicates(texts: Sequence[str], ranks: np.ndarray, similarity: float) -> np.ndarray:
    """Whether a row's word trigrams have at least this Jaccard similarity with a row's that is ranked above it and kept.

    (rows,) bool. Sets that are so similar share one of their rarest items, however few are looked at beside what a
    difference may take (the prefix filter of Bayardo et al. 2007); those pairs are compared in full.
    """
    shingles = [_shingles(text) for text in texts]
    frequency = Counter(shingle for ours in shingles for shingle in ours)
    repeated = np.zeros(len(texts), dtype=bool)
    kept_with: dict[str, list[int]] = {}
    for row in np.argsort(ranks).tolist():
        ours = shingles[row]
        rarest = sorted(ours, key=lambda shingle: (frequency[shingle], shingle))
        rarest = rarest[: len(ours) - math.ceil(similarity * len(ours) - ROUNDING) + 1]
        others = {other for shingle in rarest for other in kept_with.get(shingle, ())}
        if any(_jaccard(ours, shingles[other]) >= similarity for other in others):
            repeated[row] = True
            continue
        for shingle in rarest:
            kept_with.setdefault(shingle, []).append(row)
    return repeated


def _shingles(text: str) -> frozenset[str]:
    words = text.casefold().split()
    return frozenset(" ".join(words[start : start + SHINGLE]) for start in range(max(1, len(words) - SHINGLE + 1)))


def _jaccard(ours: frozenset[str], theirs: frozenset[str]) -> float:
    return len(ours & theirs) / len(ours | theirs)
