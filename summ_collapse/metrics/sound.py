"""Whether a solution's final answer is the reference's and every step is right: 1.0 or 0.0 an example."""

from collections.abc import Sequence

import numpy as np

from summ_collapse.metrics import solved
from summ_collapse.metrics.word_problems import sound

READS_DOCUMENTS = True
NAMES = ("sound",)


def score_pairs(
    predictions: Sequence[str], references: Sequence[str], names: Sequence[str], documents: Sequence[str]
) -> dict[str, np.ndarray]:
    """Per-example scores, (pairs,) float64 by metric name."""
    answered = solved.score_pairs(predictions, references, solved.NAMES)["solved"]
    steps = [sound(document, text) for document, text in zip(documents, predictions, strict=True)]
    return dict.fromkeys(names, answered * np.array(steps, dtype=np.float64))
