"""Points of a grid, or generations, as named columns: what the theory hands to tables and figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any]
Value = float | str | None


@dataclass(frozen=True)
class Points:
    """Columns by name, each (points,): numbers, nan where there is none, or text, None where there is none."""

    columns: Mapping[str, Column]

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def at(self, places: npt.NDArray[np.bool_] | list[int]) -> "Points":
        """Those points alone."""
        return Points({name: column[places] for name, column in self.columns.items()})

    def by(self, *names: str) -> dict[tuple[Any, ...], "Points"]:
        """The points of each combination of these columns' values, in the order in which they come."""
        places: dict[tuple[Any, ...], list[int]] = {}
        for at, row in enumerate(self.rows()):
            places.setdefault(tuple(row[name] for name in names), []).append(at)
        return {values: self.at(alike) for values, alike in places.items()}

    def lists(self) -> dict[str, list[Value]]:
        """The columns as JSON has them; what has no value is None."""
        return {name: [None if value != value else value for value in column.tolist()] for name, column in self.columns.items()}

    def rows(self) -> list[dict[str, Value]]:
        """The same, a row a point."""
        return [dict(zip(self.columns, values, strict=True)) for values in zip(*self.lists().values(), strict=True)]
