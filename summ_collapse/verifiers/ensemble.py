"""`ensemble`: the mean rank of other verifiers' scores, which needs no common unit."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.verifier import ModelFree


class Ensemble(ModelFree):
    """Verifiers of one recipe, taken together with equal weight."""

    kind: Literal["ensemble"]
    of: list[str] = Field(min_length=2, description="names of other verifiers of this recipe")

    @property
    def sources(self) -> tuple[str, ...]:
        """The verifiers taken together."""
        return tuple(self.of)

    def score(self, request: Request) -> Scored:
        """The mean over verifiers of a candidate's rank as a share, 0 (worst) to 1; NaN where one of them gave NaN."""
        return Scored(mean_rank([request.scores[name] for name in self.of]), {})


def mean_rank(scores: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of the rank shares of several scores, (rows,) float64; NaN where one of them is NaN."""
    found: np.ndarray = np.mean([rank_shares(each) for each in scores], axis=0)
    return found


def rank_shares(scores: np.ndarray) -> np.ndarray:
    """Ranks from 0 (worst) to 1 (best), ties averaged, (rows,) float64; NaN stays NaN and is not counted."""
    from scipy.stats import rankdata

    ranks = rankdata(scores, nan_policy="omit")
    return (ranks - 1) / max(1, np.count_nonzero(~np.isnan(scores)) - 1)
