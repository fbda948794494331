"""How varied a set of texts is: distinct n-grams and how well it compresses."""

import zlib
from collections.abc import Sequence

from summ_collapse.metrics.corpus import Corpus


def distinct(texts: Sequence[str], n: int) -> float:
    """Distinct n-grams of words over all n-grams, 0-1 (Li et al. 2016); 0 where there are none."""
    (corpus,) = Corpus.numbered(texts)
    return corpus.distinct(n)


def compression_ratio(texts: Sequence[str]) -> float:
    """Bytes of all texts over their bytes under zlib: higher is more repetitive (Shaib et al. 2024)."""
    content = "\n".join(texts).encode()
    return len(content) / len(zlib.compress(content, 9))
