"""Noise in documents: some words stand where other words of the corpus stood, so that a model cannot lean on any one of them."""

import re
from collections.abc import Sequence

import numpy as np

BLANKS = re.compile(r"(\s+)")


def noised(documents: Sequence[str], share: float, seed: int) -> list[str]:
    """Each word of each document is replaced with chance `share` by a word drawn from all documents' words; blanks stay.

    A document's noise depends on the seed, its place and what stands in all documents.
    """
    split = [BLANKS.split(document) for document in documents]
    words = np.array([word for parts in split for word in parts[::2] if word], dtype=object)
    rng = np.random.default_rng([seed, len(documents)])
    for parts in split:
        places = [place for place in range(0, len(parts), 2) if parts[place]]
        drawn = rng.random(len(places)) < share
        for place in np.array(places, dtype=np.int64)[drawn]:
            parts[place] = words[rng.integers(len(words))]
    return ["".join(parts) for parts in split]
