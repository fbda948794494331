"""Texts as numbered words, and their n-grams, without a Python object for each.

Words are what stands between white space.

    ours, theirs = Corpus.numbered(written, real)
    ours.distinct(2)
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, count

import numpy as np
import numpy.typing as npt

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
        number_of: defaultdict[str, int] = defaultdict(count().__next__)
        read = []
        for texts in sets:
            split = [text.split() for text in texts]
            words = map(number_of.__getitem__, chain.from_iterable(split))
            read.append((np.fromiter(words, dtype=np.int64), np.array([len(text) for text in split], dtype=np.int64)))
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
    def _begun(self) -> list[Ids]:
        """What `_begin` has numbered so far, for n from 1 on."""
        return [self.words]

    def _begin(self, n: int) -> Ids:
        """The number of the n-gram that begins at each word; -1 where the text ends before it does."""
        while len(self._begun) < n:
            reach = len(self._begun)
            ends = self.words[reach:]
            begins = self._begun[-1][: len(ends)]
            within = self.text[: len(ends)] == self.text[reach:]
            numbers = np.full(len(ends), -1)
            numbers[within] = np.unique(begins[within] * self.vocabulary + ends[within], return_inverse=True)[1].reshape(-1)
            self._begun.append(numbers)
        return self._begun[n - 1]

    def grams(self, n: int) -> tuple[Ids, Ids]:
        """(the text, the number) of every n-gram within a text; equal n-grams have equal numbers."""
        numbers = self._begin(n)
        there = numbers >= 0
        return self.text[: len(numbers)][there], numbers[there]

    def distinct(self, n: int) -> float:
        """Distinct n-grams over all n-grams, 0-1 (Li et al. 2016); 0 where there are none."""
        grams = self.grams(n)[1]
        return float(np.count_nonzero(np.bincount(grams)) / len(grams)) if len(grams) else 0.0
