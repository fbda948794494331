"""p, phi, psi, p* and p' of a selection from labels that were drawn on purpose: so many among what is kept, so many outside.

Both draws are simple random samples. On each side the chance of a row to be wrong has a Beta posterior (Jeffreys' prior); of the
rows with a label it is known which are wrong, and of those without so many are as that chance gives. Where a share is 0 or 1 its
interval is one-sided, as in `posterior`.
"""

from dataclasses import dataclass

import numpy as np

from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.predict.confusion import Estimates
from summ_collapse.predict.posterior import DRAWS, boundary_interval


@dataclass(frozen=True)
class Labelled:
    """One side of a selection: how many rows it has, how many of them were labelled, and how many of these are wrong."""

    rows: int
    labels: int
    wrong: int

    @property
    def share(self) -> float:
        """Of wrong rows; NaN where none is labelled. A side without rows has none that is wrong."""
        if not self.rows:
            return 0.0
        return self.wrong / self.labels if self.labels else float("nan")

    def drawn(self, rng: np.random.Generator, draws: int) -> np.ndarray:
        """The share's posterior, (draws,): what is labelled is known, and of all others each is wrong with one probability."""
        right = self.labels - self.wrong
        # Gamma variates, so that either of a Beta's parameters may be 0.
        ours = rng.standard_gamma(1.0 if not self.wrong else self.wrong + 0.5 * (right > 0), draws)
        others = rng.standard_gamma(1.0 if not right else right + 0.5 * (self.wrong > 0), draws)
        wrong = self.wrong + rng.binomial(self.rows - self.labels, ours / (ours + others))
        return wrong / max(1, self.rows)


def estimated(kept: Labelled, dropped: Labelled, draws: int = DRAWS, seed: int = 0) -> Estimates:
    """The estimates with 95% intervals; None where a side that they need has no label. Seeded."""
    rng = np.random.default_rng([seed, draws])
    values = _shares(kept, dropped, np.array(kept.share), np.array(dropped.share))
    drawn = _shares(kept, dropped, kept.drawn(rng, draws), dropped.drawn(rng, draws))
    fraction = kept.rows / (kept.rows + dropped.rows)
    found = {name: boundary_interval(values[name], drawn[name], 0.95).single() for name in values}
    return Estimates(**found, kept_fraction=Interval(fraction, fraction, fraction))


def _shares(kept: Labelled, dropped: Labelled, error: np.ndarray, other: np.ndarray) -> dict[str, np.ndarray]:
    """All shares, of the shares of wrong rows on both sides."""
    wrong_kept, wrong_dropped = kept.rows * error, dropped.rows * other
    rows, wrong = kept.rows + dropped.rows, wrong_kept + wrong_dropped
    phi, psi = _part(kept.rows - wrong_kept, rows - wrong), _part(wrong_kept, wrong)
    return {"p": wrong / rows, "phi": phi, "psi": psi, "p_star": _part(phi, phi + psi), "kept_error": error}


def _part(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
