"""How much of the pool's mixture of strata the kept rows cover. Labels are whole numbers from 0."""

import numpy as np


def coverage(labels: np.ndarray, kept: np.ndarray) -> float:
    """1 minus the total-variation distance between the kept rows' mixture of strata and all rows': 1 is the same, 0-1."""
    everything, ours = mixtures(labels, kept)
    return float(1 - np.abs(everything - ours).sum() / 2)


def coverage_loss(labels: np.ndarray, kept: np.ndarray) -> float:
    """Kullback-Leibler divergence of all rows' mixture of strata from the kept rows', in nats; at least 0.

    One row, spread like all rows, is added to the kept ones, so that a stratum without any costs much and not infinitely
    much; what as many random rows would lose, (strata - 1) / (2 rows), is taken off (Miller 1955).
    """
    everything, ours = mixtures(labels, kept)
    rows = int(kept.sum())
    smoothed = (ours * rows + everything) / (rows + 1)
    there = everything > 0
    divergence = float((everything[there] * np.log(everything[there] / smoothed[there])).sum())
    return max(0.0, divergence - (int(there.sum()) - 1) / (2 * max(1, rows)))


def mixtures(labels: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share of every stratum among all rows and among the kept, (strata,) each; zeros where nothing is kept."""
    everything = np.bincount(labels) / len(labels)
    return everything, np.bincount(labels[kept], minlength=len(everything)) / max(1, int(kept.sum()))
