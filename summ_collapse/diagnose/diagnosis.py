"""`diagnose`: what each verifier is worth as a selector, before anything is trained on what it keeps.

Which rows a rate keeps is decided by the scores of all candidates; shares are estimated from those that have a reference.
Everything is seeded: equal input, equal numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from summ_collapse.diagnose.composition import random_coverage, shares
from summ_collapse.diagnose.pool import Pool
from summ_collapse.errors import InputError
from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.metrics.coverage import coverage
from summ_collapse.metrics.ranking import auc, phi_coefficient, spearman
from summ_collapse.predict.measure import Judged
from summ_collapse.predict.posterior import DRAWS
from summ_collapse.predict.predictor import Prediction
from summ_collapse.predict.verdict import predicted_verdict, recommend

Across = Literal["corpus", "strata"]

DECILES = 10
THRESHOLDS = tuple(tenths / 10 for tenths in range(1, 10))
# The sweep is there to see a curve by; its intervals need no third digit.
SWEEP_DRAWS = 1000
SWEPT = ("p", "p_star", "kept_error")


@dataclass(frozen=True)
class Question:
    """What is asked of every pool: the shares to keep, and the metric below which a candidate is wrong."""

    rates: Sequence[float]
    wrong_below: float
    metric: str


def diagnose(pools: Sequence[Pool], question: Question) -> dict[str, Any]:
    """The content of `diagnose --json`: an entry a verifier, rate and seed, and the recommendation."""
    _check(question)
    verifiers, stratified = _selections(pools, question, "corpus"), _selections(pools, question, "strata")
    return {
        **asdict(question),
        "level": 0.95,
        "draws": DRAWS,
        "pools": [_described(pool) for pool in pools],
        "verifiers": verifiers,
        "stratified": stratified,
        "rankings": [_ranking(pool, question, name) for pool in pools for name in pool.scores],
        "recommended": recommend([*verifiers, *stratified]),
    }


def _check(question: Question) -> None:
    for rate in question.rates:
        if not 0 < rate <= 1:
            raise InputError(f"--rates: expected shares above 0 and up to 1, got {rate:g}")
    if not 0 < question.wrong_below <= 1:
        raise InputError(f"--wrong-below: expected a number above 0 and up to 1, got {question.wrong_below:g}")


def _described(pool: Pool) -> dict[str, Any]:
    return {
        "seed": pool.seed,
        "slice": pool.slice,
        "candidates": pool.rows,
        "documents": pool.documents,
        "labelled": len(pool.labelled),
        "labelled_documents": _documents(pool.labelled_documents),
        "slice_rows": pool.slice_rows,
        "strata": {"kind": pool.strata.kind, "count": len(pool.strata.names), "rows": len(pool.strata.rows)},
    }


def _documents(document: np.ndarray) -> int:
    return int(document.max()) + 1


def _selections(pools: Sequence[Pool], question: Question, across: Across) -> list[dict[str, Any]]:
    """An entry a pool, verifier and rate."""
    found = []
    for pool in pools:
        ranks = pool.ranks if across == "corpus" else pool.stratified_ranks
        found += [
            _selection(pool, question, name, rate, across, ranks[name])
            for name in ranks
            for rate in dict.fromkeys(question.rates)
        ]
    return found


def _selection(pool: Pool, question: Question, name: str, rate: float, across: Across, ranks: np.ndarray) -> dict[str, Any]:
    """One verifier at one rate."""
    count = pool.count(name, rate)
    kept = ranks < count
    threshold = float(pool.scores[name][ranks == count - 1][0])
    labels, of_labelled = pool.strata.labels, kept[pool.strata.rows]
    judged = _judged(pool, question.wrong_below)
    measured = judged.measured(kept[pool.labelled], count, (labels, of_labelled), pool.slice_rows)
    confusion, weighted = measured.confusion, measured.weighted_error
    prediction = predicted_verdict(measured)
    return {
        "name": name,
        "rate": rate,
        "across": across,
        "seed": pool.seed,
        "slice": pool.slice,
        "oracle": name in pool.oracles,
        "kept_rows": count,
        # Within strata there are as many thresholds as strata.
        "threshold": threshold if np.isfinite(threshold) and across == "corpus" else None,
        "labelled_kept": confusion.kept,
        **_flat(measured.intervals),
        "weighted_error": weighted[0] if weighted else None,
        "predicted": prediction.verdict,
        "criterion": prediction.criterion,
        "p_star_verdict": prediction.p_star_verdict,
        **_predicted_points("predicted_delta", prediction.against_real),
        **_predicted_points("predicted_vs_random", prediction.against_random),
        "margin_low": prediction.lower_bound,
        "labels_needed": prediction.labels_needed,
        "coverage": coverage(labels, of_labelled),
        "coverage_loss": measured.coverage_loss,
        "coverage_random": random_coverage(pool.strata, kept),
        "strata": shares(pool.strata, kept),
        "lengths": shares(pool.lengths, kept),
        "sweep": [_swept(pool, below, kept) for below in THRESHOLDS],
    }


def _predicted_points(name: str, found: Prediction | None) -> dict[str, float | None]:
    if found is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    return {name: found.delta, f"{name}_low": found.low, f"{name}_high": found.high}


def _judged(pool: Pool, below: float) -> Judged:
    """The candidates whose quality is known; what is graded in another metric weighs errors by that."""
    graded = pool.quality if pool.graded is None else pool.graded
    rows = pool.labelled
    return Judged(pool.labelled_documents, pool.quality[rows] < below, graded[rows])


def _swept(pool: Pool, below: float, kept: np.ndarray) -> dict[str, float | None]:
    _, found = _judged(pool, below).confusion(kept[pool.labelled], SWEEP_DRAWS)
    return {"wrong_below": below, **_flat({name: found[name] for name in SWEPT})}


def _flat(estimates: Mapping[str, Mapping[str, float | None]]) -> dict[str, float | None]:
    """{"p": value, "p_low": …, "p_high": …, …}."""
    flat: dict[str, float | None] = {}
    for name, found in estimates.items():
        flat |= {name: found["value"], f"{name}_low": found["low"], f"{name}_high": found["high"]}
    return flat


def _ranking(pool: Pool, question: Question, name: str) -> dict[str, Any]:
    """What a verifier's scores are worth at no rate in particular."""
    right = pool.quality[pool.labelled] >= question.wrong_below
    # NaN ranks below every number, as it does in a selection.
    scores = np.where(np.isnan(pool.scores[name]), -np.inf, pool.scores[name])[pool.labelled]
    rated = np.isfinite(scores)
    documents = int((np.bincount(pool.labelled_documents[rated]) > 0).sum())
    return {
        "name": name,
        "seed": pool.seed,
        "slice": pool.slice,
        "oracle": name in pool.oracles,
        "nan_scores": int(np.isnan(pool.scores[name]).sum()),
        **_bounds("spearman", spearman(scores[rated], pool.quality[pool.labelled][rated], documents)),
        **_bounds("auc", auc(scores, right, pool.labelled_documents)),
        **_error_correlation(pool.ranks[name][pool.labelled], right),
        "calibration": _calibration(pool, question.wrong_below, name),
    }


def _bounds(name: str, found: Interval | None) -> dict[str, float | None]:
    if found is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    return {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}


def _error_correlation(ranks: np.ndarray, right: np.ndarray) -> dict[str, float | None]:
    """The phi coefficient of "the candidate is wrong" and "the verifier errs": do verifier and generator fail together?

    The verifier's decision is to keep as many as are right. At any other rate it would have to err, keeping wrong ones or
    dropping right ones, however well it ranks, and the coefficient would tell the rate and not the verifier. At this one it
    keeps as many wrong ones as it drops right ones, so that its sign goes with p: it is to be read beside what a verifier
    would have that decides by chance at the same rate, (1 - 2p) / sqrt(2 (1 - 2p (1 - p))). Nearer to 0 is better.
    """
    kept = np.zeros(len(right), dtype=bool)
    kept[np.argsort(ranks)[: int(right.sum())]] = True
    p = float(1 - right.mean())
    chance = (1 - 2 * p) / np.sqrt(2 * (1 - 2 * p * (1 - p))) if 0 < p < 1 else None
    value = phi_coefficient(~right, kept != right)
    return {"error_correlation": value, "error_correlation_random": None if chance is None else float(chance)}


def _calibration(pool: Pool, below: float, name: str) -> list[dict[str, Any]]:
    """The share of right candidates by decile of the score, the best first; among those with a score and a label."""
    usable = pool.rows - int(np.isnan(pool.scores[name]).sum())
    decile = np.where(pool.ranks[name] < usable, pool.ranks[name] * DECILES // max(1, usable), DECILES)
    return [_decile(pool, below, decile == place) | {"decile": place + 1} for place in range(DECILES)]


def _decile(pool: Pool, below: float, inside: np.ndarray) -> dict[str, Any]:
    # Were this decile what is kept, its share of wrong ones would be the kept error.
    confusion, found = _judged(pool, below).confusion(inside[pool.labelled], SWEEP_DRAWS)
    error = found["kept_error"]
    value, low, high = error["value"], error["low"], error["high"]
    known = value is not None and low is not None and high is not None
    return {
        "labelled": confusion.kept,
        "right": 1 - value if known and value is not None else None,
        "right_low": 1 - high if known and high is not None else None,
        "right_high": 1 - low if known and low is not None else None,
    }
