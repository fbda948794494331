"""What a model expects next: the distributions themselves, where a likelihood is one number of each.

found = next_token_sums(model, encoder, documents, summaries, 64)
found.entropy.sum() / found.tokens.sum()      # nats a token, of the model's own distribution on real texts
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel

from summ_collapse.models.encoder import Encoder
from summ_collapse.models.likelihood import last_logits
from summ_collapse.models.padding import batches_by_length


@dataclass(frozen=True)
class NextTokens:
    """Sums over the tokens of each completion, its EOS included, (rows,) float64, and how many these are, (rows,) int32.

    `entropy` is of the distribution that each token was drawn from, in nats, and `collision` its sum of squares: the chance that
    two draws are one token, S of the theory of training on one's own output.
    """

    log_likelihood: np.ndarray
    entropy: np.ndarray
    collision: np.ndarray
    tokens: np.ndarray


@torch.inference_mode()
def next_token_sums(
    model: PreTrainedModel, encoder: Encoder, documents: Sequence[str], completions: Sequence[str], batch_size: int
) -> NextTokens:
    """Of each completion after its document; `batch_size` is the most rows in a forward pass."""
    model.eval()
    sequences = encoder.encode(documents, completions)
    counts = np.array([len(one.ids) - one.prompt_length for one in sequences], dtype=np.int32)
    sums = np.zeros((3, len(sequences)))
    for batch in batches_by_length([len(one.ids) for one in sequences], batch_size):
        logits, targets, ours = last_logits(model, encoder.pad, [sequences[row].ids for row in batch], counts[batch].tolist())
        # Row by row, since all rows' distributions beside their logits would be what a pass needs most memory for.
        sums[:, batch] = torch.stack(list(map(_sums, logits, targets, ours)), 1).cpu().numpy()
    likelihood, entropy, collision = sums
    return NextTokens(likelihood, entropy, collision, counts)


def _sums(logits: torch.Tensor, targets: torch.Tensor, ours: torch.Tensor) -> torch.Tensor:
    """Log-likelihood, entropy and sum of squares over one row's own tokens, (3,); logits are (tokens, vocabulary)."""
    # Normalised in float32 whatever the compute type, and summed in float64.
    logarithms = torch.log_softmax(logits[ours].float(), -1)
    chosen = logarithms.gather(-1, targets[ours][:, None])[:, 0]
    probabilities = logarithms.exp_()
    per_token = (chosen, torch.special.entr(probabilities).sum(-1), probabilities.square().sum(-1))
    return torch.stack([values.double().sum() for values in per_token])


@torch.inference_mode()
def next_words(
    model: PreTrainedModel, encoder: Encoder, document: str, prefixes: Sequence[str], words: Sequence[str]
) -> np.ndarray:
    """The probability that each word follows each prefix of a completion, (prefixes, words) float64; "" is no prefix.

    What is left to 1 is the end, or another word. ValueError where a word is not one token of its own.
    """
    model.eval()
    tokens = [ending[:-1] for ending in encoder.endings(words)]
    unknown = next((word for word, ids in zip(words, tokens, strict=True) if encoder.tokenizer.unk_token_id in ids), None)
    if unknown is not None:
        raise ValueError(f"expected words that the model knows, got {unknown!r}")
    split = next((word for word, ids in zip(words, tokens, strict=True) if len(ids) != 1), None)
    if split is not None:
        raise ValueError(f"expected words that are a token each, got {split!r}, which is {len(tokens[words.index(split)])}")
    (prompt,) = encoder.encode([document])
    sequences = [prompt.ids + ending[:-1] for ending in encoder.endings(prefixes)]
    # A token more, whatever it is: what is read is what comes before the last.
    logits, _, _ = last_logits(model, encoder.pad, [[*ids, encoder.eos] for ids in sequences], [1] * len(sequences))
    chosen = torch.softmax(logits[:, -1].float(), -1)[:, [ids[0] for ids in tokens]]
    found: np.ndarray = chosen.double().cpu().numpy()
    return found
