"""Stages whose rows are independent: fixed chunks, each written once, gathered in source order."""

from collections.abc import Callable

import pyarrow as pa

from summ_collapse.stages.stage import Context
from summ_collapse.store import Chunks


def in_chunks(context: Context, rows: int, size: int, work_on: Callable[[range, int], pa.Table]) -> pa.Table:
    """`work_on(rows of the chunk, its index)` for every chunk that is missing; all chunks' rows in source order.

    Chunk k holds the same rows whoever makes it, so a resumed stage ends in the same bytes.
    """
    chunks = Chunks(context.work, rows, size)
    missing = chunks.missing()
    done = rows - sum(len(chunks.span(index)) for index in missing)
    for index in missing:
        span = chunks.span(index)
        chunks.write(index, work_on(span, index))
        done += len(span)
        context.progress(done, rows)
    return chunks.gather()
