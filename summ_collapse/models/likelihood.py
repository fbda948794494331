"""Log-likelihoods of completions, their EOS included, given their documents.

A document with one completion is read in one pass. One with several is read once, and what the model remembers of it (its
keys and values) goes in front of each of its completions.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from transformers import PreTrainedModel

from summ_collapse.models.encoder import Encoder
from summ_collapse.models.padding import batches_by_length, padded


@dataclass(frozen=True)
class _Document:
    """Token ids of a prompt, and the rows of the completions that follow it."""

    prompt: list[int]
    rows: list[int]


@torch.inference_mode()
def completion_likelihoods(
    model: PreTrainedModel, encoder: Encoder, documents: Sequence[str], completions: Sequence[str], batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum of log-probabilities in nats, (rows,) float64, and number of tokens, (rows,) int32, of each completion.

    Equal documents that stand next to each other share one prompt. `batch_size` is the most completions in a forward pass.
    """
    model.eval()
    found = _documents(encoder, documents)
    endings = encoder.endings(completions)
    totals = np.zeros(len(endings))
    # A recurrent state, unlike keys and values, cannot be read on from in one pass over many tokens.
    can_share = not getattr(model, "_is_stateful", False)
    # Of a prompt of one token, which goes with each completion, nothing is left to be shared.
    shared = [document for document in found if can_share and len(document.rows) > 1 and len(document.prompt) > 1]
    together = {row for document in shared for row in document.rows}
    single = [(row, document.prompt + endings[row]) for document in found for row in document.rows if row not in together]
    rows = [row for row, _ in single]
    alone = [sequence for _, sequence in single]
    totals[rows] = sequence_likelihoods(model, encoder.pad, alone, [len(endings[row]) for row in rows], batch_size)
    for some in _batches_of_documents(shared, batch_size):
        rows = [row for document in some for row in document.rows]
        totals[rows] = _after_prompts(model, encoder.pad, some, [endings[row] for row in rows], batch_size)
    return totals, np.array([len(ending) for ending in endings], dtype=np.int32)


def _documents(encoder: Encoder, documents: Sequence[str]) -> list[_Document]:
    """Each run of equal documents once."""
    runs = [list(run) for _, run in groupby(range(len(documents)), key=lambda row: documents[row])]
    prompts = encoder.encode([documents[rows[0]] for rows in runs])
    return [_Document(prompt.ids, rows) for prompt, rows in zip(prompts, runs, strict=True)]


def _batches_of_documents(documents: Sequence[_Document], batch_size: int) -> Iterator[list[_Document]]:
    """Documents of similar length with at most `batch_size` completions, or one document with more."""
    batch: list[_Document] = []
    for document in sorted(documents, key=lambda document: (-len(document.prompt), document.rows[0])):
        if batch and sum(len(other.rows) for other in batch) + len(document.rows) > batch_size:
            yield batch
            batch = []
        batch.append(document)
    if batch:
        yield batch


@torch.inference_mode()
def sequence_likelihoods(
    model: PreTrainedModel, pad: int, sequences: Sequence[list[int]], counts: Sequence[int], batch_size: int
) -> np.ndarray:
    """Sums of log-probabilities, in nats, over the last `counts` tokens of each sequence, (rows,) float64."""
    totals = np.zeros(len(sequences))
    for batch in batches_by_length([len(sequence) for sequence in sequences], batch_size):
        totals[batch] = _sums(*last_logits(model, pad, [sequences[row] for row in batch], [counts[row] for row in batch]))
    return totals


def last_logits(
    model: PreTrainedModel, pad: int, sequences: Sequence[list[int]], counts: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What a model says before the last `counts` tokens of each sequence: logits (rows, tokens, vocabulary), the tokens that
    came, and which of them are the row's own, (rows, tokens) each.

    Sequences end together, so that only the positions that predict a completion need logits.
    """
    ids, mask = (part.to(model.device) for part in padded(sequences, pad, "left"))
    longest = max(counts)
    logits = model(
        input_ids=ids, attention_mask=mask, position_ids=_positions(mask), logits_to_keep=longest + 1, use_cache=False
    ).logits[:, :-1]
    ours = torch.arange(longest, device=ids.device) >= longest - torch.tensor(counts, device=ids.device)[:, None]
    return logits, ids[:, -longest:], ours


def _after_prompts(
    model: PreTrainedModel, pad: int, documents: Sequence[_Document], endings: Sequence[list[int]], batch_size: int
) -> np.ndarray:
    """Sums over `endings`, which follow the documents' prompts in order.

    Prompts end together and completions begin together, so no padding stands between the two.
    """
    # What predicts the first token of a completion is the last of its prompt, which therefore goes with each completion.
    beginnings = [document.prompt[:-1] for document in documents]
    prefixes, prefix_mask = (part.to(model.device) for part in padded(beginnings, pad, "left"))
    read = model(
        input_ids=prefixes, attention_mask=prefix_mask, position_ids=_positions(prefix_mask), logits_to_keep=1, use_cache=True
    ).past_key_values
    owners = torch.tensor([place for place, document in enumerate(documents) for _ in document.rows], device=model.device)
    continued = [[documents[owner].prompt[-1], *ending] for owner, ending in zip(owners.tolist(), endings, strict=True)]
    sums = []
    for start in range(0, len(continued), batch_size):
        end = start + batch_size
        # A pass writes into its cache, so all passes but the last get a copy.
        cache = read if end >= len(continued) else copy.deepcopy(read)
        cache.batch_select_indices(owners[start:end])
        ids, valid = (part.to(model.device) for part in padded(continued[start:end], pad, "right"))
        # The last token of each is predicted and predicts nothing: as many tokens are read as are predicted.
        ours = valid[:, 1:]
        mask = torch.cat([prefix_mask[owners[start:end]], ours], 1)
        logits = model(
            input_ids=ids[:, :-1],
            attention_mask=mask,
            position_ids=_positions(mask)[:, prefixes.shape[1] :],
            past_key_values=cache,
            use_cache=True,
        ).logits
        sums.append(_sums(logits, ids[:, 1:], ours.bool()))
    return np.concatenate(sums)


def _sums(logits: torch.Tensor, targets: torch.Tensor, ours: torch.Tensor) -> np.ndarray:
    """(rows,) float64 sums of the targets' log-probabilities where `ours`; logits (rows, tokens, vocabulary)."""
    # Normalised in float32 whatever the compute type, and summed in float64.
    chosen = torch.log_softmax(logits.float(), -1).gather(-1, targets[..., None])[..., 0].double()
    return torch.where(ours, chosen, 0.0).sum(1).cpu().numpy()


def _positions(mask: torch.Tensor) -> torch.Tensor:
    """Position ids that count a row's own tokens; padding on the right stays at the last of them."""
    return (mask.cumsum(1) - 1).clamp(min=0)
