"""Is a selection better than keeping everything, or as many rows at random? The difference p' - p, with its interval.

Random rows are as often wrong as the pool they come from, so p is what both keeping all and a random selection of any size
have, and p' - p answers for both. All selections of a table are compared at once: the best of many is chosen, so that the
intervals hold for all of them together.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special

from summ_collapse.metrics.bootstrap import Interval

BETTER, WORSE, NOT_TOLD = "better than random", "worse than random", "not told apart"
# Of all intervals of a table at once. Either side may err in half of the rest: a table has a selection that is called better
# though it is not in 4% of cases, which leaves room below 5% for what the normal approximation misses.
LEVEL = 0.92
DRAWS = 20_000


@dataclass(frozen=True)
class Kept:
    """A pool's labelled rows and what selections keep of them: document (from 0), wrong, (rows,); kept, (selections, rows)."""

    document: np.ndarray
    wrong: np.ndarray
    kept: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """p' - p with its simultaneous interval, None where nothing labelled is kept; and how many labels would tell.

    `labels_needed` are labelled rows in all with which the interval would leave 0 out, were the difference what it is
    estimated to be; None where it is told already, or where nothing points to a selection that is better.
    """

    difference: Interval | None
    verdict: str
    labels_needed: int | None


def compare(pools: Sequence[Kept], level: float = LEVEL) -> list[list[Comparison]]:
    """A comparison for each selection of each pool; the intervals hold for all of them at once, with probability `level`.

    How far an interval has to reach is the quantile of the largest of all standardised errors (max-t; Hothorn, Bretz and
    Westfall 2008), which are normal with the correlations that the selections have by document: nested selections, or the
    same in strata, are one question asked twice and cost little. The interval of a difference is that of what is kept less
    what is dropped, put together from the intervals of both shares as Newcombe (1998) does, with the covariance that both
    have through common documents (Zou and Donner 2008). The shares' are Jeffreys', with the documents' design effect: unlike
    Wilson's they err as often on either side where shares are small (Cai 2005), and they do not collapse where no kept row
    is wrong. Pools (of other seeds) are taken as independent, which is the careful side where they share documents.
    """
    measured = [_Errors.of(pool) for pool in pools]
    reach = _reach([errors.correlation for errors in measured], level)
    return [[_comparison(errors, row, reach) for row in range(len(errors.kept_rows))] for errors in measured]


def best(pool: Kept) -> int | None:
    """The selection that is recommended of one pool, of several verifiers and rates: None where none is better for sure."""
    found = compare([pool])[0]
    return max(
        (row for row, one in enumerate(found) if one.verdict == BETTER), key=lambda row: certain_gain(found[row]), default=None
    )


def certain_gain(found: Comparison) -> float:
    """By how much p' is at least below p; minus infinity where it is not told to be."""
    return -found.difference.high if found.difference is not None and found.verdict == BETTER else -math.inf


@dataclass(frozen=True)
class _Errors:
    """Shares of wrong rows on both sides of each selection, with what their errors are, (selections,) each."""

    rows: int
    kept_rows: np.ndarray
    shares: np.ndarray  # (2, selections): of the kept, and of the dropped; nan where a side is empty
    effective: np.ndarray  # (2, selections): rows, less where a document's rows are alike
    shared: np.ndarray  # the correlation of both sides' errors
    correlation: np.ndarray  # (selections, selections), of the differences; 0 off the diagonal where nothing varies

    @classmethod
    def of(cls, pool: Kept) -> "_Errors":
        document, wrong, rows = pool.document, pool.wrong.astype(np.float64), len(pool.wrong)
        documents = int(document.max()) + 1 if rows else 0
        single = documents == rows
        selections = len(pool.kept)
        counts, shares = np.zeros((2, selections)), np.full((2, selections), np.nan)
        effective, shared = np.zeros((2, selections)), np.zeros(selections)
        influences = np.zeros((selections, documents), dtype=np.float32)
        for place, kept in enumerate(pool.kept):
            sides: list[np.ndarray] = []
            for side, chosen in enumerate((kept, ~kept)):
                count = int(chosen.sum())
                counts[side, place] = count
                if not count:
                    sides.append(np.zeros(documents))
                    continue
                share = float(wrong[chosen].mean())
                shares[side, place] = share
                errors = np.where(chosen, wrong - share, 0.0) / count
                by_document = errors if single else np.bincount(document, weights=errors, minlength=documents)
                sides.append(by_document)
                touched = count if single else len(np.unique(document[chosen]))
                effective[side, place] = _effective(share, count, touched, float((by_document**2).sum()), single)
            ours, theirs = sides
            if not single and (scale := math.sqrt((ours**2).sum() * (theirs**2).sum())):
                shared[place] = float((ours * theirs).sum()) / scale
            influences[place] = (ours - theirs) if counts[:, place].all() else 0.0
        return cls(rows, counts[0], shares, effective, shared, _correlation(influences))


def _effective(share: float, count: int, documents: int, variance: float, single: bool) -> float:
    """As many independent rows as know this share as well: `count`, or fewer where a document's rows are wrong together."""
    if single:
        return float(count)
    if variance == 0:  # all right or all wrong: nothing says how alike they are, so a document counts once
        return float(documents)
    return min(float(count), share * (1 - share) / variance)


def _correlation(influences: np.ndarray) -> np.ndarray:
    covariance = (influences @ influences.T).astype(np.float64)
    spread = np.sqrt(np.diag(covariance))
    scale = np.outer(spread, spread)
    found = np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 0)
    np.fill_diagonal(found, 1.0)
    return found


def _reach(correlations: Sequence[np.ndarray], level: float) -> float:
    """The `level` quantile of the largest absolute value of normal variables; blocks are independent of each other."""
    largest = np.zeros(DRAWS)
    start = 0
    for correlation in correlations:
        values, vectors = np.linalg.eigh(correlation)
        root = (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)
        drawn = np.abs(_normals(start, len(correlation)) @ root.T).max(axis=1, initial=0.0)
        largest = np.maximum(largest, drawn)
        start += len(correlation)
    return float(np.quantile(largest, level, method="weibull"))


@cache
def _normals(start: int, columns: int) -> np.ndarray:
    """Draws that depend on the columns' places alone, (DRAWS, columns): equal input, equal reach."""
    return np.random.default_rng([start, columns]).standard_normal((DRAWS, columns), dtype=np.float32)


def _comparison(errors: _Errors, row: int, reach: float) -> Comparison:
    (ours, theirs), kept = errors.shares[:, row], errors.kept_rows[row]
    if not kept:
        return Comparison(None, NOT_TOLD, None)
    if kept == errors.rows:
        return Comparison(Interval(0.0, 0.0, 0.0), NOT_TOLD, None)  # keeping all is keeping all
    (low, high), (their_low, their_high) = (
        _share_bounds(errors.shares[side, row], errors.effective[side, row], reach) for side in (0, 1)
    )
    shared = errors.shared[row]
    dropped, difference = 1 - kept / errors.rows, ours - theirs  # p' - p is what is kept less what is dropped, times this share
    below = _both(ours - low, their_high - theirs, shared)
    above = _both(high - ours, theirs - their_low, shared)
    found = Interval(*(float(dropped * value) for value in (difference, difference - below, difference + above)))
    verdict = BETTER if found.high < 0 else WORSE if found.low > 0 else NOT_TOLD
    needed = None
    if verdict == NOT_TOLD and difference < 0:
        needed = max(errors.rows + 1, math.ceil(errors.rows * (above / difference) ** 2))
    return Comparison(found, verdict, needed)


def _share_bounds(share: float, rows: float, reach: float) -> tuple[float, float]:
    """Jeffreys' interval of a share, as probable as `reach` standard errors.

    At 0 and 1 it reaches the boundary on one side and Clopper and Pearson's bound on the other (Brown, Cai and DasGupta 2001).
    """
    tail, ours, others = float(special.ndtr(-reach)), share * rows + 0.5, (1 - share) * rows + 0.5
    if share == 0:
        return 0.0, 1 - tail ** (1 / rows)
    if share == 1:
        return tail ** (1 / rows), 1.0
    low, high = special.betaincinv(ours, others, [tail, 1 - tail])
    return min(float(low), share), max(float(high), share)


def _both(one: float, other: float, correlation: float) -> float:
    return math.sqrt(max(0.0, one**2 + other**2 - 2 * correlation * one * other))
