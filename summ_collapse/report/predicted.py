"""What could have been said of every arm before it was trained: coverage, the predicted difference, and the verdict.

Reads what a run measured of its candidates; what it says is what `diagnose` says of the same selection.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from summ_collapse.metrics.scoring import score_pairs
from summ_collapse.predict.confusion import Confusion
from summ_collapse.predict.posterior import Patterns
from summ_collapse.predict.predictor import Prediction, weighted_error
from summ_collapse.predict.verdict import Measured, predicted_verdict
from summ_collapse.records import keys_of
from summ_collapse.selection.strata import CLUSTERS, cluster_strata, coverage, coverage_loss
from summ_collapse.stages.prepare import slice_rows
from summ_collapse.stages.stage import Context

# What an arm has that nothing is predicted of.
NOTHING = dict.fromkeys(
    (
        "coverage",
        "coverage_loss",
        "weighted_error",
        "kept_score",
        "tampered",
        "predicted_delta",
        "predicted_vs_random",
        "predicted",
        "p_star_verdict",
    )
)


@dataclass(frozen=True)
class _Candidates:
    """One generator's output, a row a candidate: its key, document, whether it is wrong, and its stratum."""

    row_of: Mapping[tuple[str, int], int]
    document: np.ndarray
    wrong: np.ndarray
    graded: np.ndarray
    labels: np.ndarray


class Predictions:
    """Predictions for the arms of one experiment; each generator's candidates are read and clustered once."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.train_rows = int(context.inputs["examples"].manifest["notes"]["train_rows"])
        self._candidates: dict[str, _Candidates] = {}

    @cached_property
    def _references(self) -> pa.Table:
        return self.context.inputs["examples"].table("train", ["id", "summary"])

    def of(self, arm: Mapping[str, Any]) -> dict[str, Any]:
        """p, phi, psi and what follows, coverage, and predictions, of an arm that is made of candidates."""
        candidates = self._read(arm)
        kept = self._kept(arm, candidates)
        confusion = Confusion.of(candidates.wrong, kept)
        intervals = confusion.intervals(Patterns.of(candidates.document, candidates.wrong, kept))
        lost = coverage_loss(candidates.labels, kept)
        weighted = weighted_error(candidates.graded, candidates.wrong, kept, candidates.document)
        real = slice_rows(self.train_rows, arm["slice"])
        found = predicted_verdict(Measured(confusion, intervals, confusion.kept, weighted, lost, real))
        return {
            **confusion.summary(),
            "p_star_verdict": found.p_star_verdict,
            "coverage": coverage(candidates.labels, kept),
            "coverage_loss": lost,
            "weighted_error": weighted[0],
            **self._scored(arm, kept),
            "predicted_delta": _described(found.against_real),
            "predicted_vs_random": _described(found.against_random),
            "predicted": found.verdict,
        }

    def _read(self, arm: Mapping[str, Any]) -> _Candidates:
        name = arm["candidates"]
        if name not in self._candidates:
            table = self.context.inputs[name].table("candidates", ["id", "sample", "candidate"])
            judged = self.context.inputs[arm["judge"]].table("scores", ["score"])["score"].to_numpy()
            wrong, metric = self.context.config["wrong"], self.context.config["evaluation"]["metrics"][0]
            # The judge has scored every candidate already, in the metric that says what is wrong.
            quality = judged if metric == wrong["metric"] else graded(self._references, table, metric)
            self._candidates[name] = _Candidates(
                {key: row for row, key in enumerate(keys_of(table))},
                np.unique(table["id"].to_pylist(), return_inverse=True)[1],
                judged < wrong["below"],
                quality,
                cluster_strata(table["candidate"].to_pylist(), CLUSTERS),
            )
        return self._candidates[name]

    def _kept(self, arm: Mapping[str, Any], candidates: _Candidates) -> np.ndarray:
        if arm["select"] is None:
            return np.ones(len(candidates.wrong), dtype=bool)
        kept = np.zeros(len(candidates.wrong), dtype=bool)
        chosen = keys_of(self.context.inputs[arm["select"]].table("selection", ["id", "sample"]))
        kept[[candidates.row_of[key] for key in chosen]] = True
        return kept

    def _scored(self, arm: Mapping[str, Any], kept: np.ndarray) -> dict[str, float | None]:
        """The mean score of what is kept, in standard deviations above all candidates' mean; the share that was tampered with."""
        if arm["scores"] is None:
            return {"kept_score": None, "tampered": None}
        table = self.context.inputs[arm["scores"]].table("scores")
        scores = table["score"].to_numpy()
        finite = np.isfinite(scores)
        spread = float(scores[finite].std()) if finite.any() else 0.0
        above = scores[kept & finite].mean() - scores[finite].mean() if (kept & finite).any() else 0.0
        tampered = float(np.mean(table["tampered"].to_pylist())) if "tampered" in table.column_names else None
        return {"kept_score": float(above / spread) if spread > 0 else 0.0, "tampered": tampered}


def graded(references: pa.Table, candidates: pa.Table, metric: str) -> np.ndarray:
    """The metric of every candidate against its document's reference, 0-1, (candidates,); tables are keyed by `id`."""
    reference_of = dict(zip(references["id"].to_pylist(), references["summary"].to_pylist(), strict=True))
    theirs = [reference_of[identifier] for identifier in candidates["id"].to_pylist()]
    return score_pairs(candidates["candidate"].to_pylist(), theirs, [metric])[metric]


def _described(found: Prediction | None) -> dict[str, float] | None:
    if found is None:
        return None
    return {"delta": found.delta, "low": found.low, "high": found.high, "probability": found.probability}
