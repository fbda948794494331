"""Intervals of p, phi, psi, p*, p' and kappa by a Bayesian bootstrap of documents (Rubin 1981).

A document's candidates are not independent, so documents are what is resampled. What a document says is how many of its
candidates fell into each of four cells; documents that say the same are counted together, so that the cost goes with the
number of distinct patterns and not with the number of rows. A draw gives every pattern a Gamma(count) weight, which makes
the documents' shares Dirichlet; with one candidate a document it is the Dirichlet posterior of the four counts.

Each share gets half a document of either side on top (Jeffreys' prior). Where one side is empty, that side gets a whole
document and the other none: the share's interval is then one-sided, from the boundary to the bound of Clopper and Pearson
(0 of n: 1 - 0.05^(1/n), about 3/n), and is never empty. Without this, a boundary would look certain.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from summ_collapse.metrics.bootstrap import Interval

RIGHT_KEPT, RIGHT_DROPPED, WRONG_KEPT, WRONG_DROPPED = range(4)
CELLS = 4
# Each share: its own cells, and those of the other side.
SHARES = {
    "p": ((WRONG_KEPT, WRONG_DROPPED), (RIGHT_KEPT, RIGHT_DROPPED)),
    "phi": ((RIGHT_KEPT,), (RIGHT_DROPPED,)),
    "psi": ((WRONG_KEPT,), (WRONG_DROPPED,)),
    "kept_error": ((WRONG_KEPT,), (RIGHT_KEPT,)),
    "kept_fraction": ((RIGHT_KEPT, WRONG_KEPT), (RIGHT_DROPPED, WRONG_DROPPED)),
}
DRAWS = 4000
BLOCK_ENTRIES = 4_000_000


@dataclass(frozen=True)
class Intervals:
    """A quantity's value with its interval, arrays of one shape; NaN where nothing can be estimated."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def single(self) -> Interval | None:
        """Of one sample, whose arrays have no axis; None where nothing can be estimated."""
        return None if np.isnan(self.value) else Interval(float(self.value), float(self.low), float(self.high))


@dataclass(frozen=True)
class Patterns:
    """How many documents have each pattern: `cells` is (patterns, 4), `documents` (patterns,) or (..., patterns)."""

    cells: np.ndarray
    documents: np.ndarray

    @classmethod
    def of_counts(cls, counts: np.ndarray) -> "Patterns":
        """One candidate a document: `counts` is (..., 4), in the cells' order."""
        return cls(np.eye(CELLS), counts)

    @classmethod
    def of(cls, document: np.ndarray, wrong: np.ndarray, kept: np.ndarray) -> "Patterns":
        """From (rows,) arrays: each row's document as a number from 0, and two booleans."""
        cell = 2 * wrong.astype(np.int64) + ~kept
        documents = int(document.max()) + 1 if len(document) else 0
        if documents == len(document):  # the usual case, and all that is needed for it
            return cls.of_counts(np.bincount(cell, minlength=CELLS))
        by_document = np.bincount(CELLS * document + cell, minlength=CELLS * documents).reshape(documents, CELLS)
        base = int(by_document.max()) + 1
        if base**CELLS >= 2**62:  # too many candidates of one document for a pattern to fit into a number
            cells, counts = np.unique(by_document, axis=0, return_counts=True)
        else:
            codes, counts = np.unique(by_document @ base ** np.arange(CELLS), return_counts=True)
            cells = codes[:, None] // base ** np.arange(CELLS) % base
        told = cells.any(axis=1)
        return cls(cells[told].astype(float), counts[told])

    @property
    def totals(self) -> np.ndarray:
        """Candidates in each cell, (..., 4)."""
        return self.documents @ self.cells


def intervals(patterns: Patterns, draws: int = DRAWS, seed: int = 0, level: float = 0.95) -> dict[str, Intervals]:
    """p, phi, psi, kept_error, kept_fraction and p_star (Feng et al. 2024), each of the shape of `documents` less one axis.

    Equal-tailed, or one-sided where the estimate is 0 or 1. Seeded: equal input, equal intervals.
    """
    priors = _priors(seed, draws)
    sums = _cell_sums(np.random.default_rng([seed, draws, 1]), patterns, draws)
    found: dict[str, Intervals] = {}
    drawn: dict[str, np.ndarray] = {}
    for name, (ours, others) in SHARES.items():
        value, drawn[name] = _share(patterns, sums, priors[name], ours, others)
        found[name] = boundary_interval(value, drawn[name], level)
    phi, psi = found["phi"].value, found["psi"].value
    odds = drawn["phi"] / (drawn["phi"] + drawn["psi"])
    found["p_star"] = boundary_interval(_ratio(phi, phi + psi), odds, level)
    return found


@dataclass(frozen=True)
class _Prior:
    """Draws of the pseudo-documents of one share, (draws,) each: half a document a side, or a whole one."""

    half: np.ndarray
    other_half: np.ndarray
    whole: np.ndarray

    def sides(self, empty: np.ndarray, other_empty: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights of our and of the other side's pseudo-documents, (..., draws)."""
        empty, other_empty = empty[..., None], other_empty[..., None]
        ours = np.where(empty, self.whole, np.where(other_empty, 0.0, self.half))
        others = np.where(other_empty & ~empty, self.whole, np.where(empty, 0.0, self.other_half))
        return ours, others


@cache
def _priors(seed: int, draws: int) -> dict[str, _Prior]:
    """Each share's pseudo-documents; they don't depend on the data, so one set of draws serves all of it."""
    rng = np.random.default_rng([seed, draws, 0])
    return {
        name: _Prior(rng.standard_gamma(0.5, draws), rng.standard_gamma(0.5, draws), rng.standard_exponential(draws))
        for name in SHARES
    }


def _cell_sums(rng: np.random.Generator, patterns: Patterns, draws: int) -> np.ndarray:
    """The weighted number of candidates in each cell, (..., draws, 4)."""
    counts = patterns.documents[..., None, :].astype(float)
    block = max(1, BLOCK_ENTRIES // counts.size)
    parts = [
        rng.standard_gamma(counts, (*counts.shape[:-2], min(block, draws - start), counts.shape[-1])) @ patterns.cells
        for start in range(0, draws, block)
    ]
    return np.concatenate(parts, axis=-2)


def _share(
    patterns: Patterns, sums: np.ndarray, prior: _Prior, ours: tuple[int, ...], others: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """One share's value, (...), and its draws, (..., draws)."""
    totals = patterns.totals
    one, other = totals[..., ours].sum(axis=-1), totals[..., others].sum(axis=-1)
    touched = patterns.documents @ (patterns.cells[:, ours + others].sum(axis=1) > 0)
    # A pseudo-document holds as many of these candidates as a document that has any.
    size = np.where(touched > 0, (one + other) / np.maximum(touched, 1), 1.0)[..., None]
    our_prior, other_prior = prior.sides(one == 0, other == 0)
    numerator = sums[..., ours].sum(axis=-1) + size * our_prior
    draws = numerator / (numerator + sums[..., others].sum(axis=-1) + size * other_prior)
    return _ratio(one, one + other), draws


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def boundary_interval(value: np.ndarray, draws: np.ndarray, level: float) -> Intervals:
    """Of a value, (...), and draws of it, (..., draws): equal-tailed, or one-sided where the value is 0 or 1."""
    tail = (1 - level) / 2
    # Plotting positions k / (draws + 1): a tail holds its share whatever the number of draws (Weibull).
    lowest, low, high, highest = np.quantile(draws, [tail, 2 * tail, 1 - 2 * tail, 1 - tail], axis=-1, method="weibull")
    low = np.where(value == 0, 0.0, np.where(value == 1, low, lowest))
    high = np.where(value == 1, 1.0, np.where(value == 0, high, highest))
    # Where phi and psi are both at a boundary, as when everything is kept, all draws of p* may lie on one side of it.
    low, high = np.fmin(low, value), np.fmax(high, value)
    unknown = np.isnan(value)
    return Intervals(value, np.where(unknown, np.nan, low), np.where(unknown, np.nan, high))
