"""Whether a solution's final answer is the reference's, whatever led to it: 1.0 or 0.0 an example."""

from collections.abc import Sequence

import numpy as np

from summ_collapse.metrics.solutions import final_answer

NAMES = ("solved",)


def score_pairs(predictions: Sequence[str], references: Sequence[str], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Per-example scores, (pairs,) float64 by metric name. As numbers; nothing solves where there is none."""
    pairs = [(final_answer(text), final_answer(reference)) for text, reference in zip(predictions, references, strict=True)]
    right = [ours is not None and theirs is not None and float(ours) == float(theirs) for ours, theirs in pairs]
    return dict.fromkeys(names, np.array(right, dtype=np.float64))
