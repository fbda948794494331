"""A few rows of tables that stages have made of all rows: the longest among them, and of every table some."""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from summ_collapse import store
from summ_collapse.records import CANDIDATE, keys_of
from summ_collapse.selection.order import places
from summ_collapse.store import Artifact

ROWS, TEST_ROWS = 24, 8
LONGEST, FIRST = 2, 4  # of them: the longest documents, summaries and candidates, so many of each; the first of each table


def chosen(whole: Mapping[str, Artifact], gives: Mapping[str, str]) -> tuple[list[str], int]:
    """Ids of the rows that are kept, and how many of them are to learn from; `gives` says which table is what."""
    examples = next(artifact for name, artifact in whole.items() if gives[name] == "examples")
    train, test = examples.table("train"), examples.table("test")
    train = train.take(pc.sort_indices(train["slice_rank"]))
    ids = train["id"].to_pylist()
    kept = dict.fromkeys([*_longest(train, "document", "summary"), *ids[:FIRST]])
    there = set(ids)
    for name, artifact in whole.items():
        if gives[name] == "examples":
            continue
        found = [identifier for table in _tables(artifact) for identifier in table["id"].to_pylist()]
        kept |= dict.fromkeys(found[:FIRST])
        if gives[name] == "candidates":
            kept |= dict.fromkeys(_longest(artifact.table("candidates"), "candidate"))
            there &= set(found)  # whoever brings candidates of some documents has scores of these alone
    spread = [identifier for identifier in ids if identifier in there]
    kept |= dict.fromkeys(spread[:: max(1, len(spread) // ROWS)][:ROWS])
    held_out = dict.fromkeys([*_longest(test, "document", "summary"), *test["id"].to_pylist()[:TEST_ROWS]])
    return [*kept, *held_out], len(kept)


def cut(artifact: Artifact, ids: Iterable[str], place: Path) -> Artifact:
    """The same with the rows of these ids alone; the order of slices stays, without gaps."""
    shutil.copytree(artifact.path, place, ignore=shutil.ignore_patterns("*.parquet", "work", store.MANIFEST))
    wanted, rows = pa.array(list(ids)), dict[str, int]()
    for path in artifact.path.glob("*.parquet"):
        table = store.read_table(path)
        if "id" in table.column_names:
            table = table.filter(pc.is_in(table["id"], wanted))
        if "slice_rank" in table.column_names:
            ranks = places(np.argsort(table["slice_rank"].to_numpy()))
            table = table.set_column(table.column_names.index("slice_rank"), "slice_rank", pa.array(ranks, pa.int64()))
        store.write_table(place / path.name, table)
        rows[f"{path.stem}_rows"] = table.num_rows
    leave(place, artifact.manifest["fingerprint"], sum(rows.values()), {**artifact.manifest["notes"], **rows})
    return Artifact(place)


def stand_in(written: Artifact, examples: Artifact) -> None:
    """References for what a model without knowledge wrote: every other one the document's own, the rest another's."""
    path = written.path / "candidates.parquet"
    candidates = store.read_table(path)
    if candidates.column_names != CANDIDATE.names:  # what goes on from other texts
        return
    train = examples.table("train", ["id", "summary"])
    train = train.filter(train["summary"].is_valid())
    place_of = {identifier: place for place, identifier in enumerate(train["id"].to_pylist())}
    summaries, texts = train["summary"].to_pylist(), []
    for identifier, sample in keys_of(candidates):
        place = place_of.get(identifier, 0)
        texts.append(summaries[(place + (place + sample) % 2) % len(summaries)])
    store.write_table(path, candidates.set_column(CANDIDATE.names.index("candidate"), "candidate", [texts]))


def like(artifact: Artifact, gives: str) -> str:
    """What matters of an input to a stage that is rehearsed.

    Of candidates and scores which they are, since they go together; of a model its make and tokenizer; of rows how long they get.
    """
    if gives in ("examples", "candidates", "scores"):
        return str(artifact.path)
    if gives == "model":
        there = [artifact.path / name for name in ("config.json", "adapter_config.json", "tokenizer.json")]
        return store.fingerprint([store.digest(path) for path in there if path.is_file()])
    tables = [store.read_table(path) for path in sorted(artifact.path.glob("*.parquet"))]
    texts = [table[name] for table in tables for name in ("completion", "chosen", "rejected") if name in table.column_names]
    return f"{gives} of {max((pc.max(pc.utf8_length(one)).as_py() or 0 for one in texts), default=0)}"


def leave(place: Path, fingerprint: str, rows: int, notes: Mapping[str, Any]) -> None:
    """What stages read of a manifest."""
    content = {"fingerprint": fingerprint, "rows_out": rows, "notes": dict(notes)}
    (place / store.MANIFEST).write_text(json.dumps(content), encoding="utf-8")


def _tables(artifact: Artifact) -> list[pa.Table]:
    """Those with ids; in the order of their names."""
    read = (store.read_table(path) for path in sorted(artifact.path.glob("*.parquet")))
    return [table for table in read if "id" in table.column_names]


def _longest(table: pa.Table, *columns: str) -> list[str]:
    """Ids of the rows with the longest texts of each column."""
    found: list[str] = []
    for column in columns:
        lengths = pc.fill_null(pc.utf8_length(table[column]), 0)
        first = pc.array_sort_indices(lengths.combine_chunks(), order="descending")[:LONGEST]
        found += table["id"].take(first).to_pylist()
    return found
