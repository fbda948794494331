"""Tables as stages leave them for each other, and one stage run on them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from summ_collapse.stages.stage import Context, Outcome, Stage
from summ_collapse.store import Artifact, Place, read_table, write_table


def published(run: Path, name: str, notes: Mapping[str, Any] | None = None, **tables: pa.Table) -> Artifact:
    """A result of these tables, whole, as a stage publishes its own."""
    place = Place(run, "made", name, "f" * 64)
    out = place.prepare_work() / "out"
    out.mkdir()
    for table, content in tables.items():
        write_table(out / f"{table}.parquet", content)
    return place.publish(
        out, {"rows_out": next(iter(tables.values())).num_rows, "notes": dict(notes or {}), "fingerprint": "f" * 64}
    )


def done(stage: Stage, folder: Path, inputs: Mapping[str, Artifact], seed: int = 0) -> tuple[Outcome, Path]:
    """What a stage says of its work, and the folder of what it wrote."""
    work, out = folder / "work", folder / "out"
    for place in (work, out):
        place.mkdir(parents=True)
    context = Context(f"{stage.kind}/arm", inputs, seed, work, out, 10, lambda *_: None)
    return stage.run(context), out


def rows_written(out: Path, name: str = "rows") -> list[dict[str, Any]]:
    return read_table(out / f"{name}.parquet").to_pylist()


def examples(run: Path, ranks: Sequence[int], **columns: Sequence[Any]) -> Artifact:
    """Training rows doc-0, doc-1, …, each with its place in the order of slices."""
    ids = [f"doc-{row}" for row in range(len(ranks))]
    texts = {"document": [f"text of {name}" for name in ids], "summary": [f"gist of {name}" for name in ids], **columns}
    table = pa.table({"id": ids, **texts, "slice_rank": pa.array(ranks, pa.int64())})
    return published(run, "examples", {"train_rows": len(ranks), "test_rows": 0}, train=table)


def keyed(ids: Sequence[str], samples: Sequence[int] | None = None, **columns: Any) -> pa.Table:
    """A table with a row a candidate."""
    return pa.table({"id": list(ids), "sample": pa.array(samples or [0] * len(ids), pa.int32()), **columns})
