"""The chunk files of a stage at work: written once each, torn ones noticed, gathered in source order."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from summ_collapse.store import read_table, write_table


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
        return [index for index in range(self.count) if not self.done(index)]

    def write(self, index: int, table: pa.Table) -> None:
        """Put a chunk in its place; OSError where the work folder has gone, so that nobody works on behind a stage's end."""
        self.folder.stat()
        write_table(self.path(index), table, {"rows": str(len(self.span(index)))})

    def gather(self) -> pa.Table:
        """All chunks' rows, in source order."""
        return pa.concat_tables([read_table(self.path(index)).replace_schema_metadata(None) for index in range(self.count)])
