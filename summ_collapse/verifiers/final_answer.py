"""`final-answer`: whether a solution ends in the reference's answer; with `steps`, whether every step is right as well."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.rouge import against_references
from summ_collapse.verifiers.verifier import ModelFree


class FinalAnswer(ModelFree):
    """1 for what is right, else 0. Without `steps` it takes a right answer whatever led to it."""

    reads_reference: ClassVar[bool] = True
    kind: Literal["final-answer"]
    steps: bool = Field(False, description="ask for right steps too: what is right by luck is then wrong")

    def score(self, request: Request) -> Scored:
        """1.0 or 0.0 a candidate; column `spurious` is 1 where the answer is right and a step is not."""
        from summ_collapse.metrics.word_problems import sound

        answered = against_references(request, "solved").score
        pairs = zip(request.documents, request.candidates, strict=True)
        stepped = np.array([sound(document, text) for document, text in pairs], dtype=np.float64)
        spurious = np.nan_to_num(answered * (1 - stepped)).astype(np.int8)  # unknown where there is no reference: none
        return Scored(answered * stepped if self.steps else answered, {"spurious": spurious})
