"""Stages whose rows are independent: fixed chunks, each written once, gathered in source order."""

import time
from collections.abc import Callable, Sequence

import pyarrow as pa

from summ_collapse.errors import Stopped
from summ_collapse.stages.chunks import Chunks
from summ_collapse.stages.stage import Context, PartDone

LOOK_AGAIN = 0.05  # seconds between two looks for chunks that other ranks make


def in_chunks(context: Context, rows: int, size: int, work_on: Callable[[range, int], pa.Table]) -> pa.Table:
    """`work_on(rows of the chunk, its index)` for every chunk that is missing; all chunks' rows in source order.

    Chunk k holds the same rows whoever makes it, so the stage ends in the same bytes at any number of ranks, resumed or
    not. Missing chunks are dealt out once; nobody waits for a collective, which uneven work could run into its timeout.
    Raises PartDone in every rank but the first, Stopped where the work was asked to stop.
    """
    world = context.world
    chunks = Chunks(context.work, rows, size)
    missing: Sequence[int] = world.from_first(chunks.missing() if world.first else None)
    done = rows - sum(len(chunks.span(index)) for index in missing)
    for index in missing[world.rank :: world.size]:
        if context.stop():
            raise Stopped(context.name)
        span = chunks.span(index)
        chunks.write(index, work_on(span, index))
        done += len(span)
        context.progress(done, rows)
    if not world.first:
        raise PartDone
    _await(chunks, missing, context)
    return chunks.gather()


def _await(chunks: Chunks, indices: Sequence[int], context: Context) -> None:
    """Until every chunk is there. A rank that dies takes the whole launch with it, so there is always an end."""
    left = set(indices)
    while left := {index for index in left if not chunks.path(index).exists()}:
        if context.stop():
            raise Stopped(context.name)
        context.progress(chunks.rows - sum(len(chunks.span(index)) for index in left), chunks.rows)
        time.sleep(LOOK_AGAIN)
