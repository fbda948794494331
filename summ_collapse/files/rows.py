"""Rows of text files, with errors that name the file and the line."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from summ_collapse.errors import InputError


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


def json_records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of every line of a JSONL file that is not blank."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}: line {number}: expected a JSON object, got broken JSON: {error.msg}") from None
        if not isinstance(record, dict):
            raise InputError(f"{path}: line {number}: expected a JSON object, got {type(record).__name__}")
        yield number, record


def csv_records(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a CSV file with a header."""
    csv.field_size_limit(1 << 30)
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        for record in reader:
            if None in record or None in record.values():
                raise InputError(
                    f"{path}: line {reader.line_num}: expected {len(reader.fieldnames or [])} fields as in the header"
                )
            yield record
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: not valid CSV: {error}") from None


def read_table(path: Path) -> pa.Table:
    """A JSONL, CSV or Parquet file as a table."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        try:
            return pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path}: not a readable Parquet file: {str(error).splitlines()[0]}") from None
    records = list(csv_records(path)) if path.suffix == ".csv" else [record for _, record in json_records(path)]
    names = list(dict.fromkeys(name for record in records for name in record))
    if not records:
        raise InputError(f"{path}: expected rows, found none")
    return pa.table({name: _column(path, name, [record.get(name) for record in records]) for name in names})


def _column(path: Path, name: str, values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except pa.ArrowException as error:
        raise InputError(f"{path}: column {name!r} mixes types: {str(error).splitlines()[0]}") from None
