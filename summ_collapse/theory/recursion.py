"""Training on one's own output, in closed form (Seddik et al. 2024): S_m, D_m, bounds on drift and on collapse.

A model is a next-token distribution over s symbols. Generation 0 is estimated from N real draws; each later one from n
draws of its predecessor, mixed with the real ones: p_{m+1} = (1 - alpha) p_0 + alpha (empirical of n draws of p_m), with
alpha = n / (N + n). Without real data (N = 0, alpha = 1) generation 0 is estimated from the first n draws.
S_m = E sum_i p_m(i)^2 (1 is total collapse) and D_m = E |p_m - p_0|^2. Expectations are over all draws. The paper counts
from 1 where this counts from 0.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from summ_collapse.theory.normal import Floats
from summ_collapse.theory.ranges import MOST_SAMPLES, require

# Which earlier generations a new one learns from: the number there are -> how many of the latest are mixed evenly.
Window = Callable[[int], int]

MOST_GENERATIONS = 1_000_000
# Mixtures keep a product for every two generations.
MOST_MIXED_GENERATIONS = 2_000


def first_collision(source: ArrayLike, real: int, synthetic: int) -> float:
    """S_0 = 1/N + (1 - 1/N) q, with q the sum of squares of the `source`, (s,), that the first N draws come from.

    Where there are no real draws, N is the number of the first synthetic ones.
    """
    check_sizes(real, synthetic)
    draws = real or synthetic
    distribution = checked_distribution(source)
    return 1 / draws + (1 - 1 / draws) * float(distribution @ distribution)


def collision(first: float, real: int, synthetic: int, generations: int) -> Floats:
    """S_0 … S_generations from S_0 = `first`: S_{m+1} = (1 - alpha^2) S_0 + alpha^2 / n + alpha^2 (1 - 1/n) S_m.

    With real = 0 this is 1 - S_m = (1 - 1/n)^m (1 - S_0), the Wright-Fisher process of genetics. Shape (generations + 1,).
    """
    return first + drift(first, real, synthetic, generations)


def drift(first: float, real: int, synthetic: int, generations: int) -> Floats:
    """D_0 … D_generations by D_{m+1} = alpha^2 (D_m + (1 - S_m) / n) with D_0 = 0; shape (generations + 1,).

    Solved: D_m = S_m - S_0 (a generation drifts by as much as it concentrates) = limit (1 - beta^m), with
    beta = alpha^2 (1 - 1/n); so no rounding adds up over millions of generations.
    """
    check_sizes(real, synthetic)
    log_beta = math.log1p(-1 / synthetic) - 2 * math.log1p(real / synthetic)
    passed = np.arange(_generations(generations) + 1)
    return -drift_limit(first, real, synthetic) * np.expm1(passed * log_beta)


def l1_bound(drifted: ArrayLike, symbols: int) -> Floats:
    """E |p_m - p_0|_1 <= sqrt(s D_m), in the units of a share (2 is the largest distance there is)."""
    require(symbols >= 1, symbols, "symbols is at least 1")
    return np.sqrt(symbols * np.asarray(drifted, dtype=np.float64))


def drift_limit(first: float, real: int, synthetic: int) -> float:
    """The limit of D_m after endless generations: n (1 - S_0) / (N^2 + n (2 N + 1))."""
    check_sizes(real, synthetic)
    return synthetic * (1 - _share(first)) / (real**2 + synthetic * (2 * real + 1))


def safe_synthetic(first: float, real: int, symbols: int, tolerance: float) -> float:
    """The largest n whose limit of sqrt(s D) is at most `tolerance`; inf where any amount is safe, 0 where none is.

    From `drift_limit`: n (s (1 - S_0) - tolerance^2 (2 N + 1)) <= tolerance^2 N^2. As n grows sqrt(s D) saturates at
    sqrt(s (1 - S_0) / (2 N + 1)), so a tolerance from there on bounds nothing.
    """
    check_sizes(real)
    if real == 0:
        raise ValueError("a safe amount needs real data, and real is 0")
    if symbols < 1 or not (tolerance > 0 and math.isfinite(tolerance)):
        raise ValueError(f"expected at least 1 symbol and a positive tolerance, got {symbols} and {tolerance:g}")
    squared = tolerance * tolerance
    slope = symbols * (1 - _share(first)) - squared * (2 * real + 1)
    if slope <= 0:
        return math.inf
    return float(math.floor(squared * real**2 / slope))


def logarithmic_synthetic(real: int, symbols: int) -> float:
    """ln(N / s), the order of the synthetic data that the paper's own corollary allows; 0 where N <= s.

    The paper states an order (synthetic data must be exponentially smaller than real data); its constant is taken as 1.
    """
    check_sizes(real)
    if real < 1 or symbols < 1:
        raise ValueError(f"real and symbols are at least 1, got {real} and {symbols}")
    return max(0.0, math.log(real / symbols))


def survival_bound(first: float, synthetic: int, generations: int) -> Floats:
    """Upper bounds on P(T > m), m = 0 … generations, for the time T to total collapse without real data.

    (1 - 1/n)^m (1 - S_0) n^2 / (2 (n - 1)), by Markov's inequality: a model that n draws made and that is no Dirac mass
    has 1 - S >= 2 (n - 1) / n^2. (At m = 0 that is generation 0, made of n draws too.) Cut at 1, as probabilities are.
    """
    n = _drawn(synthetic)
    bound = (1 - 1 / n) ** np.arange(_generations(generations) + 1) * (1 - _share(first)) * n**2 / (2 * (n - 1))
    return np.minimum(bound, 1.0)


def collapse_time_bound(first: float, synthetic: int, probability: float = 0.5) -> int:
    """A generation by which total collapse has come with at least that probability, without real data (from P(T > m))."""
    require(0 < probability < 1, probability, "a probability lies in (0, 1)")
    n = _drawn(synthetic)
    start = (1 - _share(first)) * n**2 / (2 * (n - 1))
    if start <= 1 - probability:
        return 0
    return math.ceil(math.log((1 - probability) / start) / math.log1p(-1 / n))


def accumulated_collision(first: float, real: int, synthetic: int, generations: int) -> Floats:
    """S_0 … where a model is the empirical of all draws so far: N real ones, and n more of each model; (generations + 1,).

    Generation m + 1 has N + (m + 1) n draws, of which the newest n are a share w: 1 - S_{m+1} = (1 - S_m) (1 - w^2 / n). Ours.
    Since S_m - q is the mean squared distance to the source whose sum of squares is q, that error is at most (1 + 1/4 + 1/9 + …)
    = pi^2 / 6 times its first value where n = N, as Dey and Donoho (2024) have it for any regular estimate.
    """
    check_sizes(real, synthetic)
    require(real >= 1, real, "what accumulates begins with real draws")
    share = synthetic / (real + synthetic * np.arange(1, _generations(generations) + 1))
    return 1 - (1 - _share(first)) * np.concatenate([[1.0], np.cumprod(1 - share**2 / synthetic)])


def latest(count: int) -> Window:
    """The latest `count` generations mixed; ValueError below 1."""
    require(count >= 1, count, "at least 1 generation is mixed")
    return lambda there: min(count, there)


def every(there: int) -> int:
    """All generations so far."""
    return there


def mixed_collision(first: float, synthetic: int, generations: int, window: Window) -> tuple[Floats, Floats]:
    """S_m and D_m, exactly, where each generation is the empirical of n draws of an even mixture of earlier ones.

    The matrix C(i, j) = E <p_i, p_j> closes under this: with q the mixture, E <p_{m+1}, p_j> = E <q, p_j> and
    S_{m+1} = 1/n + (1 - 1/n) E |q|^2. Ours, not the paper's, which has these regimes by simulation. Shapes (generations + 1,).
    """
    n = _drawn(synthetic)
    products = np.zeros((_generations(generations, MOST_MIXED_GENERATIONS) + 1,) * 2)
    products[0, 0] = _share(first)
    for there in range(1, generations + 1):
        mixed = slice(there - window(there), there)
        products[there, :there] = products[:there, there] = products[mixed, :there].mean(axis=0)
        products[there, there] = 1 / n + (1 - 1 / n) * products[mixed, mixed].mean()
    concentrated = np.diagonal(products).copy()
    return concentrated, concentrated - 2 * products[0] + products[0, 0]


def checked_distribution(source: ArrayLike) -> Floats:
    """The distribution as float64, (s,); ValueError unless it is non-negative and sums to 1."""
    distribution = np.asarray(source, dtype=np.float64)
    if distribution.ndim != 1 or not np.all(distribution >= 0) or not np.isclose(distribution.sum(), 1, atol=1e-8):
        raise ValueError("a distribution is one row of numbers, none below 0, whose sum is 1")
    return distribution / distribution.sum()


def check_sizes(real: int, synthetic: int = 2) -> None:
    """ValueError unless N and n are numbers of draws that there can be: at least 0 and 2."""
    require(0 <= real <= MOST_SAMPLES, real, f"real is at least 0 and at most {MOST_SAMPLES:,}")
    _drawn(synthetic)


def _drawn(synthetic: int) -> int:
    require(2 <= synthetic <= MOST_SAMPLES, synthetic, f"synthetic is at least 2 and at most {MOST_SAMPLES:,}")
    return synthetic


def _generations(generations: int, most: int = MOST_GENERATIONS) -> int:
    require(0 <= generations <= most, generations, f"generations lies in [0, {most:,}] here")
    return generations


def _share(first: float) -> float:
    require(0 < first <= 1, first, "S is a sum of squared shares and lies in (0, 1]")
    return first
