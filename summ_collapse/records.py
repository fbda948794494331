"""The tables that flow between stages: Example, Candidate, Score, Rows, Pair. Names, types, checks.

`Example` is keyed by `id`, `Candidate` and `Score` by (`id`, `sample`), `Rows` by these and `source`, `Pair` by (`id`, `pair`).
Tables may carry further columns of their task or verifier; those named here come first, with exactly these types.
"""

import hashlib

import numpy as np
import pyarrow as pa

EXAMPLE = pa.schema([("id", pa.string()), ("document", pa.string()), ("summary", pa.string())])
KEY = [("id", pa.string()), ("sample", pa.int32())]
CANDIDATE = pa.schema([*KEY, ("candidate", pa.string()), ("n_tokens", pa.int32()), ("finish", pa.string())])
SCORE = pa.schema([*KEY, ("score", pa.float64())])
ROWS = pa.schema([*KEY, ("source", pa.string()), ("completion", pa.string()), ("weight", pa.float64())])
PAIR = pa.schema(
    [
        ("id", pa.string()),
        ("pair", pa.int32()),
        ("prefix", pa.string()),
        ("chosen", pa.string()),
        ("rejected", pa.string()),
        ("weight", pa.float64()),
        # Whether each side goes on to the end of its text: a model then learns that it ends there.
        ("chosen_ends", pa.bool_()),
        ("rejected_ends", pa.bool_()),
    ]
)
REAL = "real"  # the `source` of rows that no model wrote


def check(table: pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    """`table` with the schema's columns first, cast to its types; ValueError where one is missing or a key repeats."""
    missing = [field.name for field in schema if field.name not in table.column_names]
    if missing:
        raise ValueError(f"{name}: expected columns {schema.names}, missing {missing}; there are {table.column_names}")
    others = [column for column in table.column_names if column not in schema.names]
    table = table.select([*schema.names, *others])
    fields = [schema.field(column) if column in schema.names else table.schema.field(column) for column in table.column_names]
    table = table.cast(pa.schema(fields))
    keys = keys_of(table, "pair" if "pair" in schema.names else "sample")
    if len(set(keys)) < len(keys):
        raise ValueError(f"{name}: expected each key once, got {len(keys) - len(set(keys))} repeated")
    return table


def rows_of(ids: pa.ChunkedArray, samples: pa.ChunkedArray, completions: pa.ChunkedArray, source: str) -> pa.Table:
    """Rows to train on, all from one source and each of weight 1."""
    count = len(ids)
    weights = pa.array(np.ones(count), pa.float64())
    return pa.table([ids, samples, pa.array([source] * count, pa.string()), completions, weights], names=ROWS.names).cast(ROWS)


def keys_of(table: pa.Table, number: str = "sample") -> list[tuple[str, int]]:
    """(id, sample) of every row, or (id, pair); the number is 0 where the table has none."""
    ids = table["id"].to_pylist()
    numbers = table[number].to_pylist() if number in table.column_names else [0] * len(ids)
    return list(zip(ids, numbers, strict=True))


def tie_break(seed: int | str, keys: list[tuple[str, int]]) -> np.ndarray:
    """A reproducible random number per key: uint64 from a hash of (seed, id, sample). Breaks ties, draws slices."""
    digests = (hashlib.blake2b(f"{seed}\0{key}\0{sample}".encode(), digest_size=8).digest() for key, sample in keys)
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)
