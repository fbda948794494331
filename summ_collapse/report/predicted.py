"""What could have been said of every arm before it was trained: coverage, the predicted difference, and the verdict.

Reads what a run measured of its candidates; what it says is what `diagnose` says of the same selection.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from summ_collapse.experiment.arms import Arm
from summ_collapse.metrics.coverage import coverage
from summ_collapse.metrics.ranking import mean_score
from summ_collapse.metrics.references import labelled
from summ_collapse.metrics.scoring import reads_documents, score_pairs
from summ_collapse.metrics.text_distance import Distances, Space, one_a_document
from summ_collapse.predict.measure import Judged
from summ_collapse.predict.predictor import SHIPPED, Prediction
from summ_collapse.predict.verdict import predicted_verdict
from summ_collapse.records import keys_of
from summ_collapse.report.contents import Contents
from summ_collapse.report.results import Predicted, PredictedDelta
from summ_collapse.selection.strata import CLUSTERS, cluster_strata
from summ_collapse.stages.prepare import Counts, slice_of, slice_rows
from summ_collapse.store import Artifact


@dataclass(frozen=True)
class _Candidates:
    """One pool, a row a candidate: its key, what is judged of it, and its stratum."""

    row_of: Mapping[tuple[str, int], int]
    known: np.ndarray  # which of them are judged
    judged: Judged  # those alone
    labels: np.ndarray
    texts: list[str]
    document: np.ndarray
    space: Space  # where their distance from the real texts is measured

    def distances(self, kept: np.ndarray) -> Distances:
        """Of the rows that are kept, from the real texts."""
        return self.space.distances([self.texts[row] for row in one_a_document(self.document, kept)])


class Predictions:
    """Predictions for the arms of one experiment; each pool's candidates are read and clustered once."""

    def __init__(self, report: Contents, inputs: Mapping[str, Artifact]) -> None:
        self.report = report
        self.inputs = inputs
        self.train_rows = Counts.of(inputs["examples"]).train
        self._candidates: dict[str, _Candidates] = {}

    @cached_property
    def _examples(self) -> pa.Table:
        return self.inputs["examples"].table("train")

    def of(self, arm: Arm) -> Predicted:
        """p, phi, psi and what follows, coverage, and predictions; nothing of an arm that is no selection of candidates."""
        if arm.candidates is None or arm.method is not None:
            return Predicted()
        candidates = self._read(arm)
        kept = self._kept(arm, candidates)
        real = slice_rows(self.train_rows, arm.slice) if arm.slice is not None else None
        measured = candidates.judged.measured(kept[candidates.known], int(kept.sum()), (candidates.labels, kept), real)
        # A generation may learn from more than this pool, of which nothing here says what that is worth.
        known = self.report.coefficients is not None and arm.generation is None
        found = predicted_verdict(measured, SHIPPED if known else None)
        kept_score, tampered = self._scored(arm, kept)
        further = {
            "coverage": coverage(candidates.labels, kept),
            "coverage_loss": measured.coverage_loss,
            "weighted_error": measured.weighted_error[0] if measured.weighted_error else None,
            "kept_score": kept_score,
            **vars(candidates.distances(kept)),
            "tampered": tampered,
            "predicted_delta": _described(found.against_real),
            "predicted_vs_random": _described(found.against_random),
            "predicted": found.verdict,
            "p_star_verdict": found.p_star_verdict,
        }
        return Predicted.model_validate(measured.confusion.summary() | further)

    def _read(self, arm: Arm) -> _Candidates:
        assert arm.candidates is not None
        assert arm.judge is not None
        if arm.candidates not in self._candidates:
            table = self.inputs[arm.candidates].table("candidates", ["id", "sample", "candidate"])
            scores = self.inputs[arm.judge].table("scores", ["score"])["score"].to_numpy()
            wrong, metric = self.report.wrong, self.report.evaluation.metrics[0]
            # The judge has scored every candidate already, in the metric that says what is wrong.
            quality = scores if metric == wrong.metric else graded(self._examples, table, metric)
            known, texts = ~np.isnan(scores), table["candidate"].to_pylist()
            document = np.unique(np.array(table["id"].to_pylist(), dtype=object)[known], return_inverse=True)[1]
            self._candidates[arm.candidates] = _Candidates(
                {key: row for row, key in enumerate(keys_of(table))},
                known,
                Judged(document, scores[known] < wrong.below, quality[known]),
                cluster_strata(texts, CLUSTERS),
                texts,
                np.unique(np.array(table["id"].to_pylist(), dtype=object), return_inverse=True)[1],
                Space.of(real_texts(self._examples, arm.slice), texts),
            )
        return self._candidates[arm.candidates]

    def _kept(self, arm: Arm, candidates: _Candidates) -> np.ndarray:
        """Which candidates are among the arm's rows."""
        assert arm.rows is not None
        rows = self.inputs[arm.rows].table("rows", ["id", "sample", "source"])
        kept = np.zeros(len(candidates.row_of), dtype=bool)
        kept[[candidates.row_of[key] for key in keys_of(rows.filter(pc.field("source") == arm.candidates))]] = True
        return kept

    def _scored(self, arm: Arm, kept: np.ndarray) -> tuple[float | None, float | None]:
        """The mean score of what is kept, in standard deviations above all candidates' mean; the share that was tampered with."""
        if arm.scores is None:
            return None, None
        table = self.inputs[arm.scores].table("scores")
        tampered = float(np.mean(table["tampered"].to_pylist())) if "tampered" in table.column_names else None
        return mean_score(table["score"].to_numpy(), kept) or 0.0, tampered


def real_texts(examples: pa.Table, share: float | None) -> list[str]:
    """Those that there are before any reference of a pool is looked at: the slice that its generator learnt from."""
    rows = examples if share is None else slice_of(examples, share)
    found: list[str] = rows["summary"].drop_null().to_pylist()
    return found


def graded(examples: pa.Table, candidates: pa.Table, metric: str) -> np.ndarray:
    """The metric of every candidate against its document's reference, 0-1, (candidates,); of no use where there is none."""
    row_of = {identifier: row for row, identifier in enumerate(examples["id"].to_pylist())}
    theirs = examples.take([row_of[identifier] for identifier in candidates["id"].to_pylist()])
    documents = theirs["document"].to_pylist() if reads_documents(metric) else None
    return score_pairs(candidates["candidate"].to_pylist(), labelled(theirs), [metric], documents)[metric]


def _described(found: Prediction | None) -> PredictedDelta | None:
    return None if found is None else PredictedDelta(found.delta, found.low, found.high, found.probability)
