"""The order of training rows: a function of (seed, epoch) alone, so that a resumed run sees what an undisturbed one would."""

import math
from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

SORTED_BATCHES = 50  # batches that are sorted by length together: enough to save padding, few enough to stay random


class RowOrder(Sampler[int]):
    """Row indices of one epoch after another: shuffled, grouped by length, the same for equal (seed, epoch).

    Ranks take `shared` rows together, in one pass of each. Where an epoch's last batch leaves some of them without, the index
    behind the last row stands in: who shares batches out would repeat rows of the epoch's beginning.
    """

    def __init__(self, lengths: np.ndarray, batch_size: int, seed: int, shared: int = 1) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.filling = -(len(lengths) % batch_size) % shared
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths) + self.filling

    @property
    def batches(self) -> int:
        """Optimizer steps an epoch."""
        return math.ceil(len(self.lengths) / self.batch_size)

    def __iter__(self) -> Iterator[int]:
        return iter([*self.epoch_order(self.epoch).tolist(), *[len(self.lengths)] * self.filling])

    def epoch_order(self, epoch: int) -> np.ndarray:
        """A permutation of all rows in which each batch holds rows of similar length."""
        rng = np.random.default_rng([self.seed, epoch])
        shuffled = rng.permutation(len(self.lengths))
        group = SORTED_BATCHES * self.batch_size
        batches = []
        for start in range(0, len(shuffled), group):
            part = shuffled[start : start + group]
            part = part[np.argsort(-self.lengths[part], kind="stable")]
            batches += [part[at : at + self.batch_size] for at in range(0, len(part), self.batch_size)]
        # A smaller batch goes last, so that all the others keep their boundaries.
        whole = [batch for batch in batches if len(batch) == self.batch_size]
        rest = [batch for batch in batches if len(batch) < self.batch_size]
        return np.concatenate([*(whole[at] for at in rng.permutation(len(whole))), *rest])


def tokens_seen(order: RowOrder, steps: int) -> int:
    """Tokens of all rows in the first `steps` optimizer steps, padding not counted."""
    left, epoch, tokens = steps, 0, 0
    while left > 0:
        rows = order.epoch_order(epoch)[: left * order.batch_size]
        tokens += int(order.lengths[rows].sum())
        left -= order.batches
        epoch += 1
    return tokens
