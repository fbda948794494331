"""How completions are drawn: what a method of decoding depends on, and nothing that it ignores."""

from dataclasses import dataclass
from typing import Literal

from summ_collapse.recipe.blocks import Sampled

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


def decoding_of(how: Sampled, limit: int, method: Method | None = None) -> Decoding:
    """What a recipe says of a method, or of its own, for completions of at most `limit` tokens."""
    method = method or how.decoding
    if method == "sampling":
        return Decoding(method, limit, how.samples, how.temperature, how.top_p, batch_size=how.batch_size)
    if method == "beam":
        return Decoding(method, limit, how.samples, beams=how.beams, batch_size=how.batch_size)
    return Decoding(method, limit, batch_size=how.batch_size)
