"""Texts as vectors: the mean of a model's last hidden states over a text's own tokens, scaled to length 1.

vectors = Embedder("models/some-encoder")(texts)      # (texts, width)
"""

from collections.abc import Sequence

import numpy as np
import torch

from summ_collapse.models.loading import ModelSource, load_bare, load_tokenizer, positions
from summ_collapse.models.padding import batches_by_length, padded

BATCH = 32
MOST_TOKENS = 512  # of a text; what is longer is read up to there


class Embedder:
    """A model without its head, an encoder or a causal one; every text is read once. InputError where it cannot be loaded."""

    def __init__(self, folder: str) -> None:
        source = ModelSource(folder, attention=None)
        self._tokenizer = load_tokenizer(source)
        self._model = load_bare(source, torch.float32).eval()
        self._room = min(positions(source) or MOST_TOKENS, self._tokenizer.model_max_length, MOST_TOKENS)
        self._known: dict[str, np.ndarray] = {}

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, width) float32."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known |= dict(zip(new, self._read(new), strict=True))
        return np.stack([self._known[text] for text in texts])

    @torch.inference_mode()
    def _read(self, texts: Sequence[str]) -> list[np.ndarray]:
        sequences = [self._tokenizer(text, truncation=True, max_length=self._room)["input_ids"] for text in texts]
        nothing = self._tokenizer.eos_token_id or 0
        sequences = [sequence or [nothing] for sequence in sequences]  # of an empty text there is no token at all
        pad = nothing if self._tokenizer.pad_token_id is None else self._tokenizer.pad_token_id
        found: list[np.ndarray] = [np.empty(0)] * len(texts)
        for batch in batches_by_length([len(sequence) for sequence in sequences], BATCH):
            ids, mask = (part.to(self._model.device) for part in padded([sequences[row] for row in batch], pad, "right"))
            states = self._model(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None]
            vectors = torch.nn.functional.normalize(states.sum(1) / mask.sum(1, keepdim=True), dim=-1)
            for row, vector in zip(batch, vectors.cpu().numpy(), strict=True):
                found[row] = vector
        return found
