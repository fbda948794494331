"""`diagnose`: what each verifier is worth as a selector, before anything is trained on what it keeps.

Which rows a rate keeps is decided by the scores of all candidates; shares are estimated from those that are labelled.
Everything is seeded: equal input, equal numbers.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from summ_collapse.diagnose.candidates import Candidates
from summ_collapse.diagnose.diagnosis import Across, Baseline, Decile, Diagnosis, Question, Ranking, Selection, Swept, best_arm
from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.metrics.coverage import coverage
from summ_collapse.metrics.ranking import auc, mean_score, phi_coefficient, spearman
from summ_collapse.metrics.text_distance import Distances
from summ_collapse.predict.comparison import BETTER, LEVEL, Comparison, Kept, compare
from summ_collapse.predict.confusion import Estimates
from summ_collapse.predict.posterior import DRAWS
from summ_collapse.predict.predictor import Fit, Prediction
from summ_collapse.predict.verdict import predicted_verdict
from summ_collapse.selection.order import selection_rows

DECILES = 10
THRESHOLDS = tuple(tenths / 10 for tenths in range(1, 10))
# The sweep is there to see a curve by; its intervals need no third digit.
SWEEP_DRAWS = 1000
# What the paper's criterion says, in its own terms: without real rows beside it, it is no verdict on helping or hurting.
THEORY = {"helps": "p < p*", "hurts": "p > p*", "undecided": "undecided"}


@dataclass(frozen=True)
class _Taken:
    """What a verifier takes of a pool at a rate: which rows, how many, and the least score among them."""

    name: str
    rate: float
    across: Across
    kept: np.ndarray
    count: int
    threshold: float


def diagnose(pools: Sequence[Candidates], question: Question, fit: Fit | None = None, distances: bool = True) -> Diagnosis:
    """A selection for every verifier, rate and pool, a ranking for every verifier and pool, and the recommendation.

    `fit` has the coefficients that hold for these pools' task; None: none do, and no difference is predicted. How far texts are
    from real ones is measured where `distances` are asked for, since it takes longer than all else.
    """
    taken = [[*_taken(pool, question, "corpus"), *_taken(pool, question, "strata")] for pool in pools]
    compared = compare([_labelled(pool, question.wrong_below, found) for pool, found in zip(pools, taken, strict=True)])
    selections = [
        _selection(pool, question.wrong_below, one, comparison, fit, distances)
        for pool, found, comparisons in zip(pools, taken, compared, strict=True)
        for one, comparison in zip(found, comparisons, strict=True)
    ]
    return Diagnosis(
        question,
        level=0.95,
        difference_level=LEVEL,
        draws=DRAWS,
        pools=pools,
        predictor=fit,
        baselines=[one for pool in pools for one in _baselines(pool, question, fit)],
        verifiers=[selection for selection in selections if selection.across == "corpus"],
        stratified=[selection for selection in selections if selection.across == "strata"],
        rankings=[_ranking(pool, question.wrong_below, name) for pool in pools for name in pool.scores],
        recommended=recommend(selections),
    )


def _taken(pool: Candidates, question: Question, across: Across) -> Iterator[_Taken]:
    for name, ranks in (pool.ranks if across == "corpus" else pool.stratified_ranks).items():
        for rate in dict.fromkeys(question.rates):
            count = pool.count(name, rate)
            yield _Taken(name, rate, across, ranks < count, count, float(pool.scores[name][ranks == count - 1][0]))


def _labelled(pool: Candidates, below: float, taken: Sequence[_Taken]) -> Kept:
    judged = pool.judged(below)
    kept = np.array([one.kept[pool.labelled] for one in taken], dtype=bool).reshape(len(taken), len(judged.wrong))
    return Kept(judged.document, judged.wrong, kept)


def _selection(
    pool: Candidates, below: float, taken: _Taken, compared: Comparison, fit: Fit | None, distances: bool
) -> Selection:
    kept, threshold = taken.kept, taken.threshold
    labels, of_labelled = pool.strata.labels, kept[pool.strata.rows]
    measured = pool.judged(below).measured(kept[pool.labelled], taken.count, (labels, of_labelled), pool.slice_rows)
    verdict = predicted_verdict(measured, fit)
    phi, psi = measured.estimates.phi, measured.estimates.psi
    return Selection(
        name=taken.name,
        rate=taken.rate,
        across=taken.across,
        seed=pool.seed,
        slice=pool.slice,
        pool=pool.pool,
        oracle=taken.name in pool.oracles,
        kept_rows=taken.count,
        threshold=threshold if np.isfinite(threshold) and taken.across == "corpus" else None,
        labelled_kept=measured.confusion.kept,
        estimates=measured.estimates,
        weighted_error=measured.weighted_error[0] if measured.weighted_error else None,
        difference=compared.difference,
        against_random=compared.verdict,
        labels_needed=compared.labels_needed,
        theory=THEORY[verdict.p_star_verdict],
        predicted=verdict.verdict,
        criterion=verdict.criterion,
        predicted_delta=_points(verdict.against_real),
        predicted_vs_random=_points(verdict.against_random),
        informedness=None if phi is None or psi is None else phi.mean - psi.mean,
        kept_score=mean_score(pool.scores[taken.name], kept),
        **vars(pool.distances(kept) if distances else Distances()),
        coverage=coverage(labels, of_labelled),
        coverage_loss=measured.coverage_loss,
        coverage_random=pool.strata.random_coverage(kept),
        strata=pool.strata.shares(kept),
        lengths=pool.lengths.shares(kept),
        sweep=[_swept(pool, other, kept) for other in THRESHOLDS],
    )


def _baselines(pool: Candidates, question: Question, fit: Fit | None) -> Iterator[Baseline]:
    """Everything, and at each rate as many random rows: wrong as often as the pool, whatever their number."""
    judged, labels = pool.judged(question.wrong_below), pool.strata.labels
    everything, in_strata = np.ones(len(judged.wrong), dtype=bool), np.ones(len(labels), dtype=bool)
    for name, rate in (("keep all", 1.0), *(("random rows", rate) for rate in dict.fromkeys(question.rates))):
        count = selection_rows(pool.rows, rate)
        measured = judged.measured(everything, count, (labels, in_strata), pool.slice_rows)
        verdict, known = predicted_verdict(measured, fit), Interval(rate, rate, rate)
        half = Interval(0.5, 0.5, 0.5)  # what is kept whatever it is has phi = psi
        kept = np.arange(pool.rows) < count
        yield Baseline(
            name=name,
            rate=rate,
            seed=pool.seed,
            slice=pool.slice,
            pool=pool.pool,
            kept_rows=count,
            estimates=Estimates(measured.estimates.p, known, known, half, measured.estimates.p, known),
            coverage=1.0 if rate == 1 else pool.strata.random_coverage(kept),
            theory=THEORY[verdict.p_star_verdict],
            predicted=verdict.verdict,
            predicted_delta=_points(verdict.against_real),
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
        pool=pool.pool,
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
    """Of the arms that are better than keeping all and than random rows under every seed the one that errs least.

    Least for sure, by the upper bound of p' under its worst seed: pools of several generators have each a p of their own.
    Oracles are left out: they read what `wrong` is computed from, so that they are right by definition.
    """
    best = best_arm(selections, _worth)
    return None if best is None or _worth(best) == -np.inf else best


def _worth(selection: Selection) -> float:
    p, difference = selection.estimates.p, selection.difference
    if p is None or difference is None or selection.oracle or selection.against_random != BETTER:
        return -np.inf
    return -(p.mean + difference.high)
