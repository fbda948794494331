"""How far a set of texts has collapsed, beside real ones: what is lost of their words, how alike texts are, how long.

Words are what stands between white space. Linear in the number of words: 10^5 summaries take seconds.

    found = measures(written, real)
    found["tail_survival"]      # share of the real texts' rare words that are still written
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from summ_collapse.metrics.corpus import Corpus, Ids
from summ_collapse.metrics.diversity import compression_ratio

LONGEST_GRAM = 4  # of BLEU
RARE = 0.01  # a word is of the tail where fewer of all real words are this one
SMOOTHED = 0.1  # matches that count where there are none (Chen and Cherry 2014, method 1), as in Texygen's self-BLEU


def measures(written: Sequence[str], real: Sequence[str]) -> dict[str, float]:
    """Of the texts that a model wrote, beside real ones; entropies in nats, lengths in words.

    Texts without a word have lost all that there was. ValueError where the real ones have none, or nothing was written.
    """
    ours, theirs = Corpus.numbered(written, real)
    if not len(ours.lengths) or not len(theirs.words):
        raise ValueError("expected texts, and real ones with words in them")
    rare = (theirs.shares > 0) & (theirs.shares < RARE)
    return {
        "vocabulary": float((ours.shares > 0).sum()),
        "vocabulary_survival": surviving((ours.shares > 0) & (theirs.shares > 0), theirs.shares > 0),
        "tail_survival": surviving((ours.shares > 0) & rare, rare),
        "tail_mass": float(ours.shares[rare].sum()),
        "total_variation": total_variation(ours.shares, theirs.shares),
        "word_collision": float(ours.shares @ ours.shares),
        "word_error": float(((ours.shares - theirs.shares) ** 2).sum()),
        "entropy": entropy(ours.shares),
        "next_word_entropy": next_word_entropy(ours),
        **{f"distinct_{n}": ours.distinct(n) for n in (1, 2, 3)},
        "self_bleu": self_bleu(ours),
        "compression_ratio": compression_ratio(written),
        "length": float(ours.lengths.mean()),
        "length_drift": float(ours.lengths.mean() - theirs.lengths.mean()),
    }


def surviving(found: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_]) -> float:
    """The share of what there was that is still found; 1 where there is nothing to lose."""
    return float(found.sum() / of.sum()) if of.any() else 1.0


def total_variation(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> float:
    """Half the sum of absolute differences between two distributions, 0-1; 1 where nothing is written."""
    return float(np.abs(ours - theirs).sum() / 2) if ours.any() else 1.0


def entropy(shares: npt.NDArray[np.float64]) -> float:
    """Of a distribution, nats."""
    return float(special.entr(shares).sum())


def next_word_entropy(corpus: Corpus) -> float:
    """Of the next word where the one before it is known, nats: entropy of pairs within texts less that of their first words."""
    within = corpus.text[1:] == corpus.text[:-1]
    if not within.any():
        return 0.0
    first = np.bincount(corpus.words[:-1][within])
    pairs = np.bincount(corpus.grams(2)[1])
    total = within.sum()
    return max(0.0, entropy(pairs / total) - entropy(first / total))


def self_bleu(corpus: Corpus) -> float:
    """The mean BLEU-4 of each text against all others as its references, 0-1 (Zhu et al. 2018): 1 where all are one text.

    Exact, and no pair of texts is compared: an n-gram's count is clipped by its largest count in any other text, which is the
    largest in any text, or the second largest for the text that has that.
    """
    texts = len(corpus.lengths)
    if texts < 2:
        return 0.0
    logarithms = np.zeros(texts)
    for n in range(1, LONGEST_GRAM + 1):
        matched, there = _clipped(corpus, n), np.maximum(corpus.lengths - n + 1, 0)
        logarithms += np.log(np.where(matched > 0, matched, SMOOTHED) / np.maximum(there, 1)) / LONGEST_GRAM
    return float(np.where(corpus.lengths > 0, np.exp(logarithms + _brevity(corpus.lengths)), 0.0).mean())


def _clipped(corpus: Corpus, n: int) -> Ids:
    """How many of each text's n-grams another text has too, each as often as it has it at most; (texts,)."""
    text, grams = corpus.grams(n)
    texts = len(corpus.lengths)
    if not len(grams):
        return np.zeros(texts, dtype=np.int64)
    keys, counts = np.unique(grams * texts + text, return_counts=True)
    gram, owner = keys // texts, keys % texts
    starts = np.flatnonzero(np.diff(gram, prepend=-1))
    group = np.cumsum(np.diff(gram, prepend=gram[0]) > 0)
    most = np.maximum.reduceat(counts, starts)[group]
    # Of each n-gram's texts the first that has it oftenest is clipped by the others.
    oftenest = np.flatnonzero(counts == most)
    first = oftenest[np.flatnonzero(np.diff(group[oftenest], prepend=-1))]
    others = counts.copy()
    others[first] = 0
    limit = most
    limit[first] = np.maximum.reduceat(others, starts)[group[first]]
    return np.bincount(owner, weights=np.minimum(counts, limit), minlength=texts).astype(np.int64)


def _brevity(lengths: Ids) -> npt.NDArray[np.float64]:
    """The logarithm of each text's brevity penalty against the nearest length of any other text, the shorter of two; (texts,)."""
    known, counts = np.unique(lengths, return_counts=True)
    nearest = np.empty(len(known), dtype=np.int64)
    for place, length in enumerate(known):
        others = known[max(0, place - 1) : place + 2] if counts[place] > 1 else np.delete(known, place)
        nearest[place] = min(others, key=lambda other: (abs(other - length), other))
    reference = nearest[np.searchsorted(known, lengths)]
    return np.where(lengths >= reference, 0.0, 1 - reference / np.maximum(lengths, 1))
