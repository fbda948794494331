"""Encoded rows of a training as a table that is mapped from disk: what a rank holds in memory are their lengths.

A list of token ids in Python takes 36 bytes a token: 300,000 documents would be 6 GB in each of a node's ranks.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, concatenate_datasets

from summ_collapse.models.encoder import Encoded, Encoder

BLOCK = 1000  # rows that are encoded at a time
WEIGHT = "weight"
SCHEMA = pa.schema(
    [
        ("input_ids", pa.list_(pa.int32())),
        ("completion_mask", pa.list_(pa.int8())),
        ("labels", pa.list_(pa.int32())),  # from the mask TRL would make the same, row by row
        (WEIGHT, pa.float32()),
    ]
)


@dataclass(frozen=True)
class EncodedRows:
    """Rows as TRL takes them, and their lengths in tokens."""

    table: Dataset
    lengths: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Encoded], weights: Sequence[float] | None = None) -> "EncodedRows":
        """Of few rows, in memory."""
        return cls._from(Dataset(_block(rows, weights or [1.0] * len(rows))))

    @classmethod
    def at(cls, path: Path) -> "EncodedRows":
        """Of the file that `write` left."""
        return cls._from(Dataset.from_file(str(path)))

    @classmethod
    def _from(cls, table: Dataset) -> "EncodedRows":
        weights = table.data.column(WEIGHT).to_numpy()
        lengths = pc.list_value_length(table.data.column("input_ids")).to_numpy()
        # Where all rows weigh 1, nothing of weights is in the way of TRL's own loss.
        return cls(table if (weights != 1).any() else table.remove_columns(WEIGHT), lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def weighed(self) -> bool:
        """Whether any row weighs more or less than 1."""
        return WEIGHT in self.table.column_names

    @property
    def longest_completion(self) -> int:
        """Tokens that are learnt of the row that has most of them."""
        chunks = self.table.data.column("completion_mask").chunks
        return max(int(np.add.reduceat(_values(chunk), _starts(chunk), dtype=np.int64).max()) for chunk in chunks if len(chunk))

    def with_filler(self, token: int) -> Dataset:
        """The table with one row more, of which nothing is learnt: what fills up a batch that ranks could not share."""
        filler = _block([Encoded([token, token], 2, truncated=False)], [0.0])
        return concatenate_datasets([self.table, Dataset(filler if self.weighed else filler.drop_columns([WEIGHT]))])


def write(path: Path, encoder: Encoder, documents: Sequence[str], completions: Sequence[str], weights: Sequence[float]) -> int:
    """Encode rows into a file, block by block; how many of their documents were truncated."""
    truncated = 0
    with streamed(path, SCHEMA) as table:
        for start in range(0, len(documents), BLOCK):
            part = slice(start, start + BLOCK)
            rows = encoder.encode(documents[part], completions[part])
            truncated += sum(row.truncated for row in rows)
            table.write_table(_block(rows, weights[part]))
    return truncated


@contextmanager
def streamed(path: Path, schema: pa.Schema) -> Iterator[pa.ipc.RecordBatchStreamWriter]:
    """A file to write tables to, block by block, that `Dataset.from_file` maps; in its place once it is whole."""
    temporary = path.with_name(f".{path.name}.tmp")
    with pa.OSFile(str(temporary), "wb") as file, pa.ipc.new_stream(file, schema) as table:
        yield table
    temporary.replace(path)


def _block(rows: Sequence[Encoded], weights: Sequence[float]) -> pa.Table:
    columns = [[row.ids for row in rows], [row.completion_mask for row in rows], [row.labels for row in rows], list(weights)]
    return pa.table(dict(zip(SCHEMA.names, columns, strict=True)), schema=SCHEMA)


def _values(chunk: pa.ListArray) -> np.ndarray:
    return chunk.flatten().to_numpy()


def _starts(chunk: pa.ListArray) -> np.ndarray:
    """Where each row's values begin among those of the chunk."""
    offsets: np.ndarray = chunk.offsets.to_numpy()
    return offsets[:-1] - offsets[0]
