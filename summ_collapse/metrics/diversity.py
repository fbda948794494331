"""How varied a set of texts is: distinct n-grams and how well it compresses."""

import zlib
from collections.abc import Sequence


def distinct(texts: Sequence[str], n: int) -> float:
    """Distinct n-grams of words over all n-grams, 0-1 (Li et al. 2016); 0 where there are none."""
    grams = [gram for words in map(str.split, texts) for gram in zip(*(words[start:] for start in range(n)), strict=False)]
    return len(set(grams)) / len(grams) if grams else 0.0


def compression_ratio(texts: Sequence[str]) -> float:
    """Bytes of all texts over their bytes under zlib: higher is more repetitive (Shaib et al. 2024)."""
    content = "\n".join(texts).encode()
    return len(content) / len(zlib.compress(content, 9))
