"""What a verifier is asked: a chunk of candidates with their documents, and references and a model where it wants them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from summ_collapse.metrics.references import Reference


@dataclass(frozen=True)
class Request:
    """Candidates to score, row by row."""

    keys: Sequence[tuple[str, int]]  # (id, sample)
    candidates: Sequence[str]
    documents: Sequence[str]
    references: Sequence[Reference | None]
    seed: int
    batch_size: int
    reader: Callable[[], Any] | None  # gives what the verifier's `load` gave, once a stage
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)  # of its sources, by name: (rows,) float64


@dataclass(frozen=True)
class Attack:
    """How a verifier tampers with another one's scores: what a figure of attacks shows."""

    of: str
    how: str
    strength: float | None  # in standard deviations, where the way has one
    target: str


@dataclass(frozen=True)
class Scored:
    """A score a candidate, (rows,) float64, higher is better; further columns of the verifier's own."""

    score: np.ndarray
    columns: dict[str, np.ndarray]
