"""Direct preference optimisation through TRL's DPOTrainer (Rafailov et al. 2023), on pairs that come encoded and weighed.

The loss of a step is the weighted mean over its pairs of -log σ(β·((log π(chosen) - log π₀(chosen)) - (log π(rejected) - log
π₀(rejected)))), over all passes and ranks together; beside it, where asked for, that of -log π(chosen) a token
(Pang et al. 2024). π₀, the model that training starts from, was asked once before.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from datasets import Dataset
from torch.nn.functional import logsigmoid
from transformers import PreTrainedTokenizerBase
from trl import DPOConfig, DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from summ_collapse.models.encoded import WEIGHT
from summ_collapse.models.encoder import IGNORED
from summ_collapse.models.trainers import Objective, Ordered

EXACT = ("ref_chosen_logps", "ref_rejected_logps", WEIGHT)  # what is kept in float64
Batch = dict[str, torch.Tensor]
Collate = Callable[[list[dict[str, Any]]], Batch]


class Preference(Ordered, DPOTrainer):
    """DPOTrainer whose pairs have weights, and all log-probabilities of the reference with them."""

    def __init__(self, *args: Any, processing_class: PreTrainedTokenizerBase, likelihood: float = 0.0, **kwargs: Any) -> None:
        self.likelihood = likelihood
        # Padding is masked, so any token can stand in: what its own collator takes for it would be written to the model.
        stand_in = processing_class.pad_token_id if processing_class.pad_token_id is not None else processing_class.eos_token_id
        collate = _with_weights(DataCollatorForPreference(pad_token_id=stand_in))
        super().__init__(*args, processing_class=processing_class, data_collator=collate, **kwargs)
        self.model_accepts_loss_kwargs = True  # the loss is told of the whole step, and is its part of that

    def _prepare_dataset(self, dataset: Dataset, *args: Any, **kwargs: Any) -> Dataset:
        return dataset

    def _precompute_ref_logps(self, dataset: Dataset, name: str, batch_size: int) -> Dataset:
        return dataset

    def _get_num_items_in_batch(self, batch_samples: list[Batch], device: torch.device) -> torch.Tensor:
        """The weights of all pairs of one optimizer step, on all ranks."""
        total = torch.as_tensor(sum(batch[WEIGHT].sum() for batch in batch_samples))
        gathered: torch.Tensor = self.accelerator.gather(total.to(device).reshape(1)).sum()
        return gathered

    def compute_loss(self, model: Any, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        """The part of a step's loss that one pass has."""
        # Ranks' gradients are averaged, and this is a sum over all of them.
        total = torch.as_tensor(num_items_in_batch).clamp(min=torch.finfo(torch.float32).tiny)
        losses = preference_losses(model, inputs, self.beta, self.likelihood)
        loss = (losses * inputs[WEIGHT]).sum() / total.to(losses.device) * self.accelerator.num_processes
        return loss.float()


def preference_losses(model: Any, inputs: Batch, beta: float, likelihood: float = 0.0) -> torch.Tensor:
    """-log σ of each pair's margin, and `likelihood` times the chosen side's own loss a token, (pairs,).

    A batch holds all chosen sequences and then all rejected ones.
    """
    labels = inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, IGNORED)
    found = model(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], labels=labels, use_cache=False, fused_lm_head=True
    )
    # In float64: a margin is a small difference of sums over many tokens.
    chosen, rejected = found.log_probs.double().sum(dim=1).chunk(2)
    margin = (chosen - inputs["ref_chosen_logps"]) - (rejected - inputs["ref_rejected_logps"])
    losses = -logsigmoid(beta * margin)
    if likelihood:
        losses = losses - likelihood * chosen / inputs["completion_mask"].chunk(2)[0].sum(dim=1)
    return losses


def preference(beta: float, likelihood: float = 0.0) -> Objective:
    """What such a training minimises; TRL asks no reference model, since its answers are columns."""
    options = {"beta": beta, "max_length": None, "precompute_ref_log_probs": True, "disable_dropout": False}
    return Objective(partial(Preference, likelihood=likelihood), DPOConfig, options)


def _with_weights(collate: Collate) -> Collate:
    def together(pairs: list[dict[str, Any]]) -> Batch:
        exact = {name: torch.tensor([pair[name] for pair in pairs], dtype=torch.float64) for name in EXACT}
        return {**collate(pairs), **exact}

    return together
