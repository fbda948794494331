"""A pool from bare files: candidates, references and scores, matched by id, or by row where a file has no ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from summ_collapse.diagnose.built_in import Shown, built_in, scored
from summ_collapse.diagnose.candidates import Candidates, key_text
from summ_collapse.errors import InputError
from summ_collapse.files.columns import CANDIDATE, DOCUMENT, ID, SAMPLE, SCORE, STRATUM, SUMMARY, Column, read_columns
from summ_collapse.metrics.scoring import score_pairs
from summ_collapse.plugins import nearest, unknown_metric


@dataclass(frozen=True)
class Files:
    """What the command line names; `oracle` is one of `scores`, and then `references` may be left out.

    `verifiers` are computed here, see `built_in`; those that read documents need `documents`, and models are `shown` them.
    """

    candidates: Path
    references: Path | None
    scores: Mapping[str, Path]
    metric: str = "rouge1"
    oracle: str | None = None
    slice_rows: int | None = None
    verifiers: Sequence[str] = ()
    documents: Path | None = None
    shown: Shown = field(default_factory=Shown)


def candidates_of_files(files: Files) -> Candidates:
    """Read and match all files; InputError names the file and the line or key that does not fit."""
    _check(files)
    table = read_columns(files.candidates, [ID, SAMPLE, CANDIDATE, STRATUM]).combine_chunks()
    keys, texts = _Keys(files.candidates, table), table["candidate"]
    scores = {name: keys.scores(path, partial=name == files.oracle) for name, path in files.scores.items()}
    references = keys.texts(files.references, SUMMARY) if files.references else None
    if files.oracle is not None:
        quality = scores[files.oracle]
        _check_oracle(files.scores[files.oracle], keys, quality)
        if np.isnan(quality).any():  # it knows only some rows, so nothing could be ranked by it
            del scores[files.oracle]
    else:
        assert references is not None
        quality = _metric_quality(texts, references, files.metric)
    scores |= _built_in(files, keys, texts)
    return Candidates(
        ids=keys.ids,
        samples=keys.samples,
        texts=texts,
        document=keys.document,
        scores=scores,
        quality=quality,
        oracles=frozenset(name for name in scores if name == files.oracle),
        column=table["stratum"].combine_chunks() if "stratum" in table.column_names else None,
        slice_rows=files.slice_rows,
    )


def _check(files: Files) -> None:
    if files.oracle is not None and files.oracle not in files.scores:
        raise InputError(f"--oracle: no --scores is named {files.oracle!r}{nearest(files.oracle, files.scores)}")
    if files.oracle is None and files.references is None:
        raise InputError("--references: expected a file, or --oracle NAME for the scores that say what is wrong")
    for problem in unknown_metric(files.metric):
        raise InputError(f"--metric: {problem}")
    for name in files.verifiers:
        built_in(name)
        if name in files.scores or files.verifiers.count(name) > 1:
            raise InputError(f"--verifier: expected each name once, got {name!r} again")


def _built_in(files: Files, keys: "_Keys", texts: pa.ChunkedArray) -> dict[str, np.ndarray]:
    """The scores of the verifiers that are computed here, by name."""
    if not files.verifiers:
        return {}
    documents = None
    if files.documents is not None:
        found = keys.texts(files.documents, DOCUMENT)
        lacking = [row for row, text in enumerate(found) if text is None]
        if lacking:
            raise InputError(
                f"{files.documents}: expected a document for every candidate of {files.candidates}, got none for "
                f"{len(lacking)} of {len(found)} (first: {keys.text(lacking[0])})"
            )
        documents = found.tolist()
    named = list(zip(keys.ids.to_pylist(), keys.samples.tolist(), strict=True))
    return {name: scored(name, named, texts.to_pylist(), documents, files.shown) for name in files.verifiers}


def _check_oracle(path: Path, keys: "_Keys", scores: np.ndarray) -> None:
    outside = np.flatnonzero((scores < 0) | (scores > 1))
    if len(outside):
        row = int(outside[0])
        raise InputError(f"{path}: {keys.text(row)}: expected the oracle's scores from 0 to 1, got {scores[row]:g}")


def _metric_quality(candidates: pa.ChunkedArray, references: np.ndarray, metric: str) -> np.ndarray:
    """The metric of every candidate that has a reference, NaN elsewhere."""
    known = np.flatnonzero([text is not None for text in references])
    quality = np.full(len(references), np.nan)
    texts = candidates.take(pa.array(known)).to_pylist()
    quality[known] = score_pairs(texts, references[known].tolist(), [metric])[metric]
    return quality


class _Keys:
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
        places = self._places(path, table)
        scores = np.full(len(self.document), np.nan)
        scores[places] = values
        if len(places) < len(scores) and not partial:
            first = int(np.setdiff1d(np.arange(len(scores)), places)[0])
            raise InputError(
                f"{path}: expected a score for every candidate of {self.path}, "
                f"got none for {len(scores) - len(places)} of {len(scores)} (first: {self.text(first)})"
            )
        return scores

    def texts(self, path: Path, column: Column) -> np.ndarray:
        """The text that a file has for each candidate's document, an object array; None where there is none, or a blank one."""
        table = read_columns(path, [ID, column])
        texts = np.array([text if text and text.strip() else None for text in table[column.name].to_pylist()], dtype=object)
        if "id" not in table.column_names:
            self._check_rows(path, len(texts))
            return texts
        ids = table["id"].combine_chunks()
        codes = self._codes(path, ids)
        for row in _again(codes):
            raise InputError(f"{path}: expected each id once, got {ids[row].as_py()!r} again")
        by_document = np.full(len(self.documents), None, dtype=object)
        by_document[codes] = texts
        return by_document[self.document]

    def _places(self, path: Path, table: pa.Table) -> np.ndarray:
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
