"""`diagnose`: what each verifier is worth as a selector, before anything is trained on what it keeps.

Which rows a rate keeps is decided by the scores of all candidates; shares are estimated from those that have a reference.
Everything is seeded: equal input, equal numbers.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from summ_collapse.diagnose.candidates import Candidates
from summ_collapse.diagnose.diagnosis import Across, Decile, Diagnosis, Question, Ranking, Selection, Swept, best_arm
from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.metrics.coverage import coverage
from summ_collapse.metrics.ranking import auc, phi_coefficient, spearman
from summ_collapse.predict.posterior import DRAWS
from summ_collapse.predict.predictor import Prediction
from summ_collapse.predict.verdict import predicted_verdict

DECILES = 10
THRESHOLDS = tuple(tenths / 10 for tenths in range(1, 10))
# The sweep is there to see a curve by; its intervals need no third digit.
SWEEP_DRAWS = 1000


def diagnose(pools: Sequence[Candidates], question: Question) -> Diagnosis:
    """A selection for every verifier, rate and pool, a ranking for every verifier and pool, and the recommendation."""
    verifiers, stratified = _selections(pools, question, "corpus"), _selections(pools, question, "strata")
    return Diagnosis(
        question,
        level=0.95,
        draws=DRAWS,
        pools=pools,
        verifiers=verifiers,
        stratified=stratified,
        rankings=[_ranking(pool, question.wrong_below, name) for pool in pools for name in pool.scores],
        recommended=recommend([*verifiers, *stratified]),
    )


def _selections(pools: Sequence[Candidates], question: Question, across: Across) -> list[Selection]:
    return [
        _selection(pool, question.wrong_below, name, rate, across, ranks)
        for pool in pools
        for name, ranks in (pool.ranks if across == "corpus" else pool.stratified_ranks).items()
        for rate in dict.fromkeys(question.rates)
    ]


def _selection(pool: Candidates, below: float, name: str, rate: float, across: Across, ranks: np.ndarray) -> Selection:
    count = pool.count(name, rate)
    kept = ranks < count
    threshold = float(pool.scores[name][ranks == count - 1][0])
    labels, of_labelled = pool.strata.labels, kept[pool.strata.rows]
    measured = pool.judged(below).measured(kept[pool.labelled], count, (labels, of_labelled), pool.slice_rows)
    verdict = predicted_verdict(measured)
    return Selection(
        name=name,
        rate=rate,
        across=across,
        seed=pool.seed,
        slice=pool.slice,
        oracle=name in pool.oracles,
        kept_rows=count,
        threshold=threshold if np.isfinite(threshold) and across == "corpus" else None,
        labelled_kept=measured.confusion.kept,
        estimates=measured.estimates,
        weighted_error=measured.weighted_error[0] if measured.weighted_error else None,
        predicted=verdict.verdict,
        criterion=verdict.criterion,
        p_star_verdict=verdict.p_star_verdict,
        predicted_delta=_points(verdict.against_real),
        predicted_vs_random=_points(verdict.against_random),
        margin_low=verdict.lower_bound,
        labels_needed=verdict.labels_needed,
        coverage=coverage(labels, of_labelled),
        coverage_loss=measured.coverage_loss,
        coverage_random=pool.strata.random_coverage(kept),
        strata=pool.strata.shares(kept),
        lengths=pool.lengths.shares(kept),
        sweep=[_swept(pool, other, kept) for other in THRESHOLDS],
    )


def _points(found: Prediction | None) -> Interval | None:
    return None if found is None else Interval(found.delta, found.low, found.high)


def _swept(pool: Candidates, below: float, kept: np.ndarray) -> Swept:
    _, found = pool.judged(below).confusion(kept[pool.labelled], SWEEP_DRAWS)
    return Swept(below, found.p, found.p_star, found.kept_error)


def _ranking(pool: Candidates, below: float, name: str) -> Ranking:
    quality = pool.quality[pool.labelled]
    right = quality >= below
    # NaN ranks below every number, as it does in a selection.
    unusable = np.isnan(pool.scores[name])
    scores = np.where(unusable, -np.inf, pool.scores[name])[pool.labelled]
    rated = np.isfinite(scores)
    documents = int((np.bincount(pool.labelled_documents[rated]) > 0).sum())
    correlation, by_chance = _error_correlation(pool.ranks[name][pool.labelled], right)
    return Ranking(
        name=name,
        seed=pool.seed,
        slice=pool.slice,
        oracle=name in pool.oracles,
        nan_scores=int(unusable.sum()),
        spearman=spearman(scores[rated], quality[rated], documents),
        auc=auc(scores, right, pool.labelled_documents),
        error_correlation=correlation,
        error_correlation_random=by_chance,
        calibration=_calibration(pool, below, name),
    )


def _error_correlation(ranks: np.ndarray, right: np.ndarray) -> tuple[float | None, float | None]:
    """The phi coefficient of "the candidate is wrong" and "the verifier errs": do verifier and generator fail together?

    The verifier's decision is to keep as many as are right. At any other rate it would have to err, keeping wrong ones or
    dropping right ones, however well it ranks, and the coefficient would tell the rate and not the verifier. At this one it
    keeps as many wrong ones as it drops right ones, so that its sign goes with p: it is to be read beside what a verifier
    would have that decides by chance at the same rate, (1 - 2p) / sqrt(2 (1 - 2p (1 - p))), the second number. Nearer to 0
    is better.
    """
    kept = np.zeros(len(right), dtype=bool)
    kept[np.argsort(ranks)[: int(right.sum())]] = True
    p = float(1 - right.mean())
    chance = float((1 - 2 * p) / np.sqrt(2 * (1 - 2 * p * (1 - p)))) if 0 < p < 1 else None
    return phi_coefficient(~right, kept != right), chance


def _calibration(pool: Candidates, below: float, name: str) -> list[Decile]:
    """The share of right candidates by decile of the score, among those with a score and a label."""
    usable = pool.rows - int(np.isnan(pool.scores[name]).sum())
    decile = np.where(pool.ranks[name] < usable, pool.ranks[name] * DECILES // max(1, usable), DECILES)
    deciles = []
    for place in range(DECILES):
        # Were this decile what is kept, its share of wrong ones would be the kept error.
        confusion, found = pool.judged(below).confusion((decile == place)[pool.labelled], SWEEP_DRAWS)
        error = found.kept_error
        right = None if error is None else Interval(1 - error.mean, 1 - error.high, 1 - error.low)
        deciles.append(Decile(confusion.kept, right, place + 1))
    return deciles


def recommend(selections: Iterable[Selection]) -> Selection | None:
    """Of the arms that help under every seed the one with the highest lower bound, under its worst seed; None where none does.

    Oracles are left out: they read what `wrong` is computed from, so that they are right by definition.
    """
    best = best_arm(selections, _bound)
    return None if best is None or _bound(best) == -np.inf else best


def _bound(selection: Selection) -> float:
    helps = selection.predicted == "helps" and not selection.oracle
    return selection.margin_low if helps and selection.margin_low is not None else -np.inf
