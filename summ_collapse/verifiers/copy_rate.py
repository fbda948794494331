"""`copy-rate`: how much of the candidate stands in the document word for word. A straw man for faithfulness."""

from typing import Literal

import numpy as np
from pydantic import Field

from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.verifier import ModelFree


class CopyRate(ModelFree):
    """The share of the candidate's n-grams of words that its document has too (the complement of See et al.'s novelty, 2017)."""

    kind: Literal["copy-rate"]
    n: int = Field(1, gt=0, description="words in an n-gram")

    def score(self, request: Request) -> Scored:
        """A share, 0-1; 0 for a candidate with fewer than n words."""
        pairs = zip(request.candidates, request.documents, strict=True)
        return Scored(np.array([self._share(candidate, document) for candidate, document in pairs], dtype=np.float64), {})

    def _share(self, candidate: str, document: str) -> float:
        ours, theirs = self._grams(candidate), set(self._grams(document))
        return sum(gram in theirs for gram in ours) / len(ours) if ours else 0.0

    def _grams(self, text: str) -> list[tuple[str, ...]]:
        words = text.casefold().split()
        return list(zip(*(words[start:] for start in range(self.n)), strict=False))
