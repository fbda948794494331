"""Named columns of a file of rows: JSONL, CSV, Parquet or plain lines. A million rows in seconds; errors name the line.

Sound files are read by pyarrow as a whole. Whatever it does not take, or takes without being sure, is read again row by
row, to find what is wrong and say where.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import pyarrow.parquet as pq

from summ_collapse.errors import InputError
from summ_collapse.files.rows import JSON_LINES, Row, read_lines, read_rows

LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Column:
    """One column: its type, the kinds that cast to it as they stand, how any other value becomes one, whether a row may lack it.

    `convert` raises ValueError that says what was expected. A column that is not `needed` is in all rows or in none.
    """

    name: str
    type: pa.DataType
    kinds: tuple[Callable[[pa.DataType], bool], ...]
    convert: Callable[[object], object]
    needed: bool = True
    nullable: bool = False


def _identifier(value: object) -> str:
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return _unicode(str(value))
    raise ValueError("expected text or a whole number")


def _whole(value: object) -> int:
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST:
        return value
    raise ValueError("expected a whole number from 0")


def _text(value: object) -> str:
    if isinstance(value, str):
        return _unicode(value)
    raise ValueError("expected text")


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("expected text that is valid Unicode") from None
    return text


def _number(value: object) -> float:
    """A score. JSON's null and an empty CSV field are what many writers make of NaN."""
    if value is None or value == "":
        return math.nan
    try:
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise ValueError("expected a number")


TEXT = (pa.types.is_string, pa.types.is_large_string)
WHOLE = (pa.types.is_integer,)
ID = Column("id", pa.string(), (*TEXT, *WHOLE), _identifier)
SAMPLE = Column("sample", pa.int64(), WHOLE, _whole, needed=False)
CANDIDATE = Column("candidate", pa.string(), TEXT, _text)
SUMMARY = Column("summary", pa.string(), TEXT, _text, nullable=True)
DOCUMENT = Column("document", pa.string(), TEXT, _text, nullable=True)
SCORE = Column("score", pa.float64(), (*WHOLE, pa.types.is_floating), _number)
STRATUM = Column("stratum", pa.string(), (*TEXT, *WHOLE), _identifier, needed=False)


def read_columns(path: Path, columns: Sequence[Column]) -> pa.Table:
    """The columns of a file, without those that are not needed and not there; InputError where a row does not fit.

    A file of lines (any suffix but .jsonl, .json, .csv, .parquet) has no ids: its lines are the last needed column.
    """
    if path.suffix not in (*JSON_LINES, ".csv", ".parquet"):
        column = [column for column in columns if column.needed][-1]
        lines = enumerate(read_lines(path), start=1)
        return _table(path, ((f"line {number}", {column.name: line.removesuffix("\r")}) for number, line in lines), [column])
    quick = _quick_json(path, columns) if path.suffix in JSON_LINES else None
    quick = _quick_parquet(path, columns) if path.suffix == ".parquet" else quick
    return quick if quick is not None else _table(path, read_rows(path), columns)


def _quick_json(path: Path, columns: Sequence[Column]) -> pa.Table | None:
    """The table, or None where anything about the file is unusual."""
    for identifier in (pa.string(), pa.int64()):
        schema = pa.schema([(column.name, identifier if column is ID else column.type) for column in columns])
        options = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
        try:
            table = pj.read_json(path, pj.ReadOptions(block_size=8 << 20), options)
            table.validate(full=True)  # text is UTF-8
        except (pa.ArrowException, UnicodeDecodeError, OSError):
            continue
        return _usual(table, columns) if table.num_rows == _line_count(path) else None
    return None


def _line_count(path: Path) -> int:
    """Lines, the last one with or without its end: pyarrow also takes two objects on a line, and one on two."""
    count, last = 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(8 << 20):
            count += block.count(b"\n")
            last = block[-1:]
    return count + (last != b"\n")


def _quick_parquet(path: Path, columns: Sequence[Column]) -> pa.Table | None:
    try:
        with pq.ParquetFile(path) as file:
            return _usual(file.read([column.name for column in columns]), columns)
    except (pa.ArrowException, OSError):
        return None


def _usual(table: pa.Table, columns: Sequence[Column]) -> pa.Table | None:
    """The table in the columns' types, or None where a column or a value is missing or of another kind.

    Casting text to numbers or numbers to text is left to the careful reading, which knows which are meant.
    """
    found: dict[str, pa.ChunkedArray] = {}
    for column in columns:
        held = table[column.name] if column.name in table.column_names else None
        if held is not None and not any(is_kind(held.type) for is_kind in column.kinds):
            return None
        if not column.needed and (held is None or held.null_count == len(held)):
            continue
        if held is None or (held.null_count and not column.nullable):
            return None
        if column is SAMPLE and not 0 <= pc.min(held).as_py() <= pc.max(held).as_py() <= LARGEST:
            return None
        found[column.name] = held.cast(column.type)
    return pa.table(found) if table.num_rows else None


def _table(path: Path, rows: Iterable[Row], columns: Sequence[Column]) -> pa.Table:
    """Every row's values, converted; a column that is not needed has to be in all rows or in none."""
    values: dict[Column, list[object]] = {}
    absent: list[str] = []
    for where, record in rows:
        if not values:
            values = {column: [] for column in columns if column.needed or column.name in record}
            absent = [column.name for column in columns if column not in values]
        for name in absent:
            if name in record:
                raise InputError(f"{path}: {where}: expected `{name}` in every row or in none, and the first has none")
        for column, held in values.items():
            if column.name not in record:
                found = ", ".join(map(str, record)) or "nothing"
                raise InputError(f"{path}: {where}: expected `{column.name}`, found {found}")
            value = record[column.name]
            try:
                held.append(None if value is None and column.nullable else column.convert(value))
            except ValueError as error:
                raise InputError(f"{path}: {where}: {error} under `{column.name}`, got {value!r}") from None
    if not values:
        raise InputError(f"{path}: expected rows, found none")
    return pa.table({column.name: pa.array(held, column.type) for column, held in values.items()})
