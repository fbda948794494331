"""Language models that count: a Markov chain is learnt, writes texts, and is learnt again from them; its law is known exactly.

The learner is the maximum-likelihood estimate of a chain from texts of equal length: shares of first words, and of the words
that follow each word. What it wrote is measured without drawing anything: by the law of a text's first word and of its first two.

The law of the first word is the model of the theory: empirical shares of so many draws. So S_m and D_m of `recursion` hold of it
to the letter, whatever follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from summ_collapse.theory.normal import Floats
from summ_collapse.theory.ranges import require, require_memory
from summ_collapse.theory.sources import Integers, walks

BLOCK_BYTES = 64 << 20


@dataclass(frozen=True)
class Chain:
    """The law of texts: shares of first words, (..., s), and of what follows each word, (..., s, s)."""

    first: Floats
    following: Floats

    @property
    def pairs(self) -> Floats:
        """The law of a text's first two words, (..., s, s)."""
        return self.first[..., :, None] * self.following

    def texts(self, count: int, length: int, rng: np.random.Generator) -> Integers:
        """(..., count, length)."""
        return walks(self.first, self.following, count, length, rng)


Mixture = Literal["replace", "accumulate", "subsample", "latest", "uniform"]


@dataclass(frozen=True)
class Regime:
    """What each generation learns from, of texts: so many new ones, and of those before what the mixture says.

    replace: the new ones and `real` of the source; accumulate: all so far; subsample: as many as are new, drawn from all so far;
    uniform: as many, drawn alike from the real ones and from each generation; latest: as many, alike from the latest `window`.
    """

    synthetic: int
    real: int = 0
    mixture: Mixture = "replace"
    window: int = 1


@dataclass(frozen=True)
class Measured:
    """Per repetition and generation, (repetitions, generations + 1), of the law of first words or of the first two.

    Sums of squares, squared distance to generation 0, total variation to generation 0 and to the source (0-1).
    """

    collision: Floats
    drift: Floats
    moved: Floats
    total_variation: Floats


@dataclass
class _Counts:
    """What a learner has seen: first words, and words after words; of many repetitions."""

    first: Floats
    following: Floats
    texts: int = 0

    @classmethod
    def none(cls, repetitions: int, symbols: int) -> "_Counts":
        return cls(np.zeros((repetitions, symbols)), np.zeros((repetitions, symbols, symbols)))

    def seen(self, texts: Integers) -> "_Counts":
        """With these texts beside, (repetitions, count, length)."""
        repetitions, symbols = self.first.shape
        of = np.arange(repetitions)[:, None]
        first = np.bincount((of * symbols + texts[:, :, 0]).ravel(), minlength=self.first.size)
        steps = (of[..., None] * symbols + texts[:, :, :-1]) * symbols + texts[:, :, 1:]
        following = np.bincount(steps.ravel(), minlength=self.following.size)
        return _Counts(
            self.first + first.reshape(self.first.shape),
            self.following + following.reshape(self.following.shape),
            self.texts + texts.shape[1],
        )

    def learnt(self) -> Chain:
        """The most likely chain. After a word that nothing was seen to follow, anything that begins a text may come."""
        first = self.first / self.texts
        totals = self.following.sum(axis=-1, keepdims=True)
        following = np.where(totals > 0, self.following / np.maximum(totals, 1), first[:, None, :])
        return Chain(first, following)


def simulate(
    source: Chain, length: int, real: int, generations: int, regimes: Sequence[Regime], repetitions: int, seed: int
) -> list[tuple[Measured, Measured]]:
    """Of every regime what is measured of first words, and of the first two.

    Generation 0 is learnt from N = `real` texts of the source, the same ones under all regimes; a block of repetitions has a
    random generator of its own. ValueError for what does not fit in memory, and for texts shorter than two words.
    """
    require(length >= 2, length, "a text has at least 2 words")
    require(real >= 1 and generations >= 0 and repetitions >= 1, real, "sizes are at least 1")
    symbols = len(source.first)
    most = max(real, *(regime.synthetic for regime in regimes))
    one = 8 * (4 * symbols**2 + (4 + generations) * most * length)  # texts of all generations are kept
    require_memory(one, f"{symbols:,} symbols and {most:,} texts take")
    size = max(1, BLOCK_BYTES // one)
    found: list[list[tuple[Floats, Floats]]] = [[] for _ in regimes]
    for block, start in enumerate(range(0, repetitions, size)):
        count = min(size, repetitions - start)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(block,)))
        texts = Chain(np.tile(source.first, (count, 1)), np.tile(source.following, (count, 1, 1))).texts(real, length, rng)
        for place, regime in enumerate(regimes):
            found[place].append(_line(source, texts, generations, regime, rng))
    return [(_joined([one for one, _ in blocks]), _joined([two for _, two in blocks])) for blocks in found]


def _joined(blocks: Sequence[Floats]) -> Measured:
    return Measured(*np.concatenate(blocks, axis=1))


def _line(source: Chain, real: Integers, generations: int, regime: Regime, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """One regime from its first generation on: measures (4, repetitions, generations + 1) of first words and of pairs."""
    none = _Counts.none(len(real), len(source.first))
    begun = model = none.seen(real).learnt()
    measured = [_measures(model, begun, source)]
    so_far = [real]
    for _ in range(generations):
        so_far.append(model.texts(regime.synthetic, real.shape[2], rng))
        seen = none
        for texts in _chosen(so_far, regime, rng):
            seen = seen.seen(texts)
        model = seen.learnt()
        measured.append(_measures(model, begun, source))
    singles, pairs = zip(*measured, strict=True)
    return np.stack(singles, axis=-1), np.stack(pairs, axis=-1)


def _chosen(so_far: Sequence[Integers], regime: Regime, rng: np.random.Generator) -> list[Integers]:
    """The texts that a generation learns from."""
    if regime.mixture == "accumulate":
        return list(so_far)
    if regime.mixture == "replace":
        return [so_far[0][:, : regime.real], so_far[-1]]
    parts = so_far[1:][-regime.window :] if regime.mixture == "latest" else so_far
    weights = np.array([part.shape[1] for part in parts] if regime.mixture == "subsample" else [1] * len(parts))
    counts = np.floor(regime.synthetic * weights / weights.sum()).astype(int)
    counts[rng.permutation(len(parts))[: regime.synthetic - counts.sum()]] += 1
    # Another draw in every generation, all repetitions alike: they differ in their texts.
    return [part[:, rng.permutation(part.shape[1])[:count]] for part, count in zip(parts, counts, strict=True)]


def _measures(model: Chain, begun: Chain, source: Chain) -> tuple[Floats, Floats]:
    return _of_law(model.first, begun.first, source.first), _of_law(model.pairs, begun.pairs, source.pairs)


def _of_law(model: Floats, begun: Floats, source: Floats) -> Floats:
    """(4, repetitions)."""
    axes = tuple(range(1, model.ndim))
    return np.stack(
        [
            (model**2).sum(axes),
            ((model - begun) ** 2).sum(axes),
            np.abs(model - begun).sum(axes) / 2,
            np.abs(model - source).sum(axes) / 2,
        ]
    )
