"""Sequences of different lengths, put together: in batches of similar length, and in one tensor."""

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch.nn.utils.rnn import pad_sequence


def batches_by_length(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Indices in batches, the longest first; equal lengths keep their order."""
    longest_first = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    for start in range(0, len(lengths), batch_size):
        yield longest_first[start : start + batch_size]


def padded(sequences: Sequence[Sequence[int]], pad: int, side: Literal["left", "right"]) -> tuple[torch.Tensor, torch.Tensor]:
    """(batch, longest) token ids that end together (padded on the left) or begin together, and their attention mask."""
    ids = [torch.tensor(sequence, dtype=torch.long) for sequence in sequences]
    mask = pad_sequence([torch.ones_like(sequence) for sequence in ids], batch_first=True, padding_side=side)
    return pad_sequence(ids, batch_first=True, padding_value=pad, padding_side=side), mask
