"""From documents to texts: the encoder on both sides of an engine."""

from collections.abc import Sequence
from dataclasses import dataclass

from summ_collapse.models.encoder import Encoder
from summ_collapse.models.engines import Engine
from summ_collapse.recipe.decoding import Decoding


@dataclass(frozen=True)
class Completion:
    """One generated text; n_tokens counts its EOS, finish is `length` where none came."""

    text: str
    n_tokens: int
    finish: str


def generate(engine: Engine, encoder: Encoder, documents: Sequence[str], decoding: Decoding, seed: int) -> list[list[Completion]]:
    """`decoding.samples` completions for each document, in the documents' order."""
    completed = engine.complete([prompt.ids for prompt in encoder.encode(documents)], decoding, seed)
    return [
        [
            Completion(encoder.decode([tokens.ids])[0], len(tokens.ids) + tokens.ended, "stop" if tokens.ended else "length")
            for tokens in several
        ]
        for several in completed
    ]
