"""What all trainings share whatever they minimise: our order of rows, an eye on the loss, gradients summed in float32."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from datasets import Dataset
from torch.utils.data import Sampler
from transformers import Trainer, TrainingArguments
from trl import SFTConfig

from summ_collapse.models.divergence import Loss
from summ_collapse.models.encoded import WEIGHT
from summ_collapse.models.order import RowOrder
from summ_collapse.models.sharding import reduce_in_float32, sum_in_float32
from summ_collapse.models.weighing import WeighedTrainer


class Ordered(Trainer):
    """Stands before one of TRL's trainers. Weights reach the collator, and no model card is beside each checkpoint."""

    order: RowOrder
    loss: Loss

    def create_accelerator_and_postprocess(self) -> None:
        """With gradients that are summed in float32, over passes and over ranks, whatever they were computed in."""
        sum_in_float32(self.args)
        super().create_accelerator_and_postprocess()
        reduce_in_float32(self.accelerator)

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        return self.loss.see(super().training_step(*args, **kwargs))

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler[int]:
        return self.order

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if WEIGHT not in self._signature_columns:
            self._signature_columns.append(WEIGHT)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        return None


class Supervised(Ordered, WeighedTrainer):
    """The likelihood of completions, each row with its weight."""


@dataclass(frozen=True)
class Objective:
    """What a training minimises: through which trainer, with which of its own settings."""

    trainer: Callable[..., Trainer]
    config: type[TrainingArguments]
    options: Mapping[str, Any] = field(default_factory=dict)


SUPERVISED = Objective(Supervised, SFTConfig, {"max_length": None, "completion_only_loss": True, "dataset_num_proc": None})
