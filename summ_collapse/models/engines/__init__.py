"""Who completes prompts: one file an engine, entry-point group `summ_collapse.engines`.

An engine is a function of (where a model lies, the encoder that goes with it) that gives an `Engine`. Its name, and
whatever options of a recipe it reads, are part of what a result is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from summ_collapse.recipe.decoding import Decoding


@dataclass(frozen=True)
class Tokens:
    """One completion: token ids without the end, whether it ended by itself, and each token's log-probability in nats.

    `log_probabilities` are the model's own, before temperature and nucleus, the end's included; None where nobody asked.
    """

    ids: list[int]
    ended: bool
    log_probabilities: list[float] | None = None


@dataclass(frozen=True)
class Beginnings:
    """One sequence of token ids, a prompt and a completion, and after how many of its tokens it is to be continued otherwise."""

    ids: list[int]
    prompt_length: int
    cuts: list[int]

    @property
    def prefixes(self) -> list[list[int]]:
        """The sequence up to each cut."""
        return [self.ids[:cut] for cut in self.cuts]


class Engine(Protocol):
    """Completes prompts given as token ids. A prompt that ends in part of a completion is continued from there.

    An engine may also have a method `continue_from`, with the arguments of `continued` behind the engine: where it can read what
    several beginnings share once for all of them.
    """

    def complete(
        self, prompts: Sequence[Sequence[int]], decoding: Decoding, seed: int, log_probabilities: bool = False
    ) -> list[list[Tokens]]:
        """`decoding.samples` completions a prompt, in the prompts' order; the same for equal arguments."""
        ...


def continued(engine: Engine, sequences: Sequence[Beginnings], decoding: Decoding, seed: int) -> list[list[list[Tokens]]]:
    """`decoding.samples` continuations of every cut of every sequence, in their order.

    `decoding.max_new_tokens` is of whole completions: what stands before a cut counts.
    """
    own = getattr(engine, "continue_from", None)
    if own is not None:
        found: list[list[list[Tokens]]] = own(sequences, decoding, seed)
        return found
    flat = [prefix for one in sequences for prefix in one.prefixes]
    written = iter(engine.complete(flat, decoding, seed))
    return [[within(next(written), one, cut, decoding) for cut in one.cuts] for one in sequences]


def within(several: Sequence[Tokens], of: Beginnings, cut: int, decoding: Decoding) -> list[Tokens]:
    """Continuations cut off where the whole completion is as long as it may be, its end included."""
    left = decoding.max_new_tokens - (cut - of.prompt_length)
    return [one if len(one.ids) + one.ended <= left else Tokens(one.ids[:left], False, None) for one in several]
