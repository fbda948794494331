"""`agreement`: self-consistency. A candidate is as good as the document's other samples say (Wang et al. 2023, for text)."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from summ_collapse.plugins import unknown_metric
from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.verifier import ModelFree


class Agreement(ModelFree):
    """The mean metric of a candidate against every other sample of its document, taken as references."""

    samples: ClassVar[int] = 2
    kind: Literal["agreement"]
    metric: str = Field("rouge1", description="a metric between two texts, 0-1, such as rouge1 or rougeL")

    def problems(self, models: set[str]) -> list[str]:
        """A metric that is not installed."""
        return [f"metric: {problem}" for problem in unknown_metric(self.metric)]

    def score(self, request: Request) -> Scored:
        """The mean metric, 0-1; NaN where a document has one candidate alone."""
        from summ_collapse.metrics.scoring import score_pairs

        ours, theirs = _pairs([identifier for identifier, _ in request.keys])
        texts = request.candidates
        values = score_pairs([texts[row] for row in ours], [texts[row] for row in theirs], [self.metric])[self.metric]
        totals = np.bincount(ours, weights=values, minlength=len(texts))
        counts = np.bincount(ours, minlength=len(texts))
        return Scored(np.divide(totals, counts, out=np.full(len(texts), np.nan), where=counts > 0), {})


def _pairs(ids: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Every ordered pair of different rows that share an id, as two arrays of rows."""
    rows_of: dict[str, list[int]] = {}
    for row, identifier in enumerate(ids):
        rows_of.setdefault(identifier, []).append(row)
    pairs = [(ours, theirs) for rows in rows_of.values() for ours in rows for theirs in rows if ours != theirs]
    found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]
