"""What could have been said of every arm before it was trained: coverage, the predicted difference, and the verdict.

Reads what a run measured of its candidates; the formula is `theory.predictor`'s.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from summ_collapse.metrics.strata import cluster_strata, coverage, coverage_loss
from summ_collapse.records import keys_of
from summ_collapse.stages.prepare import slice_rows
from summ_collapse.stages.stage import Context
from summ_collapse.theory.predictor import Evidence, predict, predict_against_random
from summ_collapse.theory.proxy import Confusion

CLUSTERS = 16
# What an arm has that nothing is foretold of.
NOTHING = dict.fromkeys(
    ("coverage", "coverage_loss", "kept_score", "predicted_delta", "predicted_vs_random", "predicted", "p_star_verdict")
)


class Foresight:
    """Predictions for the arms of one experiment; candidates are clustered once a generator."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.train_rows = int(context.inputs["examples"].manifest["notes"]["train_rows"])
        self._labels: dict[str, np.ndarray] = {}

    def of(self, arm: Mapping[str, Any]) -> dict[str, Any]:
        """p, phi, psi and what follows, coverage, and predictions, of an arm that is made of candidates."""
        wrong, kept = self._wrong(arm["judge"]), self._kept(arm)
        labels = self._strata(arm["candidates"])
        confusion = Confusion.of(wrong, kept)
        evidence = Evidence(
            kept=confusion.kept,
            kept_error=confusion.wrong_kept / confusion.kept,
            coverage_loss=coverage_loss(labels, kept),
            generator_error=confusion.wrong / len(wrong),
            slice_rows=slice_rows(self.train_rows, arm["slice"]),
            kept_error_spread=confusion.kept_error_spread(),
        )
        summary = confusion.summary()
        found, random = predict(evidence), predict_against_random(evidence)
        return {
            **summary,
            "p_star_verdict": summary["predicted"],
            "coverage": coverage(labels, kept),
            "coverage_loss": evidence.coverage_loss,
            "kept_score": self._kept_score(arm, kept),
            "predicted_delta": {"delta": found.delta, "low": found.low, "high": found.high, "probability": found.probability},
            "predicted_vs_random": {"delta": random.delta, "low": random.low, "high": random.high},
            "predicted": found.verdict,
        }

    def _wrong(self, judge: str) -> np.ndarray:
        judged = self.context.inputs[judge].table("scores", ["score"])["score"].to_numpy()
        return judged < self.context.config["wrong_below"]

    def _kept(self, arm: Mapping[str, Any]) -> np.ndarray:
        keys = keys_of(self.context.inputs[arm["candidates"]].table("candidates", ["id", "sample"]))
        if arm["select"] is None:
            return np.ones(len(keys), dtype=bool)
        chosen = set(keys_of(self.context.inputs[arm["select"]].table("selection", ["id", "sample"])))
        return np.array([key in chosen for key in keys], dtype=bool)

    def _kept_score(self, arm: Mapping[str, Any], kept: np.ndarray) -> float | None:
        """The mean score of what is kept, in standard deviations above all candidates' mean."""
        if arm["scores"] is None:
            return None
        scores = self.context.inputs[arm["scores"]].table("scores", ["score"])["score"].to_numpy()
        spread = float(np.nanstd(scores))
        return float((np.nanmean(scores[kept]) - np.nanmean(scores)) / spread) if spread > 0 else 0.0

    def _strata(self, candidates: str) -> np.ndarray:
        if candidates not in self._labels:
            texts = self.context.inputs[candidates].table("candidates", ["candidate"])["candidate"].to_pylist()
            self._labels[candidates] = cluster_strata(texts, CLUSTERS)
        return self._labels[candidates]
