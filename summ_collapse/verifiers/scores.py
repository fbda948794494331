"""`scores`: what somebody else's verifier said, from a file by `id` (and `sample`): a scorer of one's own, a service, people.

It costs nothing, and is as good as whoever made it. The file may be that of the candidates, one a row, with a further column.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from summ_collapse.errors import InputError
from summ_collapse.files.columns import ID, SAMPLE, SCORE, read_columns
from summ_collapse.recipe.names import DataName
from summ_collapse.records import keys_of
from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.verifier import ModelFree


class Scores(ModelFree):
    """Scores that are there already; higher has to be better."""

    whole_pool: ClassVar[bool] = True  # the file is read once
    one_pool: ClassVar[bool] = True
    kind: Literal["scores"]
    file: DataName = Field(description="JSONL, CSV or Parquet with `id`, `sample` where documents have several, and scores")
    column: str = Field("score", description="which column has the scores")
    lower_is_better: bool = Field(False, description="turn them round, as for a loss or a share of errors")

    def score(self, request: Request) -> Scored:
        """NaN where the file has no score; InputError where it scores a candidate twice, or none of these.

        Rows of one document without `sample` are numbered as they come, as candidates are.
        """
        path = Path(self.file)
        table = read_columns(path, [ID, SAMPLE, replace(SCORE, name=self.column)])
        if "id" not in table.column_names:
            raise InputError(f"{path}: expected rows with `id` and `{self.column}`, got plain lines")
        found: dict[tuple[str, int], float] = {}
        for row, (key, score) in enumerate(zip(_keys(table), table[self.column].to_pylist(), strict=True), start=1):
            if key in found:
                raise InputError(f"{path}: row {row}: expected each candidate once, got id {key[0]!r}, sample {key[1]} again")
            found[key] = score
        scores = np.array([found.get(key, np.nan) for key in request.keys], dtype=np.float64)
        if np.isnan(scores).all():
            first, ours = next(iter(found))[0], request.keys[0][0]
            raise InputError(f"{path}: expected scores of ids such as {ours!r}, and none fits: {first!r} is its first")
        return Scored(-scores if self.lower_is_better else scores, {})


def _keys(table: pa.Table) -> list[tuple[str, int]]:
    if "sample" in table.column_names:
        return keys_of(table)
    counts: Counter[str] = Counter()
    found = []
    for identifier in table["id"].to_pylist():
        found.append((identifier, counts[identifier]))
        counts[identifier] += 1
    return found
