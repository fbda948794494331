"""A certificate: at most so large a share of what a selection keeps is wrong, with so much confidence.

Labels are a simple random sample of what is kept, so the number of wrong ones is binomial (hypergeometric, which is narrower) and
the bound exact (Clopper and Pearson 1934). Several rates are tested in a fixed order, the strictest first, each with the whole
error, up to the first that cannot be certified: whichever is then chosen, the promise is broken in at most 1 - confidence of
pools (Westfall and Krishen 2001). Several verifiers share the error evenly.

    certified([Drawn(0.125, 59, 0), Drawn(0.25, 80, 3)], wrong_below=0.05, confidence=0.95)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from summ_collapse.metrics.bootstrap import share_interval

MOST = 1_000_000  # labels that nobody will make


@dataclass(frozen=True)
class Drawn:
    """Labels inside what a rate keeps, and how many of them are wrong."""

    rate: float
    labels: int
    wrong: int


@dataclass(frozen=True)
class Certificate:
    """What can be promised of one rate; `bound` is None where a stricter rate failed and this one was not tested."""

    rate: float
    labels: int
    wrong: int
    bound: float | None
    certified: bool
    more_labels: int | None  # without a wrong one among them, that would certify it; None where it is, or none would


def upper_bound(wrong: int, labels: int, confidence: float) -> float:
    """The share that is not exceeded with `confidence`, one-sided; 1 without labels."""
    return share_interval(wrong, labels, 2 * confidence - 1).high


def certified(drawn: Sequence[Drawn], wrong_below: float, confidence: float) -> list[Certificate]:
    """A certificate a rate, the strictest first."""
    found: list[Certificate] = []
    tested = True
    for one in sorted(drawn, key=lambda one: one.rate):
        bound = upper_bound(one.wrong, one.labels, confidence) if tested else None
        holds = bound is not None and bound <= wrong_below
        more = None if holds else _more(one, wrong_below, confidence)
        found.append(Certificate(one.rate, one.labels, one.wrong, bound, holds, more))
        tested = holds
    return found


def labels_needed(wrong: int, wrong_below: float, confidence: float) -> int:
    """The fewest labels that certify with so many wrong ones among them."""
    low, high = wrong + 1, MOST
    while low < high:
        middle = (low + high) // 2
        if upper_bound(wrong, middle, confidence) <= wrong_below:
            high = middle
        else:
            low = middle + 1
    return low


def _more(one: Drawn, wrong_below: float, confidence: float) -> int | None:
    needed = labels_needed(one.wrong, wrong_below, confidence)
    return None if needed >= MOST else max(0, needed - one.labels)
