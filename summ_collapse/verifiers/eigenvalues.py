"""`eigenvalues`: how near a candidate is to the eigenvalues of the matrix in its document. Exact, and it needs no reference."""

from typing import Literal

import numpy as np
from pydantic import Field

from summ_collapse.metrics.eigenvalues import relative_errors
from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.verifier import ModelFree

WORST = -1e9  # of what is malformed: behind all numbers, and a number


class Eigenvalues(ModelFree):
    """The negative of the relative error; or, with a tolerance, 1 for what is right and 0 for all else."""

    kind: Literal["eigenvalues"]
    tolerance: float | None = Field(None, gt=0, description="relative error up to which a candidate is right, such as 0.05")

    def score(self, request: Request) -> Scored:
        """Column `relative_error` is infinite for a malformed candidate."""
        errors = relative_errors(request.candidates, request.documents)
        if self.tolerance is not None:
            return Scored((errors <= self.tolerance).astype(np.float64), {"relative_error": errors})
        return Scored(np.where(np.isfinite(errors), -errors, WORST), {"relative_error": errors})
