"""What the estimates say about training: a prediction, and how many labels a doubt would take.

Where the number of the generator's real rows is known, `predict.predictor` predicts the difference from training on those;
where it is not, the paper's criterion p < p* is all there is.
"""

import math
from dataclasses import dataclass
from typing import Literal

from summ_collapse.metrics.bootstrap import share_interval
from summ_collapse.metrics.ranking import Z95
from summ_collapse.predict import predictor
from summ_collapse.predict.confusion import Confusion, Estimates


@dataclass(frozen=True)
class Measured:
    """What is known of one selection before anything is trained on it."""

    confusion: Confusion  # of the labelled candidates
    estimates: Estimates
    kept_rows: int
    weighted_error: tuple[float, float] | None  # with its standard error; None where no kept row has a reference
    coverage_loss: float  # nats, of the pool's strata
    slice_rows: int | None  # the generator's real rows

    def for_predictor(self) -> predictor.Features | None:
        """The same for the formula; None where it lacks something."""
        p = self.estimates.p
        if self.slice_rows is None or self.weighted_error is None or p is None:
            return None
        error, spread = self.weighted_error
        return predictor.Features(self.kept_rows, error, self.coverage_loss, p.mean, self.slice_rows, spread)


@dataclass(frozen=True)
class Verdict:
    """`helps`, `hurts` or `undecided` by one of both criteria, and the lower bound by which recommendations are ordered."""

    criterion: Literal["predictor", "p_star"]
    verdict: str
    lower_bound: float | None
    labels_needed: int | None  # in all, to decide what is undecided; None where no number would
    p_star_verdict: str
    against_real: predictor.Prediction | None = None
    against_random: predictor.Prediction | None = None


def predicted_verdict(measured: Measured) -> Verdict:
    """The verdict before training: by the predictor where it can speak, else by p < p*."""
    verdict, bound = _by_p_star(measured)
    features = measured.for_predictor()
    if features is None:
        needed = labels_needed(measured.confusion, measured.estimates) if verdict == "undecided" else None
        return Verdict("p_star", verdict, bound, needed, verdict)
    real, random = predictor.predict(features), predictor.predict_against_random(features)
    needed = None
    if real.verdict == "undecided":
        among_kept = predictor.labels_needed(features, measured.confusion.kept)
        share = measured.confusion.kept / (measured.confusion.right + measured.confusion.wrong)
        needed = None if among_kept is None else math.ceil(among_kept / share)
    return Verdict("predictor", real.verdict, real.low, needed, verdict, real, random)


def _by_p_star(measured: Measured) -> tuple[str, float | None]:
    """The paper's criterion (Feng et al. 2024): below the breakdown point, p < p*, which says p' < 1/2, training helps.

    It decides where both intervals of p' leave 1/2 out: Clopper-Pearson's, as in a run's results, and the bootstrap's, which
    is the wider one where a document's candidates are alike. The margin is 1/2 - p'.
    """
    verdict = measured.confusion.predicted()
    error = measured.estimates.kept_error
    if error is None:
        return "undecided", None
    return "undecided" if error.low <= 0.5 <= error.high else verdict, 0.5 - error.high


def labels_needed(confusion: Confusion, estimates: Estimates) -> int | None:
    """Labelled candidates, in all, with which the 95% interval of p' would leave 1/2 out, were p' what it is estimated to be.

    What is needed among the kept, by Clopper and Pearson, over the kept fraction; more by the design effect (the bootstrap's
    variance over the binomial one) where a document's candidates are alike. None where the estimate is 1/2, or there is none.
    """
    error = estimates.kept_error
    if error is None or error.mean == 0.5:
        return None
    kept = _kept_needed(error.mean)
    variance = error.mean * (1 - error.mean) / confusion.kept
    # At 0 and 1 the interval is one-sided and says nothing of a variance.
    effect = max(1.0, ((error.high - error.low) / (2 * Z95)) ** 2 / variance) if variance and confusion.kept > 1 else 1.0
    return math.ceil(kept * effect * (confusion.right + confusion.wrong) / confusion.kept)


def _kept_needed(error: float) -> int:
    """The least number of kept candidates whose Clopper-Pearson interval at this share leaves 1/2 out."""
    lower, upper = 1, max(8, math.ceil(4 * Z95**2 / (error - 0.5) ** 2))
    while lower < upper:
        middle = (lower + upper) // 2
        found = share_interval(round(error * middle), middle)
        if found.low <= 0.5 <= found.high:
            lower = middle + 1
        else:
            upper = middle
    return lower
