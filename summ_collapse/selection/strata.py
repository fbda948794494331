"""Strata of texts: what a selection may keep too little of. By length, or by what the words are about.

Labels are whole numbers from 0; equal texts get equal labels, and equal input gives equal labels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

CLUSTERS = 16  # where nobody says otherwise
FIT_ROWS = 20_000
TRANSFORM_ROWS = 50_000
VOCABULARY = 4096
TOPICS = 32


def length_strata(texts: Sequence[str], count: int) -> np.ndarray:
    """Quantiles of the number of words, (rows,) int64 below `count`; 0 holds the shortest."""
    words = np.array([len(text.split()) for text in texts], dtype=np.int64)
    if not len(words):
        return words
    edges = np.unique(np.quantile(words, np.arange(1, count) / count, method="lower"))
    return np.searchsorted(edges, words, side="left")


def column_strata(values: Sequence[object]) -> np.ndarray:
    """One stratum a distinct value, (rows,) int64, in the order of the values as text."""
    return np.unique([str(value) for value in values], return_inverse=True)[1].astype(np.int64)


def cluster_strata(texts: Sequence[str], count: int, seed: int = 0) -> np.ndarray:
    """k-means clusters of latent topics (SVD of TF-IDF, Deerwester et al. 1990), (rows,) int64 below `count`.

    Fitted on a sample of at most FIT_ROWS rows, drawn with `seed`. There are fewer clusters where there are fewer texts.
    """
    from threadpoolctl import threadpool_limits

    chosen = np.arange(len(texts))
    if len(texts) > FIT_ROWS:
        chosen = np.sort(np.random.default_rng(seed).choice(len(texts), FIT_ROWS, replace=False))
    sample = [texts[row] for row in chosen.tolist()]
    if len(set(sample)) <= count:
        return column_strata(texts) if len(texts) <= FIT_ROWS else np.zeros(len(texts), np.int64)
    # On one thread, since sums that are split among several round differently.
    with threadpool_limits(1):
        model = _fitted(sample, count, seed)
        if model is None:
            return np.zeros(len(texts), dtype=np.int64)
        parts = [model.predict(texts[start : start + TRANSFORM_ROWS]) for start in range(0, len(texts), TRANSFORM_ROWS)]
    return np.concatenate(parts).astype(np.int64)


def _fitted(texts: Sequence[str], count: int, seed: int) -> Any:
    """TF-IDF, topics and k-means, one behind the other; None where the texts hold no word."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer

    words = TfidfVectorizer(max_features=VOCABULARY, sublinear_tf=True, token_pattern=r"\S+")
    try:
        known = len(words.fit(texts).vocabulary_)
    except ValueError:  # what scikit-learn says of an empty vocabulary
        return None
    topics = min(TOPICS, known - 1)
    if topics < 1:
        return None
    model = make_pipeline(
        words, TruncatedSVD(topics, random_state=seed), Normalizer(), KMeans(count, n_init=4, random_state=seed)
    )
    return model.fit(texts)
