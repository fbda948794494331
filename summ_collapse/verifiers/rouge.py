"""`rouge`: the oracle. It reads the reference, which no verifier in the field can."""

from typing import ClassVar, Literal

from pydantic import Field

from summ_collapse.plugins import known_metrics, nearest
from summ_collapse.recipe_blocks import Options
from summ_collapse.verifiers.request import Request, Scored


class Rouge(Options):
    """A metric of the candidate against its document's reference summary."""

    model: ClassVar[None] = None
    train: ClassVar[None] = None
    kind: Literal["rouge"]
    metric: str = Field(
        "rouge1", description="rouge1, rouge2, rougeL, rougeLsum (F-measure), or one of them with _recall; or exact"
    )

    def problems(self, models: set[str]) -> list[str]:
        known = known_metrics()
        if self.metric in known:
            return []
        return [f"metric: unknown metric {self.metric!r}{nearest(self.metric, known)}; installed: {', '.join(known)}"]

    def score(self, request: Request) -> Scored:
        """The metric, 0-1."""
        from summ_collapse.metrics.scoring import score_pairs

        references = [reference or "" for reference in request.references]
        return Scored(score_pairs(request.candidates, references, [self.metric])[self.metric], {})
