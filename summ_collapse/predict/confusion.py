"""p, phi, psi, p* and p' of a selection (Feng et al. 2024): what a verifier is worth, measured before training.

p is the share of wrong candidates; phi and psi are the shares of the right and of the wrong ones that are kept. The
breakdown point is p* = phi / (phi + psi), the error among what is kept p' = p psi / ((1 - p) phi + p psi). p < p* says
exactly that p' < 1/2.
"""

from dataclasses import dataclass, fields

import numpy as np

from summ_collapse.metrics.bootstrap import Interval, share_interval
from summ_collapse.predict.posterior import DRAWS, Patterns, intervals


@dataclass(frozen=True)
class Estimates:
    """Each quantity with its 95% interval; None where nothing can be estimated."""

    p: Interval | None
    phi: Interval | None
    psi: Interval | None
    p_star: Interval | None
    kept_error: Interval | None  # p'
    kept_fraction: Interval | None


ESTIMATED = tuple(field.name for field in fields(Estimates))


@dataclass(frozen=True)
class Confusion:
    """Counts of a selection: right and wrong candidates, and how many of each were kept."""

    right: int
    wrong: int
    right_kept: int
    wrong_kept: int

    @classmethod
    def of(cls, wrong: np.ndarray, kept: np.ndarray) -> "Confusion":
        """From two boolean arrays, an entry a candidate."""
        return cls(int((~wrong).sum()), int(wrong.sum()), int((kept & ~wrong).sum()), int((kept & wrong).sum()))

    @property
    def kept(self) -> int:
        return self.right_kept + self.wrong_kept

    def summary(self) -> dict[str, float | str | None]:
        """The estimates, None where there is nothing to estimate from, and the verdict that they predict."""
        total = self.right + self.wrong
        phi, psi = _share(self.right_kept, self.right), _share(self.wrong_kept, self.wrong)
        return {
            "p": _share(self.wrong, total),
            "phi": phi,
            "psi": psi,
            "p_star": None if phi is None or psi is None else _share(phi, phi + psi),
            "kept_error": _share(self.wrong_kept, self.kept),
            "kept_fraction": _share(self.kept, total),
            "predicted": self.predicted(),
        }

    def intervals(self, patterns: Patterns | None = None, draws: int = DRAWS, seed: int = 0) -> Estimates:
        """The estimates with their intervals, see `posterior`.

        `patterns` are the documents behind these counts, where documents have several candidates; without them every
        candidate is a document of its own.
        """
        if patterns is None:
            dropped = self.right - self.right_kept, self.wrong - self.wrong_kept
            patterns = Patterns.of_counts(np.array([self.right_kept, dropped[0], self.wrong_kept, dropped[1]]))
        found = intervals(patterns, draws, seed)
        return Estimates(**{name: found[name].single() for name in ESTIMATED})

    def predicted(self) -> str:
        """The paper's criterion: training helps below the breakdown point, that is where most of what is kept is right.

        Undecided where the 95% interval of the kept error (Clopper-Pearson) holds 1/2.
        """
        error = share_interval(self.wrong_kept, self.kept)
        if error.high < 0.5:
            return "helps"
        return "hurts" if error.low > 0.5 else "undecided"


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
