"""Exact match, blanks at the ends aside: 1.0 or 0.0 an example."""

from collections.abc import Sequence

import numpy as np

NAMES = ("exact",)


def score_pairs(predictions: Sequence[str], references: Sequence[str], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Per-example scores, (pairs,) float64 by metric name."""
    pairs = zip(predictions, references, strict=True)
    scores = np.array([float(prediction.strip() == reference.strip()) for prediction, reference in pairs], dtype=np.float64)
    return dict.fromkeys(names, scores)
