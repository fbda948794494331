"""`common`: how many other candidates are about the same, by text clusters. Rare ones are what a selection loses first.

Knows nothing of right and wrong: it says which candidates are easy, for `selection.variants.NAME.keep`.
"""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from summ_collapse.selection.strata import CLUSTERS, cluster_strata
from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.verifier import ModelFree


class Common(ModelFree):
    """The share of the pool that is in the candidate's cluster."""

    whole_pool: ClassVar[bool] = True
    kind: Literal["common"]
    clusters: int = Field(CLUSTERS, gt=1, description="clusters of the candidates' texts")

    def score(self, request: Request) -> Scored:
        """Shares, 0-1; column `cluster`."""
        labels = cluster_strata(request.candidates, self.clusters)
        shares = np.bincount(labels) / max(1, len(labels))
        return Scored(shares[labels], {"cluster": labels})
