"""Next-token distributions to start a recursion from: Zipf's, of which uniform is one, and a corpus's own counts."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from summ_collapse.theory.normal import Floats
from summ_collapse.theory.ranges import require

MOST_SYMBOLS = 10_000_000


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
