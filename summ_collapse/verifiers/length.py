"""`length`: the longer the better, in words. A straw man: it knows nothing but the candidate's size."""

from typing import Literal

import numpy as np

from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.verifier import ModelFree


class Length(ModelFree):
    """The number of words, or its negative where short candidates are preferred."""

    kind: Literal["length"]
    prefer: Literal["long", "short"] = "long"

    def score(self, request: Request) -> Scored:
        """Words, times -1 with `prefer: short`."""
        words = np.array([len(candidate.split()) for candidate in request.candidates], dtype=np.float64)
        return Scored(words if self.prefer == "long" else -words, {})
