"""ROUGE as an `evaluate` metric that loads by path, so that it needs no hub.

rouge = evaluate.load("summ_collapse/metrics/evaluate_rouge.py")
rouge.compute(predictions=[...], references=[...])
"""

import datasets
import evaluate

from summ_collapse.metrics.rouge import KINDS, score_pairs

_DESCRIPTION = "ROUGE F-measures through rouge-score with its stemmer; per-example scores are exactly rouge-score's, from 0 to 1."
_INPUTS = "predictions, references: lists of texts of equal length. aggregate: return means (default) or a score per example."


class Rouge(evaluate.Metric):
    """ROUGE-1/2/L/Lsum; means over examples, or one score an example with `aggregate=False`."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="Lin, Chin-Yew. ROUGE: A Package for Automatic Evaluation of Summaries. 2004.",
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": datasets.Value("string"), "references": datasets.Value("string")}),
        )

    def _compute(
        self, predictions: list[str], references: list[str], aggregate: bool = True
    ) -> dict[str, float] | dict[str, list[float]]:
        scores = score_pairs(predictions, references, KINDS)
        if aggregate:
            return {name: float(values.mean()) for name, values in scores.items()}
        return {name: values.tolist() for name, values in scores.items()}
