"""Rows that weigh more or less than others in the loss: a row of weight 2 counts as if it stood there twice.

The loss of an optimizer step is the weighted sum of its tokens' negative log-likelihoods over the sum of their weights, on
all ranks and in all passes together. A row that weighs less than nothing is unlearnt; the sum is then of the weights' sizes.
Where all rows weigh 1, nothing of this is in the way of TRL's own loss.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from trl import SFTTrainer

from summ_collapse.models.encoded import WEIGHT
from summ_collapse.models.encoder import IGNORED

Row = dict[str, list[int] | float]  # token ids and their mask, and the weight
Batch = dict[str, torch.Tensor]
Collate = Callable[[list[Row]], Batch]


class WeighedTrainer(SFTTrainer):
    """SFTTrainer that weighs rows where they carry a column `weight`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.weighs = WEIGHT in self.train_dataset.column_names
        if self.weighs:
            collate: Collate = vars(self)["data_collator"]  # TRL carries no types
            self.data_collator = _with_weights(collate)

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> Any:
        """The weights of all tokens that are learnt in one optimizer step, on all ranks; of those below zero their size."""
        if not self.weighs:
            return super()._get_num_items_in_batch(batch_samples, device)
        total = sum((_learnt(batch["labels"]).sum(dim=1) * batch[WEIGHT].abs()).sum() for batch in batch_samples)
        return self.accelerator.gather(torch.as_tensor(total).to(device).reshape(1)).sum()

    def compute_loss(self, model: Any, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        """The part of a step's loss that one pass has."""
        if not self.weighs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        weights, labels = inputs[WEIGHT], inputs["labels"]
        outputs = model(**{key: value for key, value in inputs.items() if key not in (WEIGHT, "labels")}, use_cache=False)
        logits = outputs.logits[:, :-1].float()
        losses = cross_entropy(logits.transpose(1, 2), labels[:, 1:], ignore_index=IGNORED, reduction="none")
        # Ranks' gradients are averaged, and this is a sum over all of them.
        total = torch.as_tensor(num_items_in_batch, device=losses.device).clamp(min=torch.finfo(torch.float32).tiny)
        loss = (losses.sum(dim=1) * weights).sum() / total * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss


def _learnt(labels: torch.Tensor) -> torch.Tensor:
    """(rows, tokens) bool: what a model predicts from the token before."""
    return labels[:, 1:] != IGNORED


def _with_weights(collate: Collate) -> Collate:
    def together(rows: list[Row]) -> Batch:
        weights = torch.tensor([row[WEIGHT] for row in rows], dtype=torch.float32)
        plain = [{key: value for key, value in row.items() if key != WEIGHT} for row in rows]
        return {**collate(plain), WEIGHT: weights}

    return together
