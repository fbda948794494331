"""The keys of a file of candidates, and the places of other files' rows among them: by id (and sample), or by row."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from summ_collapse.diagnose.candidates import key_text
from summ_collapse.errors import InputError
from summ_collapse.files.columns import DOCUMENT, ID, SAMPLE, SCORE, Column, read_columns


class Keys:
    """The candidates' keys, and the places of other files' rows among them."""

    def __init__(self, path: Path, table: pa.Table) -> None:
        rows = table.num_rows
        self.path, self.with_ids = path, "id" in table.column_names
        self.ids = table["id"].combine_chunks() if self.with_ids else pc.cast(pa.array(np.arange(1, rows + 1)), pa.string())
        self.samples = _samples(table)
        encoded = self.ids.dictionary_encode()
        self.document, self.documents = encoded.indices.to_numpy().astype(np.int64), encoded.dictionary
        self.stride = int(self.samples.max()) + 1
        self.keys = self.document * self.stride + self.samples
        advice = "" if "sample" in table.column_names else " (several candidates of a document are told apart by `sample`)"
        for row in _again(self.keys):
            raise InputError(f"{path}: expected each key once, got {self.text(row)} again{advice}")

    def text(self, row: int) -> str:
        return key_text(self.ids[row].as_py(), int(self.samples[row]), self.stride > 1)

    def scores(self, path: Path, partial: bool) -> np.ndarray:
        """A score for every candidate; NaN counts as one. `partial` allows rows without, which become NaN."""
        table = read_columns(path, [ID, SAMPLE, SCORE])
        values = table["score"].to_numpy()
        infinite = np.flatnonzero(np.isinf(values))
        if len(infinite):
            row = int(infinite[0])
            where = f"row {row + 1}" if "id" not in table.column_names else f"id {table['id'][row].as_py()!r}"
            raise InputError(f"{path}: {where}: expected a finite score (or NaN for none), got {values[row]:g}")
        places = self.places(path, table)
        scores = np.full(len(self.document), np.nan)
        scores[places] = values
        if len(places) < len(scores) and not partial:
            first = int(np.setdiff1d(np.arange(len(scores)), places)[0])
            raise InputError(
                f"{path}: expected a score for every candidate of {self.path}, "
                f"got none for {len(scores) - len(places)} of {len(scores)} (first: {self.text(first)})"
            )
        return scores

    def texts(self, path: Path, column: Column, others: bool = False) -> np.ndarray:
        """The text that a file has for each candidate's document, an object array; None where there is none, or a blank one.

        `others` allows texts of documents that no candidate is of, as long as there are some of those that are.
        """
        table = read_columns(path, [ID, column])
        texts = np.array([text if text and text.strip() else None for text in table[column.name].to_pylist()], dtype=object)
        if "id" not in table.column_names:
            self._check_rows(path, len(texts))
            return texts
        ids = table["id"].combine_chunks()
        if others and self.with_ids and (ours := pc.is_in(ids, value_set=self.documents)).true_count:
            ids, texts = ids.filter(ours), texts[ours.to_numpy(zero_copy_only=False)]
        codes = self._codes(path, ids)
        for row in _again(codes):
            raise InputError(f"{path}: expected each id once, got {ids[row].as_py()!r} again")
        by_document = np.full(len(self.documents), None, dtype=object)
        by_document[codes] = texts
        return by_document[self.document]

    def documents_of(self, path: Path) -> list[str]:
        """The document of every candidate; InputError where one has none."""
        found = self.texts(path, DOCUMENT, others=True)
        lacking = [row for row, text in enumerate(found) if text is None]
        if lacking:
            raise InputError(
                f"{path}: expected a document for every candidate of {self.path}, got none for "
                f"{len(lacking)} of {len(found)} (first: {self.text(lacking[0])})"
            )
        return list(found)

    def places(self, path: Path, table: pa.Table) -> np.ndarray:
        """The candidate of each row of a table, by (id, sample), or by row where it has no ids."""
        if "id" not in table.column_names:
            self._check_rows(path, table.num_rows)
            return np.arange(table.num_rows)
        ids, samples = table["id"].combine_chunks(), _samples(table)
        if self.with_ids and ids.equals(self.ids) and np.array_equal(samples, self.samples):
            return np.arange(len(samples))
        keys = np.where(samples < self.stride, self._codes(path, ids) * self.stride + samples, -1)
        places = pc.index_in(pa.array(keys), value_set=pa.array(self.keys))
        if places.null_count:
            row = _first_null(places)
            raise InputError(
                f"{path}: expected samples of candidates in {self.path}, got {places.null_count} others "
                f"(first: {key_text(ids[row].as_py(), int(samples[row]), True)})"
            )
        for row in _again(keys):
            key = key_text(ids[row].as_py(), int(samples[row]), self.stride > 1)
            raise InputError(f"{path}: expected each key once, got {key} again")
        return places.to_numpy()

    def _check_rows(self, path: Path, rows: int) -> None:
        if rows != len(self.document):
            raise InputError(
                f"{path} has {rows} rows, {self.path} has {len(self.document)}; files without ids match by row, "
                f"so expected equal numbers"
            )

    def _codes(self, path: Path, ids: pa.Array) -> np.ndarray:
        """Each id's document, as the candidates number them."""
        if not self.with_ids:
            raise InputError(f"{path} has ids, {self.path} has none; expected ids in both or in neither")
        found = pc.index_in(ids, value_set=self.documents)
        if found.null_count:
            raise InputError(
                f"{path}: expected ids of candidates in {self.path}, "
                f"got {found.null_count} of {len(found)} others (first: id {ids[_first_null(found)].as_py()!r})"
            )
        return found.to_numpy().astype(np.int64)


def _samples(table: pa.Table) -> np.ndarray:
    return table["sample"].to_numpy() if "sample" in table.column_names else np.zeros(table.num_rows, dtype=np.int64)


def _again(numbers: np.ndarray) -> np.ndarray:
    """The rows, in order, whose number stands in a row before."""
    return np.delete(np.arange(len(numbers)), np.unique(numbers, return_index=True)[1])


def _first_null(found: pa.Array) -> int:
    return int(found.is_null().index(True).as_py())
