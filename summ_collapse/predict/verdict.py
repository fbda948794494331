"""What the estimates say about training: a predicted difference from real data, where one can be had, and the theory's side.

The difference takes the number of the generator's real rows, and coefficients that hold for the task (`predict.predictor`).
Without both nothing is said of helping or hurting: p < p*, which says that most of what is kept is right, is all there is.
"""

from dataclasses import dataclass
from typing import Literal

from summ_collapse.predict import predictor
from summ_collapse.predict.confusion import Confusion, Estimates


@dataclass(frozen=True)
class Measured:
    """What is known of one selection before anything is trained on it."""

    confusion: Confusion  # of the labelled candidates
    estimates: Estimates
    kept_rows: int
    weighted_error: tuple[float, float] | None  # with its standard error; None where no kept row is labelled
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
    """`helps`, `hurts` or `undecided` by the predictor, None where it may not speak; and the same by the theory's p < p*."""

    criterion: Literal["predictor", "p_star"]  # what speaks here
    verdict: str | None
    p_star_verdict: str
    against_real: predictor.Prediction | None = None
    against_random: predictor.Prediction | None = None


def predicted_verdict(measured: Measured, fit: predictor.Fit | None = predictor.SHIPPED) -> Verdict:
    """The verdict before training; `fit` is None where no coefficients are known to hold."""
    p_star, features = _by_p_star(measured), measured.for_predictor()
    if fit is None or features is None:
        return Verdict("p_star", None, p_star)
    real = predictor.predict(features, fit.coefficients)
    random = predictor.predict_against_random(features, fit.coefficients)
    return Verdict("predictor", real.verdict, p_star, real, random)


def _by_p_star(measured: Measured) -> str:
    """The paper's criterion (Feng et al. 2024): below the breakdown point, p < p*, which says p' < 1/2, training helps.

    It decides where both intervals of p' leave 1/2 out: Clopper-Pearson's, as in a run's results, and the bootstrap's, which
    is the wider one where a document's candidates are alike.
    """
    error = measured.estimates.kept_error
    if error is None or error.low <= 0.5 <= error.high:
        return "undecided"
    return measured.confusion.predicted()
