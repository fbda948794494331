"""Pairs in token ids: a prompt with the prefix that both sides share, and how each goes on.

As a table that is mapped from disk, like the rows of any training (`encoded.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, concatenate_datasets

from summ_collapse.models.encoded import WEIGHT, streamed
from summ_collapse.models.encoder import Encoder

SCHEMA = pa.schema(
    [
        ("prompt_ids", pa.list_(pa.int32())),
        ("chosen_ids", pa.list_(pa.int32())),
        ("rejected_ids", pa.list_(pa.int32())),
        ("ref_chosen_logps", pa.float64()),
        ("ref_rejected_logps", pa.float64()),
        (WEIGHT, pa.float32()),
    ]
)


@dataclass(frozen=True)
class PairText:
    """One pair as text: the sides go on right behind the prefix, with the blanks that stand there."""

    document: str
    prefix: str
    chosen: str
    rejected: str
    chosen_ends: bool
    rejected_ends: bool


@dataclass(frozen=True)
class PairIds:
    """One pair as token ids; EOS follows a side that ends its text."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]
    truncated: bool

    @property
    def length(self) -> int:
        """Tokens of both sequences."""
        return 2 * len(self.prompt) + len(self.chosen) + len(self.rejected)


def encode(encoder: Encoder, pairs: Sequence[PairText]) -> list[PairIds | None]:
    """Both sides behind one prompt; None where a side's tokens do not begin with the prefix's, as they then share no prompt."""
    prompts = encoder.encode([pair.document for pair in pairs])
    prefixes = encoder.beginnings([pair.prefix for pair in pairs])
    chosen = encoder.beginnings([pair.prefix + pair.chosen for pair in pairs])
    rejected = encoder.beginnings([pair.prefix + pair.rejected for pair in pairs])
    found: list[PairIds | None] = []
    for pair, prompt, prefix, better, worse in zip(pairs, prompts, prefixes, chosen, rejected, strict=True):
        cut = len(prefix)
        if better[:cut] != prefix or worse[:cut] != prefix:
            found.append(None)
            continue
        better = [*better[cut:], *([encoder.eos] if pair.chosen_ends else [])]
        worse = [*worse[cut:], *([encoder.eos] if pair.rejected_ends else [])]
        found.append(PairIds([*prompt.ids, *prefix], better, worse, prompt.truncated) if better and worse else None)
    return found


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs as TRL's collator takes them, with the reference's log-probabilities, and how many tokens each has."""

    table: Dataset
    lengths: np.ndarray

    @classmethod
    def at(cls, path: Path) -> "EncodedPairs":
        """Of the file that `write` left."""
        table = Dataset.from_file(str(path))
        prompt, *sides = (pc.list_value_length(table.data.column(name)).to_numpy() for name in SCHEMA.names[:3])
        return cls(table, 2 * prompt + sum(sides))

    def __len__(self) -> int:
        return len(self.lengths)

    def with_filler(self, token: int) -> Dataset:
        """The table with one pair more, of which nothing is learnt."""
        filler = _block([PairIds([token], [token], [token], truncated=False)], [(0.0, 0.0)], [0.0])
        return concatenate_datasets([self.table, Dataset(filler)])


def write(path: Path, pairs: Sequence[PairIds], references: Sequence[tuple[float, float]], weights: Sequence[float]) -> None:
    """Into a file that ranks map; `references` are the log-probabilities of both sides, in nats."""
    with streamed(path, SCHEMA) as table:
        table.write_table(_block(pairs, references, weights))


def _block(pairs: Sequence[PairIds], references: Sequence[tuple[float, float]], weights: Sequence[float]) -> pa.Table:
    ids = [[pair.prompt for pair in pairs], [pair.chosen for pair in pairs], [pair.rejected for pair in pairs]]
    sides = [[one[side] for one in references] for side in (0, 1)]
    return pa.table(dict(zip(SCHEMA.names, [*ids, *sides, list(weights)], strict=True)), schema=SCHEMA)
