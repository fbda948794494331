"""A pool from bare files: candidates, references and scores, matched by id, or by row where a file has no ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from summ_collapse.diagnose.pool import Pool, key_text
from summ_collapse.errors import InputError
from summ_collapse.files.columns import CANDIDATE, ID, SAMPLE, SCORE, STRATUM, SUMMARY, read_columns
from summ_collapse.metrics.scoring import score_pairs
from summ_collapse.plugins import known_metrics, nearest


@dataclass(frozen=True)
class Files:
    """What the command line names; `oracle` is one of `scores`, and then `references` may be left out."""

    candidates: Path
    references: Path | None
    scores: Mapping[str, Path]
    metric: str = "rouge1"
    oracle: str | None = None
    slice_rows: int | None = None


def pool_of_files(files: Files) -> Pool:
    """Read and match all files; InputError names the file and the line or key that does not fit."""
    _check(files)
    candidates = _Candidates(files.candidates)
    scores = {name: candidates.scores(path, partial=name == files.oracle) for name, path in files.scores.items()}
    references = candidates.references(files.references) if files.references else None
    if files.oracle is not None:
        quality = _oracle_quality(files, candidates, scores[files.oracle], references)
        if np.isnan(quality).any():  # it knows only some rows, so nothing could be ranked by it
            del scores[files.oracle]
    else:
        assert references is not None
        quality = _metric_quality(candidates, references, files.metric)
    return Pool(
        ids=candidates.ids,
        samples=candidates.samples,
        texts=candidates.texts,
        document=candidates.document,
        scores=scores,
        quality=quality,
        oracles=frozenset(name for name in scores if name == files.oracle),
        column=candidates.column,
        slice_rows=files.slice_rows,
    )


def _check(files: Files) -> None:
    if files.oracle is not None and files.oracle not in files.scores:
        raise InputError(f"--oracle: no --scores is named {files.oracle!r}{nearest(files.oracle, files.scores)}")
    if files.oracle is not None and len(files.scores) == 1:
        raise InputError(f"--scores: expected a verifier beside the oracle {files.oracle!r}")
    if files.oracle is None and files.references is None:
        raise InputError("--references: expected a file, or --oracle NAME for the scores that say what is wrong")
    known = known_metrics()
    if files.metric not in known:
        raise InputError(
            f"--metric: unknown metric {files.metric!r}{nearest(files.metric, known)}; installed: {', '.join(known)}"
        )


def _oracle_quality(files: Files, candidates: "_Candidates", scores: np.ndarray, references: np.ndarray | None) -> np.ndarray:
    """The oracle's scores, where a document has a reference if references are given."""
    outside = np.flatnonzero((scores < 0) | (scores > 1))
    if len(outside):
        row = int(outside[0])
        assert files.oracle is not None
        raise InputError(
            f"{files.scores[files.oracle]}: {candidates.key(row)}: expected the oracle's scores from 0 to 1, got {scores[row]:g}"
        )
    if references is None:
        return scores
    return np.where([text is None for text in references], np.nan, scores)


def _metric_quality(candidates: "_Candidates", references: np.ndarray, metric: str) -> np.ndarray:
    """The metric of every candidate that has a reference, NaN elsewhere."""
    known = np.flatnonzero([text is not None for text in references])
    quality = np.full(len(references), np.nan)
    texts = candidates.texts.take(pa.array(known)).to_pylist()
    quality[known] = score_pairs(texts, references[known].tolist(), [metric])[metric]
    return quality


class _Candidates:
    """The candidates file, and the places of other files' rows in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        table = read_columns(path, [ID, SAMPLE, CANDIDATE, STRATUM]).combine_chunks()
        self.with_ids = "id" in table.column_names
        rows = table.num_rows
        self.texts = table["candidate"]
        self.ids = _array(table["id"]) if self.with_ids else pc.cast(pa.array(np.arange(1, rows + 1)), pa.string())
        self.samples = table["sample"].to_numpy() if "sample" in table.column_names else np.zeros(rows, dtype=np.int64)
        self.column = _array(table["stratum"]) if "stratum" in table.column_names else None
        encoded = self.ids.dictionary_encode()
        self.document, self.documents = encoded.indices.to_numpy().astype(np.int64), encoded.dictionary
        self.stride = int(self.samples.max()) + 1
        keys = self.document * self.stride + self.samples
        self.order = np.argsort(keys, kind="stable")
        self.sorted_keys = keys[self.order]
        repeated = np.flatnonzero(np.diff(self.sorted_keys) == 0)
        if len(repeated):
            row = int(self.order[repeated + 1].min())
            advice = "" if "sample" in table.column_names else " (several candidates of a document are told apart by `sample`)"
            raise InputError(f"{path}: expected each key once, got {self.key(row)} again{advice}")

    def key(self, row: int) -> str:
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
        if "id" not in table.column_names:
            self._check_rows(path, len(values))
            return values
        samples = table["sample"].to_numpy() if "sample" in table.column_names else np.zeros(len(values), dtype=np.int64)
        places = self._places(path, table["id"].combine_chunks(), samples)
        scores = np.full(len(self.document), np.nan)
        scores[places] = values
        missing = np.ones(len(scores), dtype=bool)
        missing[places] = False
        if missing.any() and not partial:
            row = int(np.flatnonzero(missing)[0])
            raise InputError(
                f"{path}: expected a score for every candidate of {self.path}, "
                f"got none for {int(missing.sum())} of {len(missing)} (first: {self.key(row)})"
            )
        return scores

    def references(self, path: Path) -> np.ndarray:
        """Each candidate's reference, an object array; None where its document has none (or a blank one)."""
        table = read_columns(path, [ID, SUMMARY])
        texts = np.array([text if text and text.strip() else None for text in table["summary"].to_pylist()], dtype=object)
        if "id" not in table.column_names:
            self._check_rows(path, len(texts))
            return texts
        codes = self._codes(path, table["id"].combine_chunks())
        by_document = np.full(len(self.documents), None, dtype=object)
        by_document[codes] = texts
        if len(np.unique(codes)) < len(codes):
            row = int(np.setdiff1d(np.arange(len(codes)), np.unique(codes, return_index=True)[1])[0])
            raise InputError(f"{path}: expected each id once, got {table['id'][row].as_py()!r} again")
        return by_document[self.document]

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
            row = int(np.flatnonzero(found.is_null().to_numpy(zero_copy_only=False))[0])
            raise InputError(
                f"{path}: expected ids of candidates in {self.path}, "
                f"got {found.null_count} of {len(found)} others (first: id {ids[row].as_py()!r})"
            )
        return found.to_numpy().astype(np.int64)

    def _places(self, path: Path, ids: pa.Array, samples: np.ndarray) -> np.ndarray:
        """The candidate of each (id, sample)."""
        if ids.equals(self.ids) and np.array_equal(samples, self.samples):
            return np.arange(len(samples))
        keys = self._codes(path, ids) * self.stride + samples
        at = np.minimum(np.searchsorted(self.sorted_keys, keys), len(self.sorted_keys) - 1)
        unknown = (self.sorted_keys[at] != keys) | (samples >= self.stride)
        if unknown.any():
            row = int(np.flatnonzero(unknown)[0])
            raise InputError(
                f"{path}: expected samples of candidates in {self.path}, got {int(unknown.sum())} others "
                f"(first: {key_text(ids[row].as_py(), int(samples[row]), True)})"
            )
        if np.bincount(at).max() > 1:
            row = int(np.setdiff1d(np.arange(len(at)), np.unique(at, return_index=True)[1])[0])
            raise InputError(
                f"{path}: expected each key once, got {key_text(ids[row].as_py(), int(samples[row]), self.stride > 1)} again"
            )
        return self.order[at]


def _array(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array."""
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
