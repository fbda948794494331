"""Log-likelihoods of completions, their EOS included, given their documents."""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel

from summ_collapse.models.encoder import Encoder
from summ_collapse.models.generation import left_padded


@torch.inference_mode()
def completion_likelihoods(
    model: PreTrainedModel, encoder: Encoder, documents: Sequence[str], completions: Sequence[str], batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum of log-probabilities in nats, (rows,) float64, and number of tokens, (rows,) int32, of each completion.

    Sequences end together in a batch, so that only the positions that predict a completion need logits.
    """
    rows = encoder.encode(documents, completions)
    by_length = sorted(range(len(rows)), key=lambda index: (-len(rows[index].ids), index))
    totals = np.zeros(len(rows))
    counts = np.array([len(row.ids) - row.prompt_length for row in rows], dtype=np.int32)
    model.eval()
    for start in range(0, len(by_length), batch_size):
        batch = by_length[start : start + batch_size]
        ids, mask = left_padded([rows[index].ids for index in batch], encoder.pad)
        ids, mask = ids.to(model.device), mask.to(model.device)
        longest = int(counts[batch].max())
        logits = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(1) - 1).clamp(min=0),
            logits_to_keep=longest + 1,
            use_cache=False,
        ).logits[:, :-1]
        targets = ids[:, -longest:]
        # Normalised in float32 whatever the compute type, and summed in float64.
        chosen = torch.log_softmax(logits.float(), -1).gather(-1, targets[..., None])[..., 0].double()
        ours = torch.arange(longest, device=ids.device) >= longest - torch.tensor(counts[batch], device=ids.device)[:, None]
        totals[batch] = torch.where(ours, chosen, 0.0).sum(1).cpu().numpy()
    return totals, counts
