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


class Engine(Protocol):
    """Completes prompts given as token ids. A prompt that ends in part of a completion is continued from there."""

    def complete(
        self, prompts: Sequence[Sequence[int]], decoding: Decoding, seed: int, log_probabilities: bool = False
    ) -> list[list[Tokens]]:
        """`decoding.samples` completions a prompt, in the prompts' order; the same for equal arguments."""
        ...
