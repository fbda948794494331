"""The normal law: the distribution function of two correlated variables, and the standard error of a mean.

Everything is float64 and vectorised; probabilities are exact to about 1e-15 in absolute terms, and less than that is 0.
"""

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
ROUNDING = 1e-15


def bivariate_cdf(first: npt.ArrayLike, second: npt.ArrayLike, correlation: npt.ArrayLike) -> Floats:
    """P(X <= first, Y <= second) for standard normal X and Y of that correlation (Owen 1956, by his T function).

    The three broadcast. ValueError where a correlation lies outside [-1, 1].
    """
    h, k, rho = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in (first, second, correlation)))
    if not np.all(np.abs(rho) <= 1):
        raise ValueError(f"a correlation lies in [-1, 1], got {rho[~(np.abs(rho) <= 1)][0]:g}")
    # Beyond 40 the law is 0 or 1 in float64; infinities would give inf - inf below.
    # Adding 0 turns -0 into 0: the slopes below take its sign, and nothing else does.
    h, k = np.clip(h, -40, 40) + 0.0, np.clip(k, -40, 40) + 0.0
    below_h, below_k = special.ndtr(h), special.ndtr(k)
    spread = np.sqrt((1 - rho) * (1 + rho))
    with np.errstate(divide="ignore", invalid="ignore"):
        slope_h = (k - rho * h) / (h * spread)
        slope_k = (h - rho * k) / (k * spread)
        opposite = (h * k < 0) | ((h * k == 0) & (h + k < 0))
        inside = (below_h + below_k - opposite) / 2 - special.owens_t(h, slope_h) - special.owens_t(k, slope_k)
        # Owen's formula is 0/0 at the origin and at full correlation; both have forms of their own.
        inside = np.where((h == 0) & (k == 0), 0.25 + np.arcsin(rho) / (2 * np.pi), inside)
    inside = np.where(rho == 1, np.minimum(below_h, below_k), inside)
    inside = np.where(rho == -1, below_h + below_k - 1, inside)
    # Frechet's bounds, which rounding could overstep by a few 1e-17.
    inside = np.clip(inside, np.maximum(0.0, below_h + below_k - 1), np.minimum(below_h, below_k))
    return np.where(inside < ROUNDING, 0.0, inside)


def standard_error(values: Floats) -> Floats:
    """Of the mean over the first axis; nan for a single value."""
    if len(values) == 1:
        return np.full(values.shape[1:], np.nan)
    return np.asarray(values.std(axis=0, ddof=1) / np.sqrt(len(values)))
