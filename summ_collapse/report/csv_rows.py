"""Records of one kind as CSV: their single values are its columns, and what is unknown is left empty."""

import csv
import io
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def rows_as_csv(found: "Sequence[DataclassInstance]") -> str:
    """A line each, below the names of their fields; arrays are left out. There is at least one."""
    names = [field.name for field in fields(found[0]) if not isinstance(getattr(found[0], field.name), np.ndarray)]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([["" if (value := getattr(one, name)) is None else value for name in names] for one in found])
    return buffer.getvalue()
