"""One selection measured, before anything is trained on it: the same numbers in a run's report and in a diagnosis."""

from dataclasses import dataclass

import numpy as np

from summ_collapse.metrics.coverage import coverage_loss
from summ_collapse.predict.confusion import Confusion, Estimates
from summ_collapse.predict.posterior import DRAWS, Patterns
from summ_collapse.predict.predictor import weighted_error
from summ_collapse.predict.verdict import Measured


@dataclass(frozen=True)
class Judged:
    """Candidates that somebody has judged, a row each: document (from 0), whether it is wrong, and the metric, 0-1."""

    document: np.ndarray
    wrong: np.ndarray
    quality: np.ndarray

    def confusion(self, kept: np.ndarray, draws: int = DRAWS) -> tuple[Confusion, Estimates]:
        """p, phi, psi and what follows, with intervals by document; `kept` is (rows,) bool."""
        confusion = Confusion.of(self.wrong, kept)
        return confusion, confusion.intervals(Patterns.of(self.document, self.wrong, kept), draws)

    def measured(self, kept: np.ndarray, rows: int, strata: tuple[np.ndarray, np.ndarray], real: int | None) -> Measured:
        """What a verdict is made of. `rows` are kept in all, of `strata` (labels, kept); `real` rows made the generator."""
        confusion, estimates = self.confusion(kept)
        weighted = weighted_error(self.quality, self.wrong, kept, self.document) if kept.any() else None
        return Measured(confusion, estimates, rows, weighted, coverage_loss(*strata), real)
