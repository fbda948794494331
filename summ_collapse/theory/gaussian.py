"""Selection of synthetic data by a verifier, in closed form (Feng et al. 2024): p, phi, psi, p*, p', kappa and accuracy.

Labels are +1 and -1. A generator labels a share p of the samples wrongly; a verifier keeps a share phi of the right ones and
psi of the wrong ones. Every function takes scalars or arrays, broadcasts them, and works in float64; what lies outside its
range raises ValueError and says why. A share that has nothing to be taken from (psi where nothing is wrong) is nan, which
nothing here takes for a share in turn.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from summ_collapse.theory.normal import Floats, bivariate_cdf
from summ_collapse.theory.ranges import require

# Rounding of angles and of signals, relative to values of order one.
ROUNDING = 1e-12
# Below this a tail's shares would hold more rounding than digits.
SMALLEST_TAIL = 1e-9
LONGEST_MEAN = 1e6
# An average over N(0, 1) by Gauss and Hermite: from d = 5 on as good as with three times as many nodes to 0.001, where
# accuracy is steepest.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(61)


class Selection(NamedTuple):
    """What a generator and its verifier amount to: arrays of one shape, all shares in [0, 1]."""

    p: Floats
    phi: Floats
    psi: Floats


class Angles(NamedTuple):
    """Angles in radians: generator to truth, verifier to truth, generator to verifier."""

    generator: Floats
    verifier: Floats
    between: Floats


def breakdown_point(phi: ArrayLike, psi: ArrayLike) -> Floats:
    """p* = phi / (phi + psi) = 1 / (1 + psi / phi): the share of wrong labels at which training turns over (Feng et al.)."""
    phi, psi = _kept_shares(phi, psi)
    return phi / (phi + psi)


def kept_fraction(p: ArrayLike, phi: ArrayLike, psi: ArrayLike) -> Floats:
    """kappa = (1 - p) phi + p psi: the share of all samples that is kept."""
    p, (phi, psi) = _share("p", p), _kept_shares(phi, psi)
    return (1 - p) * phi + p * psi


def kept_error(p: ArrayLike, phi: ArrayLike, psi: ArrayLike) -> Floats:
    """p' = p psi / kappa: the share of wrong ones among what is kept; nan where nothing is kept."""
    kept = kept_fraction(p, phi, psi)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(p, dtype=np.float64) * np.asarray(psi, dtype=np.float64) / kept


def infinite_sample_accuracy(p: ArrayLike, phi: ArrayLike, psi: ArrayLike, mu: ArrayLike) -> Floats:
    """Accuracy in the limit of endless data for x | y ~ N(y mu, I): Phi(|mu|) below p*, 1 - Phi(|mu|) above, 1/2 at p*.

    `mu` is the norm of the mean. Selection depends on x through (y, y') only (Feng et al., the theorem on p*).
    """
    return special.ndtr(side(p, phi, psi) * checked_norm(mu))


def side(p: ArrayLike, phi: ArrayLike, psi: ArrayLike) -> Floats:
    """Which side of p* a generator is on: 1 below, where training helps, -1 above, 0 at p* itself (to rounding)."""
    kept = kept_fraction(p, phi, psi)
    signal = kept - 2 * np.asarray(p, dtype=np.float64) * np.asarray(psi, dtype=np.float64)
    return np.where(np.abs(signal) <= ROUNDING * kept, 0.0, np.sign(signal))


def finite_sample_accuracy(p: ArrayLike, phi: ArrayLike, psi: ArrayLike, mu: ArrayLike, d: ArrayLike, n: ArrayLike) -> Floats:
    """Approximate accuracy of the averaging classifier: Phi(a |mu|^2 / sqrt(a^2 |mu|^2 + d / (n kappa))), a = 1 - 2 p'.

    `n` counts samples before selection; selection does not look at x. 1/2 where nothing is kept. An approximation: it puts
    means for what fluctuates. It is within 0.006 where |a| sqrt(n kappa) >= 6; nearer to p* within 0.025 where
    |mu|^2 <= sqrt(d) / 3, and off by up to 0.29 for stronger signals in fewer dimensions (see `expected_accuracy`). These
    bounds were found and are tested for d from 5 to 1,000, |mu| <= 3 and n kappa >= 200.
    """
    a, kept, mu, d = _finite(p, phi, psi, mu, d, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = special.ndtr(a * mu**2 / np.sqrt((a * mu) ** 2 + d / kept))
    return np.where(kept == 0, 0.5, accuracy)


def expected_accuracy(p: ArrayLike, phi: ArrayLike, psi: ArrayLike, mu: ArrayLike, d: ArrayLike, n: ArrayLike) -> Floats:
    """As `finite_sample_accuracy`, but averaged over the classifier's part along the mean; within 0.01 also at p*.

    That part is nearly N(a |mu|, (1 + |mu|^2 (1 - a^2)) / (n kappa)), labels' luck included; only the length of the other
    d - 1 is put at its mean square. Ours, not the paper's; found and tested where `finite_sample_accuracy` is.
    """
    a, kept, mu, d = _finite(p, phi, psi, mu, d, n)
    accuracy = np.zeros(a.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        center, spread, across = a * mu, np.sqrt((1 + mu**2 * (1 - a**2)) / kept), (d - 1) / kept
        for node, weight in zip(NODES, WEIGHTS / WEIGHTS.sum(), strict=True):
            along = center + spread * node
            # In one dimension a node may lie at the origin, whose classifier is a coin.
            cosine = np.where(along == 0, 0.0, along / np.sqrt(along**2 + across))
            accuracy += weight * special.ndtr(mu * cosine)
    return np.where(kept == 0, 0.5, accuracy)


def closed_forms(phi: ArrayLike, psi: ArrayLike, p: ArrayLike | None = None, **shape: ArrayLike) -> dict[str, Floats]:
    """All that follows from what is given, by name: p*, p', kappa and accuracy. `shape` is mu, alone or with d and n.

    Accuracy is the infinite-sample one for mu alone; else it is the paper's approximation, with `expected`, ours, beside it.
    """
    found = {"p_star": breakdown_point(phi, psi)}
    if p is not None:
        found |= {"kept_error": kept_error(p, phi, psi), "kept_fraction": kept_fraction(p, phi, psi)}
        if "n" in shape:
            found["accuracy"] = finite_sample_accuracy(p, phi, psi, **shape)
            found["expected"] = expected_accuracy(p, phi, psi, **shape)
        elif shape:
            found["accuracy"] = infinite_sample_accuracy(p, phi, psi, **shape)
    return found


def _finite(p: ArrayLike, phi: ArrayLike, psi: ArrayLike, mu: ArrayLike, d: ArrayLike, n: ArrayLike) -> tuple[Floats, ...]:
    """a = 1 - 2 p', n kappa, mu and d, checked and broadcast."""
    error, kept = kept_error(p, phi, psi), kept_fraction(p, phi, psi)
    n, d = np.asarray(n, dtype=np.float64), np.asarray(d, dtype=np.float64)
    require((n >= 2) & np.isfinite(n), n, "n, the number of samples, is at least 2")
    mu = checked_norm(mu)
    require((d >= 1) & np.isfinite(d), d, "d, the dimension, is at least 1")
    return tuple(np.broadcast_arrays(1 - 2 * error, kept * n, mu, d))


def angles_of(generator: ArrayLike, verifier: ArrayLike, truth: ArrayLike, covariance: ArrayLike | None = None) -> Angles:
    """Angles between linear classifiers, vectors along the last axis, as inputs of that covariance see them.

    x = L z with z ~ N(0, I) and L L' = `covariance` turns w.x into (L'w).z: angles are those of the whitened vectors.
    ValueError for a zero vector, or a covariance that is not symmetric and positive definite.
    """
    vectors = [np.asarray(vector, dtype=np.float64) for vector in (generator, verifier, truth)]
    if covariance is not None:
        vectors = [vector @ _root(covariance) for vector in vectors]
    g, v, t = (_unit(vector) for vector in vectors)
    return Angles(_angle(g, t), _angle(v, t), _angle(g, v))


def selection_from_angles(generator: ArrayLike, verifier: ArrayLike, between: ArrayLike) -> Selection:
    """p, phi, psi of a linear generator and verifier on centred Gaussian inputs, from their angles in radians.

    A sample is kept when the verifier gives it the generator's label. p = theta_g / pi, phi = [1 - (theta_g + theta_v +
    theta) / 2 pi] / (1 - p), psi = [(theta_g + theta_v - theta) / 2 pi] / p: areas of spherical triangles (orthants).
    `angles_of` gives the angles of vectors. ValueError for angles that no three vectors can have.
    """
    g, v, between = checked_angles(generator, verifier, between)
    p = np.minimum(g / np.pi, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        phi = np.where(p < 1, (1 - (g + v + between) / (2 * np.pi)) / (1 - p), np.nan)
        psi = np.where(p > 0, (g + v - between) / (2 * np.pi) / p, np.nan)
    return Selection(p, np.clip(phi, 0, 1), np.clip(psi, 0, 1))


def mixture_selection(
    generator: ArrayLike, verifier: ArrayLike, mean: ArrayLike, covariance: ArrayLike | None = None
) -> Selection:
    """p, phi, psi on the mixture x | y ~ N(y mean, covariance), by default with I, exactly; vectors along the last axis.

    With u = y x ~ N(mean, covariance) the generator is right where w_gen.u > 0, and a sample is kept where w_gen.u and
    w_ver.u have one sign: probabilities of quadrants of a bivariate normal.
    """
    center = np.asarray(mean, dtype=np.float64)
    root = _root(np.eye(center.shape[-1]) if covariance is None else covariance)
    g, v = (_unit(np.asarray(vector, dtype=np.float64) @ root) for vector in (generator, verifier))
    whitened = np.linalg.solve(root, center[..., None])[..., 0]
    # The cosine from the angle keeps its digits where the two classifiers nearly agree.
    return selection_from_margins(np.sum(g * whitened, axis=-1), np.sum(v * whitened, axis=-1), np.cos(_angle(g, v)))


def selection_from_margins(generator: ArrayLike, verifier: ArrayLike, correlation: ArrayLike) -> Selection:
    """p, phi, psi on a mixture, from margins m = w.mean / sqrt(w' covariance w) and the correlation of both outputs.

    p = Phi(-m_gen), phi = Phi2(m_gen, m_ver) / Phi(m_gen), psi = Phi2(-m_gen, -m_ver) / Phi(-m_gen). Where one in 10^9 or
    fewer is right (wrong), phi (psi) is nan. ValueError for margins that are no numbers.
    """
    g, v, rho = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in (generator, verifier, correlation)))
    if np.isnan(g).any() or np.isnan(v).any():
        raise ValueError("a margin is a number, and one of these is nan")
    right, wrong = special.ndtr(g), special.ndtr(-g)
    with np.errstate(invalid="ignore", divide="ignore"):
        phi = np.where(right > SMALLEST_TAIL, bivariate_cdf(g, v, rho) / right, np.nan)
        psi = np.where(wrong > SMALLEST_TAIL, bivariate_cdf(-g, -v, rho) / wrong, np.nan)
    return Selection(wrong, np.clip(phi, 0, 1), np.clip(psi, 0, 1))


def checked_angles(generator: ArrayLike, verifier: ArrayLike, between: ArrayLike) -> Angles:
    """The angles as broadcast arrays; ValueError unless three vectors can have them (the spherical triangle inequalities)."""
    named = {"generator": generator, "verifier": verifier, "between": between}
    g, v, t = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in named.values()))
    for name, value in zip(named, (g, v, t), strict=True):
        wrong = ~((value >= 0) & (value <= np.pi + ROUNDING))
        if wrong.any():
            raise ValueError(f"the angle {name} lies in [0, pi], or 180 degrees, got {_both_units(value[wrong].flat[0])}")
    low, high = np.abs(g - v), np.minimum(g + v, 2 * np.pi - g - v)
    impossible = (t < low - ROUNDING) | (t > high + ROUNDING)
    if impossible.any():
        at = np.unravel_index(np.argmax(impossible), impossible.shape)
        raise ValueError(
            f"no three vectors have the angles {_both_units(g[at])} (generator), {_both_units(v[at])} (verifier) and "
            f"{_both_units(t[at])} (between): the last lies in [{low[at]:g}, {high[at]:g}], "
            f"or [{np.degrees(low[at]):g}, {np.degrees(high[at]):g}] degrees"
        )
    return Angles(g, v, np.clip(t, low, high))


def _both_units(angle: float) -> str:
    return f"{angle:g} rad ({np.degrees(angle):g} degrees)"


def _share(name: str, value: ArrayLike) -> Floats:
    array = np.asarray(value, dtype=np.float64)
    require((array >= 0) & (array <= 1), array, f"{name} is a share and lies in [0, 1]")
    return array


def _kept_shares(phi: ArrayLike, psi: ArrayLike) -> tuple[Floats, Floats]:
    first, second = np.broadcast_arrays(_share("phi", phi), _share("psi", psi))
    if np.any((first == 0) & (second == 0)):
        raise ValueError("phi and psi are both 0: a verifier that keeps nothing has no breakdown point")
    return first, second


def checked_norm(mu: ArrayLike) -> Floats:
    """The norm of a mean as an array; ValueError unless it is above 0 and float64 has digits for what follows from it."""
    array = np.asarray(mu, dtype=np.float64)
    require((array > 0) & (array <= LONGEST_MEAN), array, f"mu is a positive number up to {LONGEST_MEAN:g}")
    return array


def _root(covariance: ArrayLike) -> Floats:
    """Lower triangular L with L L' = covariance."""
    matrix = np.asarray(covariance, dtype=np.float64)
    if not np.allclose(matrix, np.swapaxes(matrix, -1, -2)):
        raise ValueError("a covariance is symmetric, and this matrix is not")
    try:
        return np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
    except np.linalg.LinAlgError:
        raise ValueError("a covariance is positive definite, and this matrix is not") from None


def _unit(vector: Floats) -> Floats:
    norm = np.linalg.norm(vector, axis=-1, keepdims=True)
    if not np.all((norm > 0) & np.isfinite(norm)):
        raise ValueError("a linear classifier needs a vector of finite numbers, other than zero")
    return np.asarray(vector / norm, dtype=np.float64)


def _angle(first: Floats, second: Floats) -> Floats:
    """The angle between unit vectors, exact also near 0 and pi (Kahan)."""
    difference, total = np.linalg.norm(first - second, axis=-1), np.linalg.norm(first + second, axis=-1)
    return np.asarray(2 * np.arctan2(difference, total))
