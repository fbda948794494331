"""Stages whose rows are independent: fixed chunks, each written once, torn ones noticed, gathered in source order."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from summ_collapse.errors import Stopped
from summ_collapse.stages.stage import Context, PartDone
from summ_collapse.store import read_table, write_table

# Seconds between two looks for chunks that other ranks make: soon at first, and in the end seldom enough for a shared disk.
FIRST_LOOK, LAST_LOOK = 0.05, 5.0


@dataclass(frozen=True)
class Chunks:
    """The chunk files of a stage at work: chunk k holds rows [k * size, (k + 1) * size) of the input, whoever made it."""

    folder: Path
    rows: int
    size: int

    @property
    def count(self) -> int:
        return -(-self.rows // self.size)

    def span(self, index: int) -> range:
        """The input rows of chunk `index`."""
        return range(index * self.size, min((index + 1) * self.size, self.rows))

    def path(self, index: int) -> Path:
        return self.folder / f"chunk-{index:06d}.parquet"

    def done(self, index: int) -> bool:
        """Whether the chunk is there and readable; one that is not (a torn write) is removed, to be made again."""
        path = self.path(index)
        if not path.exists():
            return False
        try:
            metadata = read_table(path).schema.metadata or {}
            if metadata.get(b"rows") == str(len(self.span(index))).encode():
                return True
        except (pa.ArrowException, OSError):
            pass
        path.unlink()
        return False

    def missing(self) -> list[int]:
        there = self.there()
        return [index for index in range(self.count) if index not in there or not self.done(index)]

    def there(self) -> set[int]:
        """The chunks that have a file, whole or torn: one listing of the folder, which a network file system is asked for."""
        with os.scandir(self.folder) as entries:
            names = {entry.name for entry in entries}
        return {index for index in range(self.count) if self.path(index).name in names}

    def write(self, index: int, table: pa.Table) -> None:
        """Put a chunk in its place; OSError where the work folder has gone, so that nobody works on behind a stage's end."""
        self.folder.stat()
        write_table(self.path(index), table, {"rows": str(len(self.span(index)))})

    def gather(self, schema: pa.Schema | None = None) -> pa.Table:
        """All chunks' rows, in source order; of no rows, a table of this schema."""
        if not self.count and schema is not None:
            return schema.empty_table()
        return pa.concat_tables([read_table(self.path(index)).replace_schema_metadata(None) for index in range(self.count)])


def in_chunks(
    context: Context, rows: int, size: int, work_on: Callable[[range, int], pa.Table], schema: pa.Schema | None = None
) -> pa.Table:
    """`work_on(rows of the chunk, its index)` for every chunk that is missing; all chunks' rows in source order.

    Chunk k holds the same rows whoever makes it, so the stage ends in the same bytes at any number of ranks, resumed or not; no
    rows at all are a table of `schema`. Missing chunks are dealt out once; nobody waits for a collective, which uneven work
    could run into its timeout.
    Raises PartDone in every rank but the first, Stopped where the work was asked to stop.
    """
    world = context.world
    chunks = Chunks(context.work, rows, size)
    missing: Sequence[int] = world.from_first(chunks.missing() if world.first else None)
    done = rows - sum(len(chunks.span(index)) for index in missing)
    context.progress(done, rows)
    for index in missing[world.rank :: world.size]:
        if context.stop():
            raise Stopped(context.name)
        span = chunks.span(index)
        chunks.write(index, work_on(span, index))
        done += len(span) * world.size  # the others are about as far with theirs
        context.progress(min(done, rows), rows)
    if not world.first:
        raise PartDone
    _await(chunks, missing, context)
    return chunks.gather(schema)


def _await(chunks: Chunks, indices: Sequence[int], context: Context) -> None:
    """Until every chunk is there. A rank that dies takes the whole launch with it, so there is always an end."""
    left, pause = set(indices), FIRST_LOOK
    while left := left - chunks.there():
        if context.stop():
            raise Stopped(context.name)
        context.progress(chunks.rows - sum(len(chunks.span(index)) for index in left), chunks.rows)
        time.sleep(pause)
        pause = min(2 * pause, LAST_LOOK)
