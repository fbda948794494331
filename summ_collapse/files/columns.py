"""Named columns of a file of rows: JSONL, CSV, Parquet or plain lines. A million rows in seconds; errors name the line.

Sound files are read by pyarrow as a whole. Whatever it does not take, or takes without being sure, is read again row by
row, to find what is wrong and say where.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import pyarrow.parquet as pq

from summ_collapse.errors import InputError
from summ_collapse.files.rows import csv_records, json_records, read_table, read_text

JSON_LINES = (".jsonl", ".json")
LARGEST = 2**31 - 1
Row = tuple[str, dict[str, Any]]  # where it stands in the file, and what it holds


class _Unfit(Exception):
    """A value cannot be what its column holds; the message says what was expected."""


@dataclass(frozen=True)
class Column:
    """One column: its type, how a value of any file becomes one of it, and whether a row may come without."""

    name: str
    type: pa.DataType
    convert: Callable[[Any], Any]
    needed: bool = True
    nullable: bool = False


def _identifier(value: Any) -> str:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    raise _Unfit("expected text or a whole number")


def _whole(value: Any) -> int:
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST:
        return value
    raise _Unfit("expected a whole number from 0")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise _Unfit("expected text")


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _number(value: Any) -> float:
    """A score. JSON's null and an empty CSV field are what many writers make of NaN."""
    if value is None or value == "":
        return math.nan
    try:
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise _Unfit("expected a number")


ID = Column("id", pa.string(), _identifier)
SAMPLE = Column("sample", pa.int64(), _whole, needed=False)
CANDIDATE = Column("candidate", pa.string(), _text)
SUMMARY = Column("summary", pa.string(), _text_or_none, nullable=True)
SCORE = Column("score", pa.float64(), _number)
STRATUM = Column("stratum", pa.string(), _identifier, needed=False)


def read_columns(path: Path, columns: Sequence[Column]) -> pa.Table:
    """The columns of a file, without those that are not needed and not there; InputError where a row does not fit.

    A file of lines (any suffix but .jsonl, .json, .csv, .parquet) has no ids: its lines are the last needed column.
    """
    if path.suffix not in (*JSON_LINES, ".csv", ".parquet"):
        return _lines(path, [column for column in columns if column.needed][-1])
    quick = _quick_json(path, columns) if path.suffix in JSON_LINES else None
    quick = _quick_parquet(path, columns) if path.suffix == ".parquet" else quick
    return quick if quick is not None else _careful(path, columns)


def _lines(path: Path, column: Column) -> pa.Table:
    lines = read_text(path).split("\n")
    lines = lines[:-1] if lines[-1] == "" else lines
    rows = ((f"line {number}", {column.name: line.removesuffix("\r")}) for number, line in enumerate(lines, start=1))
    return _table(path, rows, [column])


def _quick_json(path: Path, columns: Sequence[Column]) -> pa.Table | None:
    """The table, or None where anything about the file is unusual."""
    first = _first_record(path)
    types = {column.name: column.type for column in columns}
    if isinstance(first.get("id"), int):
        types["id"] = pa.int64()
    schema = pa.schema(list(types.items()))
    options = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    try:
        table = pj.read_json(path, pj.ReadOptions(block_size=8 << 20), options)
        table.validate(full=True)  # text is UTF-8
    except (pa.ArrowException, UnicodeDecodeError, OSError):
        return None
    return _usual(table, columns) if table.num_rows == _line_count(path) else None


def _first_record(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            record = json.loads(file.readline().decode("utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


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
        present = set(pq.read_schema(path).names)
        table = pq.read_table(path, columns=[column.name for column in columns if column.name in present], partitioning=None)
        if table.num_columns and not all(_castable(table.schema.field(name).type) for name in table.column_names):
            return None
        return _usual(table, columns)
    except (pa.ArrowException, OSError):
        return None


def _castable(kind: pa.DataType) -> bool:
    """Casting text to numbers or numbers to text is left to the careful reading, which knows which are meant."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _usual(table: pa.Table, columns: Sequence[Column]) -> pa.Table | None:
    """The table in the columns' types, or None where a column or a value is missing or of another kind."""
    absent = {name for name in table.column_names if table[name].null_count == table.num_rows}
    wanted = [column for column in columns if column.needed or column.name in set(table.column_names) - absent]
    if not table.num_rows or any(column.name not in table.column_names for column in wanted):
        return None
    for column in wanted:
        held = table[column.name]
        numeric = pa.types.is_integer(held.type) or pa.types.is_floating(held.type)
        as_identifier = column.convert is _identifier and pa.types.is_integer(held.type)
        if (held.null_count and not column.nullable) or (numeric == pa.types.is_string(column.type) and not as_identifier):
            return None
        if column.convert is _whole and not (
            pa.types.is_integer(held.type) and 0 <= pc.min(held).as_py() <= pc.max(held).as_py() <= LARGEST
        ):
            return None
    return pa.table({column.name: table[column.name].cast(column.type) for column in wanted})


def _careful(path: Path, columns: Sequence[Column]) -> pa.Table:
    if path.suffix in JSON_LINES:
        rows: Iterator[Row] = ((f"line {number}", record) for number, record in json_records(path))
    elif path.suffix == ".csv":
        rows = ((f"row {number}", record) for number, record in enumerate(csv_records(path), start=1))
    else:
        rows = ((f"row {number}", record) for number, record in enumerate(read_table(path).to_pylist(), start=1))
    return _table(path, rows, columns)


def _table(path: Path, rows: Iterator[Row], columns: Sequence[Column]) -> pa.Table:
    """Every row's values, converted; a column that is not needed has to be in all rows or in none."""
    values: dict[str, list[Any]] = {}
    wanted: list[Column] = []
    absent: list[str] = []
    for where, record in rows:
        if not values:
            wanted = [column for column in columns if column.needed or column.name in record]
            values = {column.name: [] for column in wanted}
            absent = [column.name for column in columns if column not in wanted]
        for name in absent:
            if name in record:
                raise InputError(f"{path}: {where}: expected `{name}` in every row or in none, and the first has none")
        for column in wanted:
            if column.name not in record:
                found = ", ".join(map(str, record)) or "nothing"
                raise InputError(f"{path}: {where}: expected `{column.name}`, found {found}")
            values[column.name].append(_converted(path, where, column, record[column.name]))
    if not values:
        raise InputError(f"{path}: expected rows, found none")
    return pa.table({column.name: pa.array(values[column.name], column.type) for column in wanted})


def _converted(path: Path, where: str, column: Column, value: Any) -> Any:
    try:
        converted = column.convert(value)
        if isinstance(converted, str):
            converted.encode()
        return converted
    except _Unfit as error:
        raise InputError(f"{path}: {where}: {error} under `{column.name}`, got {value!r}") from None
    except UnicodeEncodeError:
        raise InputError(f"{path}: {where}: expected text that is valid Unicode under `{column.name}`, got {value!r}") from None
