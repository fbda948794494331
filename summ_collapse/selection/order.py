"""In which order candidates are taken, best first. Cutting one order off at several rates gives selections that nest.

Equal input gives an equal order: ties go by a hash of (id, sample), draws by a hash of (seed, id, sample).
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from summ_collapse.records import tie_break

Key = tuple[str, int]
SHINGLE = 3  # words
ROUNDING = 1e-9  # of a product of floats that may be a whole number


def ranking(scores: np.ndarray, keys: Sequence[Key]) -> np.ndarray:
    """Each row's place from the best score down, (rows,) int64; NaN comes last."""
    return ranked(scores, lambda: tie_break("ties", list(keys)))


def ranked(scores: np.ndarray, ties: Callable[[], np.ndarray]) -> np.ndarray:
    """`ranking` by a hash of every key, (rows,), that `ties` gives: most of the cost, and asked for only where scores tie."""
    unusable = np.isnan(scores)
    worst_last = np.where(unusable, np.inf, -scores)
    order = np.argsort(worst_last)
    if unusable.any() or (worst_last[order][1:] == worst_last[order][:-1]).any():
        order = np.lexsort((ties(), worst_last, unusable))
    return places(order)


def places(order: np.ndarray) -> np.ndarray:
    """The place of each row in an order of rows, (rows,) int64."""
    found = np.empty(len(order), dtype=np.int64)
    found[order] = np.arange(len(order))
    return found


def ordered(scores: np.ndarray, keys: Sequence[Key], how: Mapping[str, Any], seed: int, strata: np.ndarray | None) -> np.ndarray:
    """Each row's place under `how` (a recipe's `selection`), (rows,) int64; rows without a score come last.

    `strata` are labels, (rows,), where `how` asks for strata.
    """
    if "temperature" in how:
        scores = softmax_draw(scores, keys, how["temperature"], seed)
    ranks = ranking(scores, keys)
    unusable = np.isnan(scores)
    if how["across"] == "document":
        groups = np.unique([identifier for identifier, _ in keys], return_inverse=True)[1]
        within, _ = _within(groups, ranks)
        return places(np.lexsort((ranks, within, unusable)))
    if how["across"] == "strata":
        assert strata is not None, "strata were not given"
        return merged_strata(ranks, strata, unusable)
    return ranks


def merged_strata(ranks: np.ndarray, strata: np.ndarray, unusable: np.ndarray) -> np.ndarray:
    """An order whose every prefix keeps the strata's mixture, each stratum's best first; (rows,) int64, unusable rows last."""
    within, sizes = _within(np.where(unusable, -1, strata), ranks)
    # A row stands in the middle of its place's share of its stratum.
    return places(np.lexsort((ranks, (within + 0.5) / sizes, unusable)))


def softmax_draw(scores: np.ndarray, keys: Sequence[Key], temperature: float, seed: int) -> np.ndarray:
    """Scores whose order is a draw without replacement by softmax(score / (temperature x standard deviation)).

    Gumbel noise on the logits gives it (Kool et al. 2019, "Stochastic beams and where to find them"); (rows,) float64.
    """
    uniform = (tie_break(f"softmax {seed}", list(keys)).astype(np.float64) + 0.5) / 2.0**64
    finite = np.isfinite(scores)
    spread = scores[finite].std() if finite.any() else 0.0
    logits = scores / (temperature * spread) if spread > 0 else np.where(np.isnan(scores), np.nan, 0.0)
    return logits - np.log(-np.log(np.clip(uniform, 1e-300, 1 - 1e-16)))


def _within(groups: np.ndarray, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row's place in its group by rank, and the size of its group, (rows,) int64 each."""
    order = np.lexsort((ranks, groups))
    starts = np.flatnonzero(np.diff(groups[order], prepend=groups[order][:1] - 1))
    counts = np.diff(starts, append=len(order))
    within = np.empty(len(order), dtype=np.int64)
    within[order] = np.arange(len(order)) - np.repeat(starts, counts)
    sizes = np.empty(len(order), dtype=np.int64)
    sizes[order] = np.repeat(counts, counts)
    return within, sizes


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
