"""How well scores order candidates: rank correlation with a metric, and the chance that a right one outranks a wrong one."""

import math

import numpy as np
from scipy import special, stats

from summ_collapse.metrics.bootstrap import Interval

Z95 = 1.959963984540054


def spearman(scores: np.ndarray, quality: np.ndarray, effective: int) -> Interval | None:
    """Spearman's rank correlation of two (rows,) arrays; its 95% interval after Bonett and Wright (2000).

    Fisher's transform with standard error sqrt((1 + rho^2 / 2) / (n - 3)). `effective` is the n of the interval: the number
    of documents where a document has several rows. None where one side does not vary or n is below 4.
    """
    if effective < 4 or not _varies(scores) or not _varies(quality):
        return None
    rho = float(np.corrcoef(stats.rankdata(scores), stats.rankdata(quality))[0, 1])
    rho = min(1.0, max(-1.0, rho))
    if abs(rho) == 1.0:
        return Interval(rho, rho, rho)
    half = Z95 * math.sqrt((1 + rho**2 / 2) / (effective - 3))
    return Interval(rho, math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half))


def mean_score(scores: np.ndarray, kept: np.ndarray) -> float | None:
    """The mean of what is kept, in standard deviations above the mean of all; both (rows,). 0 where scores do not vary.

    None where nothing that is kept has a finite score.
    """
    finite = np.isfinite(scores)
    if not (kept & finite).any():
        return None
    spread = float(scores[finite].std())
    return float((scores[kept & finite].mean() - scores[finite].mean()) / spread) if spread > 0 else 0.0


def _varies(values: np.ndarray) -> bool:
    return bool(len(values)) and bool((values != values[0]).any())


def auc(scores: np.ndarray, right: np.ndarray, document: np.ndarray) -> Interval | None:
    """The probability that a right candidate outranks a wrong one (ties count half), with a 95% interval.

    `document`, (rows,) whole numbers from 0, says which rows belong together: the variance is that of DeLong, DeLong and
    Clarke-Pearson (1988) with the placements summed by document (Obuchowski 1997), on the logit scale so that the interval
    stays within 0 and 1. At 0 or 1 no placement varies; there it is one-sided, with Clopper and Pearson's bound for the
    smaller side's documents. None where no candidate is right or none is wrong.
    """
    rights, wrongs = scores[right], scores[~right]
    if not len(rights) or not len(wrongs):
        return None
    midrank = stats.rankdata(scores)
    above = (midrank[right] - stats.rankdata(rights)) / len(wrongs)
    below = 1 - (midrank[~right] - stats.rankdata(wrongs)) / len(rights)
    area = float(above.mean())
    if area in (0.0, 1.0):
        documents = min(len(np.unique(document[right])), len(np.unique(document[~right])))
        bound = float(0.05 ** (1 / documents))
        return Interval(area, bound, 1.0) if area else Interval(area, 0.0, 1 - bound)
    influence = np.zeros(int(document.max()) + 1)
    np.add.at(influence, document[right], (above - area) / len(rights))
    np.add.at(influence, document[~right], (below - area) / len(wrongs))
    half = Z95 * float(np.sqrt((influence**2).sum())) / (area * (1 - area))
    center = float(special.logit(area))
    return Interval(area, float(special.expit(center - half)), float(special.expit(center + half)))


def phi_coefficient(first: np.ndarray, second: np.ndarray) -> float | None:
    """Pearson's correlation of two boolean (rows,) arrays; None where one of them does not vary."""
    if not _varies(first) or not _varies(second):
        return None
    return float(np.corrcoef(first, second)[0, 1])
