"""Real rows beside a model's own, for the mean of a Gaussian: what each should weigh (He, Xu, Cheng 2025, arXiv:2502.18049).

Each generation estimates the mean as w times the mean of n real rows plus (1 - w) times that of m rows drawn from the generation
before it; k = n / m. Errors are variances in units of one real sample's mean, sigma^2 / n: 1 is what the n real rows alone give.

With real rows that are new in every generation, the error tends to (w^2 + k (1 - w)^2) / (w (2 - w)), whose minimum lies at
w* = (sqrt(k^2 + 4k) - k) / 2 and is w* itself. With the same real rows in every generation nothing beats w = 1: all that is known
is in them, and drawing from an estimate adds noise alone. It is a verifier, or another source, that can bring in more.
"""

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from summ_collapse.theory.normal import Floats  # which loads scipy, and every recipe reads this file

Weighing = Literal["pooled", "equal", "optimal"]


def optimal(ratio: float) -> float:
    """w*, the weight of the real rows' mean, for `ratio` = real rows / synthetic rows; 1 / golden ratio at a ratio of 1.

    ValueError unless the ratio is above 0.
    """
    if not ratio > 0 or not math.isfinite(ratio):
        raise ValueError(f"expected a ratio of real to synthetic rows above 0, got {ratio}")
    # The same as (sqrt(k^2 + 4k) - k) / 2, without the difference of two nearly equal numbers where k is large.
    return 2 / (1 + math.sqrt(1 + 4 / ratio))


def pooled(ratio: float) -> float:
    """The weight that the real rows have where all rows count alike."""
    return ratio / (1 + ratio)


def weight_of(how: Weighing | float, ratio: float) -> float:
    """The weight of the real rows as a whole, 0-1."""
    if isinstance(how, str):
        return {"pooled": pooled, "equal": lambda _: 0.5, "optimal": optimal}[how](ratio)
    return how


def limit_error(weight: float, ratio: float) -> float:
    """The error after many generations, each with new real rows, as a multiple of what these alone give.

    ValueError unless the weight is in (0, 1]: without any real rows it grows without a bound.
    """
    if not 0 < weight <= 1:
        raise ValueError(f"expected a weight of the real rows in (0, 1], got {weight}")
    return (weight**2 + ratio * (1 - weight) ** 2) / (weight * (2 - weight))


def error_after(weight: float, ratio: float, generations: int, same: bool = False) -> float:
    """The error after so many generations that began with the n real rows alone; `same`: these are all that there ever are."""
    kept = (1 - weight) ** 2
    if same:
        # x + the sum of (1 - w)^(t - i + 1) noise_i: what is known of the real rows never leaves the estimate.
        return 1 + ratio * sum(kept**step for step in range(1, generations + 1))
    error = 1.0
    for _ in range(generations):
        error = weight**2 + kept * (error + ratio)
    return error


def simulated(
    weight: float, real: int, synthetic: int, generations: int, repetitions: int, seed: int, same: bool = False
) -> "Floats":
    """Squared errors of the last mean as multiples of sigma^2 / n, (repetitions,) float64; every row is drawn."""
    rng = np.random.default_rng(seed)
    first = rng.standard_normal((repetitions, real)).mean(axis=1)
    found = first
    for _ in range(generations):
        drawn = found + rng.standard_normal((repetitions, synthetic)).mean(axis=1)
        given = first if same else rng.standard_normal((repetitions, real)).mean(axis=1)
        found = weight * given + (1 - weight) * drawn
    errors: Floats = found**2 * real
    return errors
