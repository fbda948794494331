"""Questions about a candidate that a causal model answers with yes or no, and how it would answer them.

Nothing is generated or parsed: what counts is what the model says of the two words that could come next.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel

from summ_collapse.errors import InputError
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.padding import batches_by_length, padded
from summ_collapse.tasks.prompt import CANDIDATE, Prompt


@dataclass(frozen=True)
class Answers:
    """What a model says to a question about each of some candidates."""

    yes: np.ndarray  # P(yes) / (P(yes) + P(no)), (rows,) float64; NaN where the question does not fit the model
    mass: np.ndarray  # P(yes) + P(no), (rows,) float64: how much of what could come next the two words are
    tokens: np.ndarray  # that were read, (rows,) int32
    truncated: np.ndarray  # whether the document was cut, (rows,) bool


class Question:
    """One template, `{document}` and behind it `{candidate}` in it, as a model is asked it.

    A document is cut to its budget, and further where candidate and template leave less room; these are never cut.
    """

    def __init__(self, about: Encoder, template: str, yes: str, no: str, positions: int | None) -> None:
        self.encoder = Encoder(about.tokenizer, Prompt.parse(template), about.max_document_tokens, about.chat)
        middle, end = self.encoder.prompt.tail.split(CANDIDATE)
        self.middle, self.end = self.encoder.template([middle, end])
        self.yes, self.no = (ids[0] for ids in self.encoder.endings([yes, no]))
        self.positions = positions
        if self.yes == self.no:
            raise InputError(f"yes and no: expected words that begin with other tokens, got {yes!r} and {no!r}")

    def asked(self, documents: Sequence[str], candidates: Sequence[str]) -> tuple[list[list[int]], np.ndarray]:
        """Token ids of each question, none where it does not fit, and whether its document was cut, (rows,) bool."""
        found: list[list[int]] = []
        truncated = np.zeros(len(documents), dtype=bool)
        bodies, inner = self.encoder.tokens(documents), self.encoder.tokens(candidates)
        for row, (body, candidate) in enumerate(zip(bodies, inner, strict=True)):
            around = [len(self.encoder.head), len(self.middle), len(candidate), len(self.end)]
            room = self.encoder.max_document_tokens
            if self.positions is not None:
                room = min(room, self.positions - sum(around))
            if room < min(1, len(body)):
                found.append([])
                continue
            truncated[row] = len(body) > room
            found.append([*self.encoder.head, *body[:room], *self.middle, *candidate, *self.end])
        return found, truncated


@torch.inference_mode()
def answers(
    model: PreTrainedModel, question: Question, documents: Sequence[str], candidates: Sequence[str], batch_size: int
) -> Answers:
    """What the model says to the question about each candidate; `batch_size` questions a pass."""
    model.eval()
    asked, truncated = question.asked(documents, candidates)
    rows = [row for row, ids in enumerate(asked) if ids]
    yes, mass = np.full((2, len(asked)), np.nan)
    for batch in batches_by_length([len(asked[row]) for row in rows], batch_size):
        places = [rows[one] for one in batch]
        ids, mask = (part.to(model.device) for part in padded([asked[row] for row in places], question.encoder.pad, "left"))
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        said = model(input_ids=ids, attention_mask=mask, position_ids=positions, logits_to_keep=1, use_cache=False).logits[:, -1]
        # Normalised in float64 whatever the compute type: scores near 0 and 1 keep their order.
        logs = torch.log_softmax(said.double(), -1)[:, [question.yes, question.no]].exp().cpu().numpy()
        mass[places] = logs.sum(1)
        yes[places] = torch.sigmoid(said[:, question.yes].double() - said[:, question.no].double()).cpu().numpy()
    return Answers(yes, mass, np.array([len(ids) for ids in asked], dtype=np.int32), truncated)
