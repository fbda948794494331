"""What a selection is made of: each stratum's share in the pool and among what is kept, and how much of the pool it covers."""

from typing import Any

import numpy as np

from summ_collapse.diagnose.pool import Strata


def shares(strata: Strata, kept: np.ndarray) -> list[dict[str, Any]]:
    """A row a stratum: its name, its share of the pool, its share of the kept, and their ratio (1: kept as it comes)."""
    pool, selection = _mixtures(strata, kept)
    return [
        {
            "name": name,
            "pool_share": float(in_pool),
            "kept_share": float(in_kept) if selection.any() else None,
            "ratio": float(in_kept / in_pool) if selection.any() else None,
        }
        for name, in_pool, in_kept in zip(strata.names, pool, selection, strict=True)
    ]


def random_coverage(strata: Strata, kept: np.ndarray) -> float:
    """The coverage that as many rows drawn at random would have, in expectation (normal approximation).

    Few rows never have the pool's mixture to the last digit; what a verifier costs is what it falls short of this.
    """
    pool, _ = _mixtures(strata, kept)
    rows, drawn = len(strata.rows), int(kept[strata.rows].sum())
    if not drawn:
        return 0.0
    spread = np.sqrt(pool * (1 - pool) / drawn * (rows - drawn) / max(1, rows - 1))
    return float(1 - np.sqrt(2 / np.pi) * spread.sum() / 2)


def _mixtures(strata: Strata, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share of each stratum in the pool and among the kept, (strata,) each; zeros where nothing is kept."""
    count = len(strata.names)
    of_kept = strata.labels[kept[strata.rows]]
    return np.bincount(strata.labels, minlength=count) / len(strata.labels), np.bincount(of_kept, minlength=count) / max(
        1, len(of_kept)
    )
