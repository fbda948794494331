"""What a diagnosis looks at: the candidates of one pool with every verifier's scores, and how good those with a reference are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from summ_collapse.diagnose.strata import Strata
from summ_collapse.errors import InputError
from summ_collapse.metrics.text_distance import Distances, Space, one_a_document
from summ_collapse.predict.measure import Judged
from summ_collapse.records import tie_break
from summ_collapse.selection.order import merged_strata, ranked, selection_rows
from summ_collapse.selection.strata import CLUSTERS, cluster_strata, length_strata

CLUSTERED_ROWS = 50_000
QUARTILES = 4


@dataclass(frozen=True)
class Candidates:
    """One pool's candidates, from a run or from bare files; arrays are (rows,) in one order. Documents are numbered from 0.

    `seed`, `slice` (the generator's share of the real rows) and `pool` (a further one of the generator's) say which of a run's
    pools it is. `quality` is the metric's score, 0-1, and NaN where there is no reference. `oracles` are the verifiers that read
    what quality is computed from: they are bounds, nothing that could be had where references are missing.
    """

    ids: pa.Array
    samples: np.ndarray
    texts: pa.ChunkedArray
    document: np.ndarray
    scores: Mapping[str, np.ndarray]
    quality: np.ndarray
    oracles: frozenset[str] = frozenset()
    seed: int | None = None
    slice: float | None = None
    pool: str | None = None
    column: pa.Array | None = None
    slice_rows: int | None = None
    real: Sequence[str] = ()  # texts that people wrote, which what is kept is held against
    embed: Callable[[Sequence[str]], np.ndarray] | None = None  # vectors to compare texts by; TF-IDF where absent
    graded: np.ndarray | None = None  # a metric that knows more than right and wrong, 0-1; `quality` where absent

    def __post_init__(self) -> None:
        if not np.isfinite(self.quality).any():
            raise InputError("expected a reference, or the oracle's score, for at least one candidate; found none")

    @property
    def rows(self) -> int:
        return len(self.document)

    @property
    def documents(self) -> int:
        return int(self.document.max()) + 1

    @cached_property
    def labelled(self) -> np.ndarray:
        """Rows whose quality is known, as places."""
        return np.flatnonzero(np.isfinite(self.quality))

    @cached_property
    def labelled_documents(self) -> np.ndarray:
        """The document of each labelled row, numbered from 0 without gaps."""
        known = np.bincount(self.document[self.labelled], minlength=self.documents) > 0
        return (np.cumsum(known) - 1)[self.document[self.labelled]]

    def judged(self, wrong_below: float) -> Judged:
        """The candidates whose quality is known; what is graded in another metric weighs errors by that."""
        graded = self.quality if self.graded is None else self.graded
        return Judged(self.labelled_documents, self.quality[self.labelled] < wrong_below, graded[self.labelled])

    @cached_property
    def _ties(self) -> np.ndarray:
        return tie_break("ties", list(zip(self.ids.to_pylist(), self.samples.tolist(), strict=True)))

    @cached_property
    def ranks(self) -> dict[str, np.ndarray]:
        """Each row's place by each verifier's score, best first: the very order of `stages.ordering.ranking`."""
        return {name: ranked(scores, lambda: self._ties) for name, scores in self.scores.items()}

    @cached_property
    def stratified_ranks(self) -> dict[str, np.ndarray]:
        """The same, the same share of every stratum at every rate; none where strata are known for a sample alone."""
        if len(self.strata.rows) < self.rows:
            return {}
        return {name: merged_strata(ranks, self.strata.labels, np.isnan(self.scores[name])) for name, ranks in self.ranks.items()}

    def count(self, verifier: str, rate: float) -> int:
        """How many rows a rate keeps; InputError where that is none, or more than have scores."""
        count = selection_rows(self.rows, rate)
        if count < 1:
            raise InputError(f"--rates: {rate:g} of {self.rows} candidates is less than one")
        unusable = np.isnan(self.scores[verifier])
        if count > self.rows - int(unusable.sum()):
            row = int(np.flatnonzero(unusable)[0])
            raise InputError(
                f"{verifier}: {int(unusable.sum())} of {self.rows} scores are NaN (first: {self.key(row)}); "
                f"keeping {rate:g}, that is {count}, needs as many numbers"
            )
        return count

    def key(self, row: int) -> str:
        """A row's key, as messages name it."""
        return key_text(self.ids[row].as_py(), int(self.samples[row]), bool(self.samples.any()))

    @cached_property
    def lengths(self) -> Strata:
        """Quartiles of the candidates' length in words; fewer where many candidates are of one length."""
        texts = self.texts.to_pylist()
        words = np.array([len(text.split()) for text in texts], dtype=np.int64)
        labels = np.unique(length_strata(texts, QUARTILES), return_inverse=True)[1]
        ranges = [words[labels == label] for label in range(int(labels.max()) + 1)]
        names = [f"{held.min()}" if held.min() == held.max() else f"{held.min()}-{held.max()}" for held in ranges]
        return Strata(np.arange(self.rows), labels, names, "lengths")

    @cached_property
    def _space(self) -> Space:
        if self.embed is not None:
            return Space.embedded(self.real, self.embed)
        return Space.of(self.real, self._texts(one_a_document(self.document, np.ones(self.rows, dtype=bool))))

    def distances(self, kept: np.ndarray) -> Distances:
        """Of the rows that are kept, from the real texts, where there are any."""
        return self._space.distances(self._texts(one_a_document(self.document, kept))) if self.real else Distances()

    def _texts(self, rows: np.ndarray) -> list[str]:
        found: list[str] = self.texts.take(pa.array(rows)).to_pylist()
        return found

    @cached_property
    def strata(self) -> Strata:
        """The candidates file's own strata, or clusters of the texts (of a fixed sample of them where there are many)."""
        rows = np.arange(self.rows)
        if self.column is not None:
            names, labels = np.unique(self.column.to_pylist(), return_inverse=True)
            return Strata(rows, labels, names.tolist(), "column")
        if self.rows > CLUSTERED_ROWS:
            rows = np.sort(np.random.default_rng(0).choice(self.rows, CLUSTERED_ROWS, replace=False))
        found = cluster_strata(self.texts.take(pa.array(rows)).to_pylist(), CLUSTERS)
        labels = np.unique(found, return_inverse=True)[1]
        return Strata(rows, labels, [f"cluster {label}" for label in range(int(labels.max()) + 1)], "clusters")


def key_text(identifier: str, sample: int, sampled: bool) -> str:
    """`id 'x'`, with the sample where documents have several."""
    return f"id {identifier!r}, sample {sample}" if sampled else f"id {identifier!r}"
