"""Scores by metric name, whichever family each metric is of."""

from collections.abc import Sequence

import numpy as np

from summ_collapse.plugins import known_metrics, plugin


def score_pairs(predictions: Sequence[str], references: Sequence[str], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Per-example scores, (pairs,) float64 by name, 0-1; a family is asked once for all of its names."""
    known = known_metrics()
    scores: dict[str, np.ndarray] = {}
    for family in dict.fromkeys(known[name] for name in names):
        ours = [name for name in names if known[name] == family]
        scores.update(plugin("metrics", family).score_pairs(predictions, references, ours))
    return {name: scores[name] for name in names}
