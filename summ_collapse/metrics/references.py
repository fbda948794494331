"""What a candidate is held against: a reference, or several of one row, of which the best or the mean counts.

Examples carry several references in a column named after what counts of them, `best_of` or `mean_of`: the first of a row is its
`summary` too, which is what models learn from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pyarrow as pa

Counting = Literal["best", "mean"]
COLUMNS: dict[Counting, str] = {how: f"{how}_of" for how in get_args(Counting)}


@dataclass(frozen=True)
class Several:
    """References of one row."""

    texts: tuple[str, ...]
    counts: Counting


Reference = str | Several


def references_of(examples: pa.Table) -> list[Reference | None]:
    """Of every row of Examples, as its table has them; None where there is none."""
    for how, column in COLUMNS.items():
        if column in examples.column_names:
            return [Several(tuple(texts), how) if texts else None for texts in examples[column].to_pylist()]
    found: list[Reference | None] = examples["summary"].to_pylist()
    return found


def labelled(examples: pa.Table) -> list[Reference]:
    """Of every row of Examples that all have one, as test rows do; an empty text stands for one that is missing."""
    return [reference or "" for reference in references_of(examples)]


@dataclass(frozen=True)
class Pairs:
    """Predictions beside single references, one behind the other, with the row that each is of."""

    row: np.ndarray  # (pairs,) int64
    references: list[str]
    best: np.ndarray  # whether the best of a row's pairs counts, else their mean; (rows,) bool

    @classmethod
    def of(cls, references: Sequence[Reference]) -> "Pairs | None":
        """None where every row has one reference alone, which needs nothing of this."""
        if not any(isinstance(one, Several) for one in references):
            return None
        texts = [one.texts if isinstance(one, Several) else (one,) for one in references]
        best = np.array([not isinstance(one, Several) or one.counts == "best" for one in references])
        return cls(np.repeat(np.arange(len(texts)), [len(one) for one in texts]), [text for one in texts for text in one], best)

    def by_row(self, scores: np.ndarray) -> np.ndarray:
        """The best or the mean of each row's scores, (rows,) float64."""
        rows = len(self.best)
        highest = np.full(rows, -np.inf)
        np.maximum.at(highest, self.row, scores)
        means = np.bincount(self.row, weights=scores, minlength=rows) / np.bincount(self.row, minlength=rows)
        return np.where(self.best, highest, means)
