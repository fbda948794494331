"""Random draws of what a learner needs to know of its training data, exact in law and as small as can be.

Axes are turned so that the first k of them span the mean and both classifiers (k = 1 where selection does not look at x,
else 3). All that labels and verifiers do happens there; along the other d - k axes the signed rows v = y' x are pure noise,
N(0, I), independent of everything. Sums over that noise are drawn as the Gaussians and Wishart matrices that they are,
instead of sample by sample; only logistic regression needs the samples themselves.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from summ_collapse.theory.normal import Floats
from summ_collapse.theory.settings import Angled, Independent, Trained

Ints = npt.NDArray[np.int64]
Rng = np.random.Generator


class Plane(NamedTuple):
    """Signed rows along the first k axes, (repetitions, rows, k), zero where not kept; which are kept; counts.

    `counts` is (repetitions, 4): right, wrong, right and kept, wrong and kept.
    """

    rows: Floats
    kept: npt.NDArray[np.bool_]
    counts: Ints


def independent_counts(selection: Independent, samples: int, repetitions: int, rng: Rng) -> Ints:
    """Counts of right, wrong, right kept, wrong kept: multinomial, (repetitions, 4)."""
    p, phi, psi = selection.p, selection.phi, selection.psi
    cells = rng.multinomial(samples, [(1 - p) * phi, (1 - p) * (1 - phi), p * psi, p * (1 - psi)], size=repetitions)
    return np.stack([cells[:, 0] + cells[:, 1], cells[:, 2] + cells[:, 3], cells[:, 0], cells[:, 2]], axis=1)


def independent_moments(counts: Ints, mu: float, rng: Rng) -> Floats:
    """Second moments of (v_1, 1) over the kept rows, (repetitions, 2, 2), given how many are right and wrong.

    v_1 is N(mu, 1) in the right rows and N(-mu, 1) in the wrong ones; a sum and the squares about its mean are independent.
    """
    moments = np.zeros((len(counts), 2, 2))
    for count, center in ((counts[:, 2].astype(np.float64), mu), (counts[:, 3].astype(np.float64), -mu)):
        total = count * center + np.sqrt(count) * rng.standard_normal(len(count))
        # A chi square of no degrees of freedom is 0; numpy wants more than none.
        about = np.where(count > 1, rng.chisquare(np.maximum(count - 1, 1)), 0.0)
        moments[:, 0, 0] += about + total**2 / np.maximum(count, 1)
        moments[:, 0, 1] += total
        moments[:, 1, 1] += count
    moments[:, 1, 0] = moments[:, 0, 1]
    return moments


def independent_plane(counts: Ints, mu: float, rng: Rng) -> Plane:
    """The kept rows' first coordinate one by one: the right ones first, then the wrong ones, then zeros."""
    right, kept = counts[:, 2:3], counts[:, 2:3] + counts[:, 3:4]
    place = np.arange(int(kept.max(initial=0)))
    signs = np.where(place < right, 1.0, -1.0)
    rows = np.where(place < kept, signs * mu + rng.standard_normal(signs.shape), 0.0)
    return Plane(rows[..., None], place < kept, counts)


def directions(selection: Angled | Trained, mu: float, dimension: int, repetitions: int, rng: Rng) -> tuple[Floats, Floats]:
    """Generator and verifier along the first three axes, (repetitions, 3) each; the first axis is the mean's."""
    if isinstance(selection, Angled):
        pair = _at_angles(selection)
        generator, verifier = np.broadcast_to(pair[:, None], (2, repetitions, 3))
        return generator, verifier
    generator = _averaged(selection.generator_samples, mu, dimension, repetitions, rng)
    if selection.supervision != "weak" or selection.verifier_samples is None:
        return _in_plane(generator, generator)
    return _in_plane(generator, _averaged(selection.verifier_samples, mu, dimension, repetitions, rng))


def _at_angles(selection: Angled) -> Floats:
    generator = np.array([np.cos(selection.generator), np.sin(selection.generator), 0.0])
    if selection.supervision != "weak" or selection.verifier is None or selection.between is None:
        return np.stack([generator, generator])
    along = np.cos(selection.verifier)
    sine = np.sin(selection.generator)
    # A generator along the mean leaves the second axis free: the verifier takes it.
    across = (np.cos(selection.between) - generator[0] * along) / sine if sine > 1e-12 else np.sin(selection.verifier)
    rest = max(0.0, 1 - along**2 - across**2)
    return np.stack([generator, np.array([along, across, np.sqrt(rest)])])


def _averaged(samples: int, mu: float, dimension: int, repetitions: int, rng: Rng) -> Floats:
    """Averages of y x over true samples: N(mean, I / samples)."""
    weights = rng.standard_normal((repetitions, dimension)) / np.sqrt(samples)
    weights[:, 0] += mu
    return weights


def _in_plane(generator: Floats, verifier: Floats) -> tuple[Floats, Floats]:
    """Both vectors in axes of which the first is kept, the second lies in the generator's plane (Gram-Schmidt)."""
    across = np.linalg.norm(generator[:, 1:], axis=1)
    shared = np.sum(generator[:, 1:] * verifier[:, 1:], axis=1) / across
    rest = np.sqrt(np.maximum(0.0, np.sum(verifier[:, 1:] ** 2, axis=1) - shared**2))
    return np.stack([generator[:, 0], across, np.zeros_like(across)], axis=1), np.stack([verifier[:, 0], shared, rest], axis=1)


def linear_plane(selection: Angled | Trained, mu: float, dimension: int, samples: int, repetitions: int, rng: Rng) -> Plane:
    """Samples, their labels and their selection, one by one, along the first three axes.

    u = y x is N(mean, I). The generator's label is right where w_gen.u > 0, and v = y' x is u there and -u elsewhere.
    """
    generator, verifier = directions(selection, mu, dimension, repetitions, rng)
    rows = rng.standard_normal((repetitions, samples, 3))
    rows[..., 0] += mu
    right = np.matmul(rows, generator[:, :, None])[..., 0] > 0
    if selection.supervision == "oracle":
        kept = right
    elif selection.supervision == "weak":
        kept = (np.matmul(rows, verifier[:, :, None])[..., 0] > 0) == right
    elif selection.supervision == "random":
        kept = rng.random(right.shape) < selection.rate
    else:
        kept = np.ones_like(right)
    rows *= (np.where(right, 1.0, -1.0) * kept)[..., None]
    right_count, kept_count, both = right.sum(axis=1), kept.sum(axis=1), (right & kept).sum(axis=1)
    return Plane(rows, kept, np.stack([right_count, samples - right_count, both, kept_count - both], axis=1))


def moments_of(plane: Plane) -> Floats:
    """Second moments of (v_1, …, v_k, 1) over the kept rows, (repetitions, k + 1, k + 1)."""
    extended = np.concatenate([plane.rows, plane.kept[..., None]], axis=-1)
    return np.matmul(np.swapaxes(extended, 1, 2), extended)


def totals(moments: Floats, dimension: int, rng: Rng) -> Floats:
    """Sum of the kept signed rows over all axes, (repetitions, dimension)."""
    axes = moments.shape[-1] - 1
    noise = np.sqrt(moments[:, axes, axes])[:, None] * rng.standard_normal((len(moments), dimension - axes))
    return np.concatenate([moments[:, :axes, axes], noise], axis=1)


def grams(moments: Floats, dimension: int, rng: Rng) -> tuple[Floats, Floats]:
    """Sum of x x' and sum of y' x over the kept rows, (repetitions, d, d) and (repetitions, d).

    With A the rows' (v_1, …, v_k, 1) and Z their noise, A'Z = R'G for R'R = A'A and a Gaussian G, and Z'Z = G'G + W with
    W an independent Wishart matrix of as many degrees of freedom as rows are left.
    """
    axes = moments.shape[-1] - 1
    noise = dimension - axes
    rows = np.rint(moments[:, axes, axes]).astype(np.int64)
    rank = np.minimum(rows, axes + 1)
    values, vectors = np.linalg.eigh(moments)
    # Fewer rows than axes leave null directions, which eigh puts first.
    used = np.arange(axes + 1) >= axes + 1 - rank[:, None]
    root = vectors * np.sqrt(np.maximum(values, 0.0) * used)[:, None, :]
    gaussian = rng.standard_normal((len(moments), axes + 1, noise)) * used[..., None]
    cross = np.matmul(root, gaussian)
    gram = np.empty((len(moments), dimension, dimension))
    gram[:, :axes, :axes] = moments[:, :axes, :axes]
    gram[:, :axes, axes:] = cross[:, :axes]
    gram[:, axes:, :axes] = np.swapaxes(cross[:, :axes], 1, 2)
    gram[:, axes:, axes:] = np.matmul(np.swapaxes(gaussian, 1, 2), gaussian) + _wishart(rows - rank, noise, rng)
    return gram, np.concatenate([moments[:, :axes, axes], cross[:, axes]], axis=1)


def _wishart(freedom: Ints, dimension: int, rng: Rng) -> Floats:
    """Wishart matrices with identity scale, (repetitions, dimension, dimension), by Bartlett's triangular factors.

    With fewer degrees of freedom than dimensions the factor is the same one, cut after as many columns.
    """
    column = np.arange(dimension)
    left = freedom[:, None] - column
    factor = np.zeros((len(freedom), dimension, dimension))
    below = np.tril_indices(dimension, -1)
    factor[:, below[0], below[1]] = rng.standard_normal((len(freedom), len(below[0])))
    factor[:, column, column] = np.sqrt(rng.chisquare(np.maximum(left, 1)))
    factor *= (left > 0)[:, None, :]
    return np.matmul(factor, np.swapaxes(factor, 1, 2))


def full_rows(plane: Plane, dimension: int, rng: Rng) -> Floats:
    """The kept signed rows along all axes, (repetitions, most rows kept, dimension), the kept ones first, then zeros."""
    most = int(plane.kept.sum(axis=1).max(initial=0))
    order = np.argsort(~plane.kept, axis=1, kind="stable")[:, :most]
    along = np.take_along_axis(plane.rows, order[..., None], axis=1)
    kept = np.take_along_axis(plane.kept, order, axis=1)
    rows = np.empty((len(order), most, dimension))
    axes = along.shape[-1]
    rows[..., :axes] = along
    rows[..., axes:] = rng.standard_normal((len(order), most, dimension - axes))
    # Most data sets are full to nearly the last row; only the rest is wiped.
    rows[~kept] = 0.0
    return rows
