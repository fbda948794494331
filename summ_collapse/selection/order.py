"""In which order candidates are taken, best first. Cutting one order off at several rates gives selections that nest.

Equal input gives an equal order: ties go by a hash of (id, sample), draws by a hash of (seed, id, sample).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from summ_collapse.records import tie_break

Key = tuple[str, int]


@dataclass(frozen=True)
class Order:
    """What an order of candidates depends on; None where it has no part in it."""

    across: Literal["corpus", "document", "strata"] = "corpus"
    by: str | None = None  # strata: length, cluster, or a column of the examples
    strata: int | None = None  # how many lengths or clusters
    temperature: float | None = None
    near_duplicates: float | None = None


def selection_rows(candidates: int, rate: float) -> int:
    """How many candidates a rate keeps."""
    return round(candidates * rate)


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


def by_hash(purpose: str, keys: Sequence[Key]) -> np.ndarray:
    """Each row's place in an order drawn by hash of its key, (rows,) int64; every purpose draws another."""
    return places(np.argsort(tie_break(purpose, list(keys)), kind="stable"))


def ordered(scores: np.ndarray, keys: Sequence[Key], how: Order, seed: int, strata: np.ndarray | None) -> np.ndarray:
    """Each row's place under `how`, (rows,) int64; rows without a score come last.

    `strata` are labels, (rows,), where `how` asks for strata.
    """
    if how.temperature is not None:
        scores = softmax_draw(scores, keys, how.temperature, seed)
    ranks = ranking(scores, keys)
    unusable = np.isnan(scores)
    if how.across == "document":
        groups = np.unique([identifier for identifier, _ in keys], return_inverse=True)[1]
        within, _ = _within(groups, ranks)
        return places(np.lexsort((ranks, within, unusable)))
    if how.across == "strata":
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
    _, labels, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    starts = np.cumsum(sizes) - sizes
    return places(np.lexsort((ranks, labels))) - starts[labels], sizes[labels]
