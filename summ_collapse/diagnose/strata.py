"""Strata of a pool, and what a selection is made of: each one's share of the pool and of the kept, and how much is covered."""

from dataclasses import dataclass

import numpy as np

from summ_collapse.metrics.coverage import mixtures


@dataclass(frozen=True)
class Share:
    """A stratum's share of the pool and of the kept, and their ratio (1: kept as it comes); None where nothing is kept."""

    name: str
    pool_share: float
    kept_share: float | None
    ratio: float | None


@dataclass(frozen=True)
class Strata:
    """A partition of rows: `rows` of the pool (all, or a sample), their labels from 0, and each label's name."""

    rows: np.ndarray
    labels: np.ndarray
    names: list[str]
    kind: str  # "clusters" of the candidates' texts, or a "column" of the candidates' file

    def shares(self, kept: np.ndarray) -> list[Share]:
        """A row a stratum; `kept` is (rows of the pool,) bool."""
        pool, ours = mixtures(self.labels, kept[self.rows])
        if not ours.any():
            return [Share(name, share, None, None) for name, share in zip(self.names, pool.tolist(), strict=True)]
        columns = (pool.tolist(), ours.tolist(), (ours / pool).tolist())
        return [Share(*row) for row in zip(self.names, *columns, strict=True)]

    def random_coverage(self, kept: np.ndarray) -> float:
        """The coverage that as many rows drawn at random would have, in expectation (normal approximation).

        Few rows never have the pool's mixture to the last digit; what a verifier costs is what it falls short of this.
        """
        pool, _ = mixtures(self.labels, kept[self.rows])
        rows, drawn = len(self.rows), int(kept[self.rows].sum())
        if not drawn:
            return 0.0
        spread = np.sqrt(pool * (1 - pool) / drawn * (rows - drawn) / max(1, rows - 1))
        return float(1 - np.sqrt(2 / np.pi) * spread.sum() / 2)
