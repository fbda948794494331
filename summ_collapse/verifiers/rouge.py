"""`rouge`: the oracle. It reads the reference, which no verifier in the field can."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from summ_collapse.metrics.references import Reference
from summ_collapse.plugins import unknown_metric
from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.verifier import ModelFree


class Rouge(ModelFree):
    """A metric of the candidate against its document's reference summary."""

    reads_reference: ClassVar[bool] = True
    kind: Literal["rouge"]
    metric: str = Field(
        "rouge1", description="rouge1, rouge2, rougeL, rougeLsum (F-measure), or one of them with _recall; or exact"
    )

    def problems(self, models: set[str]) -> list[str]:
        """A metric that is not installed."""
        return [f"metric: {problem}" for problem in unknown_metric(self.metric)]

    def score(self, request: Request) -> Scored:
        """The metric, 0-1."""
        return against_references(request, self.metric)


def against_references(request: Request, metric: str) -> Scored:
    """A metric of every candidate against its document's reference; NaN where there is none."""
    from summ_collapse.metrics.scoring import score_pairs

    references: list[Reference] = [reference or "" for reference in request.references]
    scores = score_pairs(request.candidates, references, [metric])[metric]
    unknown = np.array([reference is None for reference in request.references], dtype=bool)
    return Scored(np.where(unknown, np.nan, scores), {})
