"""How completions are drawn: what a method of decoding depends on, and nothing that it ignores."""

from dataclasses import dataclass
from typing import Literal

from summ_collapse.recipe.blocks import Synthesis

Method = Literal["greedy", "sampling", "beam"]


@dataclass(frozen=True)
class Decoding:
    """The settings of one method; those that it ignores keep their defaults."""

    method: Method
    max_new_tokens: int
    samples: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    beams: int = 1
    batch_size: int = 64

    @property
    def sequences(self) -> int:
        """Sequences a document, each of which reads the whole prompt."""
        return max(self.samples, self.beams)


def decoding_of(synthesis: Synthesis, method: Method) -> Decoding:
    """What a recipe's `synthesis` says of a method."""
    limit, batch_size = synthesis.max_new_tokens, synthesis.batch_size
    if method == "sampling":
        return Decoding(method, limit, synthesis.samples, synthesis.temperature, synthesis.top_p, batch_size=batch_size)
    if method == "beam":
        return Decoding(method, limit, synthesis.samples, beams=synthesis.beams, batch_size=batch_size)
    return Decoding(method, limit, batch_size=batch_size)
