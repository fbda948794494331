"""Known sources to start a recursion from: Zipf's shares, of which uniform is one, a corpus's own counts, a Markov chain."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from summ_collapse.theory.normal import Floats
from summ_collapse.theory.ranges import require

Integers = npt.NDArray[np.int64]

MOST_SYMBOLS = 10_000_000
MOST_STATES = 2_000  # of a chain, whose matrix has a number for every two of them
CLOSE = 1e-13  # how far the scaled rows' sums may be from their shares


def zipf(symbols: int, exponent: float = 1.0) -> Floats:
    """Shares proportional to rank^-exponent, (symbols,), the most frequent first; all are equal at exponent 0."""
    require(1 <= symbols <= MOST_SYMBOLS, symbols, f"symbols lies in [1, {MOST_SYMBOLS:,}]")
    require(0 <= exponent < np.inf, exponent, "a Zipf exponent is at least 0")
    weights = np.arange(1, symbols + 1, dtype=np.float64) ** -exponent
    return weights / weights.sum()


def from_corpus(lines: Sequence[str], context: str | None = None) -> Floats:
    """Shares of the words that follow `context` in white-space separated text, or of all words; the most frequent first.

    ValueError where there is none.
    """
    counts: Counter[str] = Counter()
    for line in lines:
        words = line.split()
        counts.update(words if context is None else [after for word, after in pairwise(words) if word == context])
    if not counts:
        raise ValueError("the corpus has no words" if context is None else f"the corpus has no word after {context!r}")
    frequent = np.array(sorted(counts.values(), reverse=True), dtype=np.float64)
    return frequent / frequent.sum()


def chain(shares: Floats, spread: float, seed: int) -> Floats:
    """A transition matrix, (s, s), under which `shares` are stationary: every word of a long text has its share.

    The joint law of neighbours is exp(spread x normal draws), scaled until both its margins are the shares (Sinkhorn and Knopp
    1967). With spread 0 the next word does not depend on the last; the larger it is, the fewer words follow one.
    """
    symbols = len(shares)
    require(1 <= symbols <= MOST_STATES, symbols, f"a chain has 1 to {MOST_STATES:,} symbols")
    require(0 <= spread <= 5, spread, "the spread of a chain lies in [0, 5]")
    joint = np.exp(spread * np.random.default_rng([seed, symbols]).standard_normal((symbols, symbols))) * np.outer(shares, shares)
    while True:
        joint *= (shares / joint.sum(axis=0))[None, :]
        rows = joint.sum(axis=1)
        if np.abs(rows - shares).max() <= CLOSE:
            return joint / rows[:, None]
        joint *= (shares / rows)[:, None]


def walks(first: Floats, following: Floats, count: int, length: int, rng: np.random.Generator) -> Integers:
    """Texts of a chain or of many: (..., count, length) symbols, for `first` (..., s) and `following` (..., s, s)."""
    before = first.shape[:-1]
    chains = int(np.prod(before))
    symbols = first.shape[-1]
    starts = np.cumsum(first.reshape(chains, symbols), axis=1)
    steps = np.cumsum(following.reshape(chains * symbols, symbols), axis=1)
    of_chain = np.repeat(np.arange(chains), count)
    texts = np.empty((chains * count, length), dtype=np.int64)
    texts[:, 0] = _drawn(starts, of_chain, rng)
    for place in range(1, length):
        texts[:, place] = _drawn(steps, of_chain * symbols + texts[:, place - 1], rng)
    return texts.reshape(*before, count, length)


def _drawn(levels: Floats, rows: Integers, rng: np.random.Generator) -> Integers:
    """A symbol for each of `rows`, by its row of cumulated shares."""
    # One search over all rows, each lifted above the one before it.
    lifted = (levels / levels[:, -1:] + np.arange(len(levels))[:, None]).ravel()
    found = np.searchsorted(lifted, rows + rng.random(len(rows)), side="right") - rows * levels.shape[1]
    # A draw that rounding puts on the last level stays within its row.
    return np.minimum(found, levels.shape[1] - 1)
