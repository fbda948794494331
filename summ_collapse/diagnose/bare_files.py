"""A pool from bare files: candidates, references and scores, matched by id, or by row where a file has no ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from summ_collapse.diagnose.built_in import Shown, built_in, scored
from summ_collapse.diagnose.candidates import Candidates
from summ_collapse.diagnose.keys import Keys
from summ_collapse.errors import InputError
from summ_collapse.files.columns import CANDIDATE, ID, SAMPLE, STRATUM, SUMMARY, read_columns
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
    keys, texts = Keys(files.candidates, table), table["candidate"]
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
        real=[] if references is None else _of_documents(references, keys.document),
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


def _built_in(files: Files, keys: Keys, texts: pa.ChunkedArray) -> dict[str, np.ndarray]:
    """The scores of the verifiers that are computed here, by name."""
    if not files.verifiers:
        return {}
    documents = None if files.documents is None else keys.documents_of(files.documents)
    named = list(zip(keys.ids.to_pylist(), keys.samples.tolist(), strict=True))
    return {name: scored(name, named, texts.to_pylist(), documents, files.shown) for name in files.verifiers}


def _of_documents(references: np.ndarray, document: np.ndarray) -> list[str]:
    """Each document's reference, where it has one, once: a document may have several candidates."""
    first = np.unique(document, return_index=True)[1]
    return [text for text in references[first].tolist() if text is not None]


def _check_oracle(path: Path, keys: Keys, scores: np.ndarray) -> None:
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
