"""Linear classifiers without intercept, fitted to many data sets: ridge and L2-regularised logistic regression.

A data set is given by its signed rows v = y x (label times input), or by sums over them: both losses depend on nothing
else, and a row of zeros adds nothing to a solution, so that data sets of unequal size stack into one array.
"""

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack
from scipy.special import expit

from summ_collapse.theory.normal import Floats

NEWTON_STEPS = 100
HALVINGS = 40


def ridge(gram: Floats, total: Floats, penalty: float) -> Floats:
    """Minimise sum (w.x - y)^2 + penalty |w|^2 by Cholesky's factors of the normal equations.

    `gram` is sum x x', (repetitions, d, d); `total` is sum y x, (repetitions, d); the answer is (repetitions, d).
    ValueError where the equations are singular (a penalty of 0 and fewer rows than dimensions).
    """
    normal = gram + penalty * np.eye(gram.shape[-1])
    weights = np.empty_like(total)
    for repetition in range(len(normal)):
        # The matrix is symmetric: its transpose is in the order that LAPACK works in, without a copy.
        _, weights[repetition], failed = lapack.dposv(normal[repetition].T, total[repetition], overwrite_a=True)
        if failed:
            raise ValueError(f"ridge with penalty {penalty:g} has no single solution: fewer independent rows than dimensions")
    return weights


def logistic(rows: Floats, penalty: float, tolerance: float = 1e-5) -> Floats:
    """Minimise sum log(1 + exp(-w.v)) + penalty / 2 |w|^2 by Newton's method; scikit-learn's C is 1 / penalty.

    `rows` are signed rows v = y x, (repetitions, n, d); the answer is (repetitions, d), where the gradient's norm has
    fallen to `tolerance` times its norm at w = 0. One data set after the other: each stays in the cache for its whole fit.
    ValueError unless penalty > 0: separable data have no minimum without one.
    """
    if not penalty > 0:
        raise ValueError(f"logistic regression needs a penalty above 0, got {penalty:g}")
    return np.stack([_newton(data, penalty, tolerance) for data in rows])


def _newton(data: Floats, penalty: float, tolerance: float) -> Floats:
    """Newton's method; each step is solved by conjugate gradients, as exactly as its distance from the end asks for.

    The Hessian at w = 0, factored once, preconditions them all: for Gaussian inputs the later Hessians are a multiple of
    it but for a term of low rank (Stein's lemma), so that a few products with the data replace every later factor.
    """
    factor = _preconditioner(data, penalty)
    weights, margins = np.zeros(data.shape[1]), np.zeros(len(data))
    start = float(np.linalg.norm(data.sum(axis=0))) / 2
    for _ in range(NEWTON_STEPS):
        slope = expit(-margins)
        gradient = penalty * weights - slope @ data
        distance = float(np.linalg.norm(gradient))
        if distance <= tolerance * start:
            return weights
        exactness = max(min(0.1, (distance / start) ** 0.5), 0.1 * tolerance * start / distance)
        step, moved = _solve(data, slope * (1 - slope), gradient, penalty, factor, exactness * distance)
        length = _line_search(weights, margins, step, moved, gradient, penalty)
        weights, margins = weights - length * step, margins - length * moved
    raise ArithmeticError(f"logistic regression did not converge in {NEWTON_STEPS} Newton steps")


def _preconditioner(data: Floats, penalty: float) -> npt.NDArray[np.floating]:
    """Cholesky's factor of the Hessian at w = 0; in single precision, twice as fast, where that goes well.

    It guides the search alone: what is found does not depend on it.
    """
    single = data.astype(np.float32)
    factor, failed = lapack.spotrf(
        single.T @ single / 4 + np.float32(penalty) * np.eye(data.shape[1], dtype=np.float32), lower=True
    )
    if not failed:
        return factor
    factor, _ = lapack.dpotrf(data.T @ data / 4 + penalty * np.eye(data.shape[1]), lower=True)
    return factor


def _solve(
    data: Floats, curvature: Floats, gradient: Floats, penalty: float, factor: npt.NDArray[np.floating], tolerance: float
) -> tuple[Floats, Floats]:
    """Newton's step and its effect on the margins, by preconditioned conjugate gradients."""
    step, moved = np.zeros_like(gradient), np.zeros(len(data))
    residual = gradient.copy()
    solve = lapack.spotrs if factor.dtype == np.float32 else lapack.dpotrs
    direction, old = np.zeros_like(gradient), 1.0
    while np.linalg.norm(residual) > tolerance:
        preconditioned, _ = solve(factor, residual, lower=True)
        now = float(residual @ preconditioned)
        direction = preconditioned + (now / old) * direction
        along = data @ direction
        bent = (curvature * along) @ data + penalty * direction
        length = now / float(direction @ bent)
        step += length * direction
        moved += length * along
        residual -= length * bent
        old = now
    return step, moved


def _line_search(weights: Floats, margins: Floats, step: Floats, moved: Floats, gradient: Floats, penalty: float) -> float:
    """The largest of 1, 1/2, 1/4, … that lowers the objective as Armijo asks."""
    start, descent = _objective(weights, margins, penalty), float(gradient @ step)
    length = 1.0
    for _ in range(HALVINGS):
        if _objective(weights - length * step, margins - length * moved, penalty) <= start - 1e-4 * length * descent:
            return length
        # Next to the minimum the objective is flat to rounding, and Newton's own step is the best there is.
        if descent <= 1e-12 * start:
            return length
        length /= 2
    return length


def _objective(weights: Floats, margins: Floats, penalty: float) -> float:
    return float(np.logaddexp(0, -margins).sum() + penalty / 2 * weights @ weights)
