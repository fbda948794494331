"""Scores by metric name, whichever family each metric is of."""

from collections.abc import Sequence

import numpy as np

from summ_collapse.metrics.references import Pairs, Reference
from summ_collapse.plugins import known_metrics, plugin


def score_pairs(
    predictions: Sequence[str], references: Sequence[Reference], names: Sequence[str], documents: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Per-example scores, (pairs,) float64 by name, 0-1; a family is asked once for all of its names.

    A family that says READS_DOCUMENTS is given the documents too; ValueError where there are none. Of several references of a row
    the best or the mean counts, as they say.
    """
    pairs = Pairs.of(references)
    if pairs is None:
        return _scored(predictions, [str(reference) for reference in references], names, documents)
    rows = pairs.row.tolist()
    theirs = None if documents is None else [documents[row] for row in rows]
    found = _scored([predictions[row] for row in rows], pairs.references, names, theirs)
    return {name: pairs.by_row(scores) for name, scores in found.items()}


def _scored(
    predictions: Sequence[str], references: Sequence[str], names: Sequence[str], documents: Sequence[str] | None
) -> dict[str, np.ndarray]:
    known = known_metrics()
    scores: dict[str, np.ndarray] = {}
    for family in dict.fromkeys(known[name] for name in names):
        ours = [name for name in names if known[name] == family]
        metrics, reads = plugin("metrics", family), _reads_documents(family)
        if reads and documents is None:
            raise ValueError(f"{', '.join(ours)}: these metrics read the documents, and none are at hand")
        scores.update(metrics.score_pairs(predictions, references, ours, *([documents] if reads else [])))
    return {name: scores[name] for name in names}


def reads_documents(name: str) -> bool:
    """Whether a metric needs the documents too."""
    return _reads_documents(known_metrics()[name])


def _reads_documents(family: str) -> bool:
    return bool(getattr(plugin("metrics", family), "READS_DOCUMENTS", False))
