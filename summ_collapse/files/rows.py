"""Rows of text files, with errors that name the file and the line."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from summ_collapse.errors import InputError, first_line

JSON_LINES = (".jsonl", ".json")
Row = tuple[str, dict[str, object]]  # where it stands in the file, and what it holds


def read_text(path: Path) -> str:
    """A whole file as text; InputError where it is missing or not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: expected a file, got a folder") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(f"{path}: line {line}: expected UTF-8, got byte {error.object[error.start]:#04x}") from None


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, without their ends; only a line feed ends one."""
    lines = read_text(path).split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def read_rows(path: Path) -> Iterator[Row]:
    """Every row of a CSV or Parquet file, or else of JSON lines."""
    if path.suffix == ".csv":
        return ((f"row {number}", row) for number, row in enumerate(csv_records(path), start=1))
    if path.suffix == ".parquet":
        return ((f"row {number}", row) for number, row in enumerate(read_table(path).to_pylist(), start=1))
    return json_rows(path)


def json_rows(path: Path) -> Iterator[Row]:
    """The object of every line of a JSONL file that is not blank."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}: line {number}: expected a JSON object, got broken JSON: {error.msg}") from None
        except ValueError:  # Python reads no whole number of more than 4,300 digits
            raise InputError(f"{path}: line {number}: expected numbers of a usual size, got one of thousands of digits") from None
        if not isinstance(record, dict):
            raise InputError(f"{path}: line {number}: expected a JSON object, got {type(record).__name__}")
        yield f"line {number}", record


def csv_records(path: Path) -> Iterator[dict[str, object]]:
    """The rows of a CSV file with a header."""
    csv.field_size_limit(1 << 30)
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        for record in reader:
            if None in record or None in record.values():
                raise InputError(
                    f"{path}: line {reader.line_num}: expected {len(reader.fieldnames or [])} fields as in the header"
                )
            yield dict(record)
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: not valid CSV: {error}") from None


def read_table(path: Path) -> pa.Table:
    """A JSONL, CSV or Parquet file as a table."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        try:
            return pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path}: not a readable Parquet file: {first_line(error)}") from None
    rows = list(read_rows(path))
    if not rows:
        raise InputError(f"{path}: expected rows, found none")
    names = dict.fromkeys(name for _, record in rows for name in record)
    return pa.table({_checked(path, name): _column(path, name, rows) for name in names})


def _checked(path: Path, name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(f"{path}: expected names of columns that are valid Unicode, got {name!r}") from None
    return name


def _column(path: Path, name: str, rows: list[Row]) -> pa.Array:
    try:
        return pa.array([record.get(name) for _, record in rows])
    except pa.ArrowException as error:
        raise InputError(f"{path}: column {name!r} mixes types: {first_line(error)}") from None
    except (OverflowError, UnicodeEncodeError):
        for where, record in rows:
            _check_value(f"{path}: {where}", name, record.get(name))
        raise


def _check_value(where: str, name: str, value: object) -> None:
    """InputError where a value, alone, is more than a column can hold."""
    try:
        pa.array([value])
    except OverflowError:
        raise InputError(f"{where}: expected whole numbers of at most 64 bits in column {name!r}, got {value!r}") from None
    except UnicodeEncodeError:
        raise InputError(f"{where}: expected text that is valid Unicode in column {name!r}, got {value!r}") from None
