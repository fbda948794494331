"""Candidates of a file with every verifier's scores: what can be selected, and labelled, without a reference."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from summ_collapse.diagnose.keys import Keys
from summ_collapse.errors import InputError
from summ_collapse.files.columns import CANDIDATE, ID, SAMPLE, read_columns
from summ_collapse.records import tie_break
from summ_collapse.selection.order import ranked, selection_rows


@dataclass(frozen=True)
class Scored:
    """A row a candidate, in the file's order; scores by verifier, (rows,) float64, higher is better, NaN is none."""

    path: Path
    keys: Keys
    texts: pa.ChunkedArray
    scores: Mapping[str, np.ndarray]

    @classmethod
    def read(cls, candidates: Path, scores: Mapping[str, Path]) -> "Scored":
        """InputError names the file and the line or key that does not fit."""
        table = read_columns(candidates, [ID, SAMPLE, CANDIDATE]).combine_chunks()
        keys = Keys(candidates, table)
        found = {name: keys.scores(path, partial=False) for name, path in scores.items()}
        return cls(candidates, keys, table["candidate"], found)

    @property
    def rows(self) -> int:
        return len(self.keys.document)

    @cached_property
    def named(self) -> list[tuple[str, int]]:
        """(id, sample) of every row."""
        return list(zip(self.keys.ids.to_pylist(), self.keys.samples.tolist(), strict=True))

    @cached_property
    def _ties(self) -> np.ndarray:
        return tie_break("ties", self.named)

    @cached_property
    def ranks(self) -> dict[str, np.ndarray]:
        """Each row's place by each verifier's score, best first, (rows,): the order that a run's selections have."""
        return {name: ranked(scores, lambda: self._ties) for name, scores in self.scores.items()}

    def kept(self, verifier: str, rate: float) -> np.ndarray:
        """Which rows a rate keeps, (rows,) bool; InputError where that is none, or more than have scores."""
        count, unusable = selection_rows(self.rows, rate), np.isnan(self.scores[verifier])
        if count < 1:
            raise InputError(f"{self.path}: {rate:g} of {self.rows} candidates is less than one")
        if count > self.rows - int(unusable.sum()):
            raise InputError(
                f"{verifier}: {int(unusable.sum())} of {self.rows} scores are NaN (first: "
                f"{self.keys.text(int(np.flatnonzero(unusable)[0]))}); keeping {rate:g}, that is {count}, needs as many numbers"
            )
        return self.ranks[verifier] < count

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """SHA-256 of the keys and texts (`candidates`) and of each verifier's scores; what labels are bound to."""
        state = hashlib.sha256()
        for text in self.texts.to_pylist():
            state.update(f"{len(text)} {text}".encode())
        state.update(repr(self.named).encode())
        return {
            "candidates": state.hexdigest(),
            **{f"scores {name}": hashlib.sha256(values.tobytes()).hexdigest() for name, values in self.scores.items()},
        }
