"""What training on a selection will do, predicted from scores alone: a difference from real data, with an interval.

p < p* says only that most of what is kept is right. Whether an arm beats real data depends on how much is kept, how wrong it
is, and what kinds of text are missing from it:

    delta = a ln(k / m) - b h - c K

k rows are kept; m real rows are what the yardstick (`real-slice`) is trained on. h is the error among the kept, p', with
every candidate weighed by how far it falls short of its reference, in units of the generator's own shortfall: h = p times
the kept rows' mean shortfall over all rows' (shortfall: 1 minus the metric). So h is p for random rows, 0 for perfect ones,
and p' itself where the metric knows only right and wrong. K is what the kept rows lack of the pool's mixture of strata, in
nats (`metrics.strata.coverage_loss`). As much perfect data as real data gives 0: the formula has no constant. Every doubling
is worth a ln 2 points, errors are copied (b), and what is not covered is not learnt (c). Against as many random rows it is
the same less the same at h = p, K = 0.

The coefficients are in points of the metric (0-100) and belong to the task that they were fitted on: a `Fit` says which that
is, and nothing is predicted elsewhere. Those that are shipped come from a tiny model on the built-in corpus (seeds 100-119 of
`recipes/verdicts.yaml`) and are known to fail on real headlines. Their residual is what they missed elsewhere: the root mean
square over the 84 arms of `recipes/predictor.yaml`, in seven settings that nothing was fitted on.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

# A verdict is decided where the prediction's central interval at this level leaves zero out, so that nine in ten would be
# right were the residuals normal. At 95% hardly anything could be decided before it was paid for.
LEVEL = 0.8


@dataclass(frozen=True)
class Coefficients:
    """Of the formula above, in points of the metric; `residual` is the standard deviation of what it misses."""

    amount: float
    error: float
    coverage: float
    residual: float


FITTED = Coefficients(amount=2.57, error=10.80, coverage=9.66, residual=4.83)


@dataclass(frozen=True)
class Fit:
    """Coefficients with where they hold: the settings (`setting`) that they were fitted and tried on, and how they did there.

    `beats_baselines` says whether they did better, on what was left out of the fit, than everything simpler. Where they did
    not, a prediction is exploratory and takes no part in advice.
    """

    coefficients: Coefficients
    holds: tuple[str, ...]
    tried: str
    beats_baselines: bool


SHIPPED = Fit(
    FITTED,
    ("newswire, tiny model",),
    "fitted on the built-in newswire with its tiny model; in seven other settings of it they miss by 4.8 points and are seldom "
    "sure, and a table of the arms' means is oftener right; on real headlines they fail",
    beats_baselines=False,
)


def setting(task: str, tiny: bool, model: str | None) -> str:
    """What coefficients belong to: a kind of task and what is trained on it."""
    return f"{task}, {' '.join(filter(None, ('tiny model', model))) if tiny else model}"


def shipped_for(where: str) -> Fit | None:
    """The shipped coefficients, in a setting where they were shown to hold; None elsewhere."""
    return SHIPPED if where in SHIPPED.holds else None


@dataclass(frozen=True)
class Features:
    """What is known of a selection before anything is trained on it."""

    kept: int  # rows, k
    weighted_error: float  # h
    coverage_loss: float  # K, nats
    generator_error: float  # p, the share of wrong ones among all candidates
    slice_rows: int  # real rows, m
    spread: float = 0.0  # standard error of h


def weighted_error(quality: np.ndarray, wrong: np.ndarray, kept: np.ndarray, document: np.ndarray) -> tuple[float, float]:
    """h and its standard error, from rows with a reference: quality 0-1, wrong, kept, and document from 0; (rows,) each.

    Candidates of one document are taken together in the standard error. ValueError where none is kept.
    """
    if not kept.any():
        raise ValueError("expected at least one kept row with a reference")
    shortfall = 1 - quality
    everything = float(shortfall.mean())
    if everything <= 0:
        return 0.0, 0.0
    scale, rows = float(wrong.mean()) / everything, int(kept.sum())
    ours = shortfall[kept]
    by_document = np.bincount(document[kept], weights=ours - ours.mean())
    # One more row as wrong as the average, so that a few perfect rows are not taken for certainty.
    spread = scale * float(np.sqrt((by_document**2).sum() + everything**2)) / (rows + 1)
    return scale * float(ours.mean()), spread


@dataclass(frozen=True)
class Prediction:
    """A difference in points with its interval at LEVEL, the probability that it is above 0, and the verdict."""

    delta: float
    low: float
    high: float
    probability: float
    verdict: str


def predict(features: Features, coefficients: Coefficients = FITTED) -> Prediction:
    """The difference from training on the generator's real slice alone."""
    return _prediction(_values(features), features, coefficients)


def predict_against_random(features: Features, coefficients: Coefficients = FITTED) -> Prediction:
    """The difference from training on as many random candidates."""
    at_random = replace(features, weighted_error=features.generator_error, coverage_loss=0.0)
    return _prediction(_values(features) - _values(at_random), features, coefficients)


def _prediction(values: np.ndarray, features: Features, coefficients: Coefficients) -> Prediction:
    delta = float(values @ _vector(coefficients))
    spread = math.hypot(coefficients.residual, coefficients.error * features.spread)
    reach = float(special.ndtri((1 + LEVEL) / 2)) * spread
    verdict = "helps" if delta > reach else "hurts" if delta < -reach else "undecided"
    # Coefficients of arms that all did the same miss nothing.
    probability = float(special.ndtr(delta / spread)) if spread else float(np.heaviside(delta, 0.5))
    return Prediction(delta, delta - reach, delta + reach, probability, verdict)


def fit(features: Sequence[Features], deltas: Sequence[float], groups: Sequence[str]) -> Coefficients:
    """Least squares without a constant; the residual is that of arms whose whole group was left out of the fit.

    A group is a kind of arm, such as one verifier at one rate over all seeds: what counts is how a new one is predicted.
    Raises ValueError where there are fewer than four groups.
    """
    names = sorted(set(groups))
    if len(names) < 4:
        raise ValueError(f"expected at least 4 groups of arms, got {len(names)}")
    values, observed = np.stack([_values(one) for one in features]), np.asarray(deltas, dtype=np.float64)
    belongs = np.array(groups)
    misses = [_misses(values, observed, belongs == name) for name in names]
    amount, error, coverage = np.linalg.lstsq(values, observed, rcond=None)[0].tolist()
    return Coefficients(amount, error, coverage, float(np.sqrt(np.mean(np.concatenate(misses) ** 2))))


def _misses(features: np.ndarray, observed: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    found = np.linalg.lstsq(features[~left_out], observed[~left_out], rcond=None)[0]
    return observed[left_out] - features[left_out] @ found


def _values(features: Features) -> np.ndarray:
    """What the coefficients multiply, (3,)."""
    amount = math.log(max(1, features.kept) / max(1, features.slice_rows))
    return np.array([amount, -features.weighted_error, -features.coverage_loss])


def _vector(coefficients: Coefficients) -> np.ndarray:
    return np.array([coefficients.amount, coefficients.error, coefficients.coverage])
