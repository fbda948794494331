"""How far a set of texts has collapsed, beside real ones: what is lost of their words, how alike texts are, how long.

Words are what stands between white space. Linear in the number of words: 10^5 summaries take seconds.

    found = measures(written, real)
    found["tail_survival"]      # share of the real texts' rare words that are still written
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from summ_collapse.metrics.diversity import compression_ratio

RARE = 0.01  # a word is of the tail where fewer of all real words are this one
LONGEST_GRAM = 4  # of BLEU
SMOOTHED = 0.1  # matches that count where there are none (Chen and Cherry 2014, method 1), as in Texygen's self-BLEU

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Corpus:
    """Texts as numbered words: `words` of all texts one behind the other, and how many words each text has."""

    words: Ids
    lengths: Ids
    vocabulary: int  # numbers are below this; of all corpora that were numbered together

    @classmethod
    def numbered(cls, *sets: Sequence[str]) -> "tuple[Corpus, ...]":
        """A corpus for each set of texts; equal words have equal numbers in all of them."""
        number_of: dict[str, int] = {}
        read = []
        for texts in sets:
            split = [text.split() for text in texts]
            words = [number_of.setdefault(word, len(number_of)) for text in split for word in text]
            read.append((np.array(words, dtype=np.int64), np.array([len(text) for text in split], dtype=np.int64)))
        return tuple(cls(words, lengths, len(number_of)) for words, lengths in read)

    @cached_property
    def text(self) -> Ids:
        """Which text each word is of."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @cached_property
    def shares(self) -> npt.NDArray[np.float64]:
        """The share of each word among all, (vocabulary,); zeros where there are no words."""
        counts = np.bincount(self.words, minlength=self.vocabulary)
        return counts / max(1, len(self.words))

    @cached_property
    def _grams(self) -> list[Ids]:
        """For n from 1 on, the number of the n-gram that begins at each word; -1 where the text ends before it does."""
        found = [self.words]
        for n in range(2, LONGEST_GRAM + 1):
            ends = self.words[n - 1 :]
            begins = found[-1][: len(ends)]
            within = self.text[: len(ends)] == self.text[n - 1 :]
            numbers = np.full(len(ends), -1)
            numbers[within] = np.unique(begins[within] * self.vocabulary + ends[within], return_inverse=True)[1].reshape(-1)
            found.append(numbers)
        return found

    def grams(self, n: int) -> tuple[Ids, Ids]:
        """(the text, the number) of every n-gram within a text, n up to LONGEST_GRAM; equal n-grams have equal numbers."""
        numbers = self._grams[n - 1]
        there = numbers >= 0
        return self.text[: len(numbers)][there], numbers[there]


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
        "vocabulary_survival": _share((ours.shares > 0) & (theirs.shares > 0), theirs.shares > 0),
        "tail_survival": _share((ours.shares > 0) & rare, rare),
        "tail_mass": float(ours.shares[rare].sum()),
        "total_variation": total_variation(ours.shares, theirs.shares),
        "entropy": entropy(ours.shares),
        "next_word_entropy": next_word_entropy(ours),
        "distinct_1": distinct(ours, 1),
        "distinct_2": distinct(ours, 2),
        "distinct_3": distinct(ours, 3),
        "self_bleu": self_bleu(ours),
        "compression_ratio": compression_ratio(written),
        "length": float(ours.lengths.mean()),
        "length_drift": float(ours.lengths.mean() - theirs.lengths.mean()),
    }


def _share(found: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_]) -> float:
    """1 where there is nothing to lose."""
    return float(found.sum() / of.sum()) if of.any() else 1.0


def total_variation(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> float:
    """Half the sum of absolute differences between two distributions, 0-1; 1 where nothing is written."""
    return float(np.abs(ours - theirs).sum() / 2) if ours.any() else 1.0


def entropy(shares: npt.NDArray[np.float64]) -> float:
    """Of a distribution, nats."""
    there = shares[shares > 0]
    return float(-(there * np.log(there)).sum()) + 0.0


def next_word_entropy(corpus: Corpus) -> float:
    """Of the next word where the one before it is known, nats: entropy of pairs within texts less that of their first words."""
    within = corpus.text[1:] == corpus.text[:-1]
    if not within.any():
        return 0.0
    first = np.bincount(corpus.words[:-1][within])
    pairs = np.bincount(corpus.grams(2)[1])
    total = within.sum()
    return max(0.0, entropy(pairs / total) - entropy(first / total))


def distinct(corpus: Corpus, n: int) -> float:
    """Distinct n-grams over all n-grams, 0-1 (Li et al. 2016); 0 where there are none."""
    grams = corpus.grams(n)[1]
    return float(np.count_nonzero(np.bincount(grams)) / len(grams)) if len(grams) else 0.0


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
