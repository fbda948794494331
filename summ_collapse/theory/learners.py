"""Linear classifiers without intercept, fitted to many data sets: ridge and L2-regularised logistic regression.

A data set is given by its signed rows v = y x (label times input), or by sums over them: both losses depend on nothing
else.
"""

import warnings

import numpy as np
from scipy.linalg import lapack

from summ_collapse.theory.normal import Floats

# Separable rows with penalties down to 1e-6 (500 of them, d = 20): this gives the test accuracy to 4e-6, where 1e-8 is off by
# up to 0.0015 and scikit-learn's default of 1e-4 by 0.013.
TOLERANCE = 1e-10
ITERATIONS = 10_000


def ridge(gram: Floats, total: Floats, penalty: float) -> Floats:
    """Minimise sum (w.x - y)^2 + penalty |w|^2 by Cholesky's factors of the normal equations.

    `gram` is sum x x', (repetitions, d, d); `total` is sum y x, (repetitions, d); the answer is (repetitions, d).
    ValueError where the equations are singular in float64 (a small penalty and fewer rows than dimensions).
    """
    normal = gram + penalty * np.eye(gram.shape[-1])
    weights = np.empty_like(total)
    for repetition in range(len(normal)):
        # The matrix is symmetric: its transpose is in the order that LAPACK works in, without a copy.
        _, weights[repetition], failed = lapack.dposv(normal[repetition].T, total[repetition], overwrite_a=True)
        if failed:
            raise ValueError(f"ridge with penalty {penalty:g} has no single solution in float64: too few independent rows")
    return weights


def logistic(rows: Floats, penalty: float) -> Floats:
    """Minimise sum log(1 + exp(-w.v)) + penalty / 2 |w|^2 by scikit-learn's L-BFGS; its C is 1 / penalty.

    `rows` are signed rows v = y x, (repetitions, n, d); rows of zeros count as absent; the answer is (repetitions, d).
    ValueError unless penalty > 0 (separable data have no minimum without one), and where L-BFGS does not converge.
    """
    if not penalty > 0:
        raise ValueError(f"logistic regression needs a penalty above 0, got {penalty:g}")
    return np.stack([_logistic(data[data.any(axis=1)], penalty) for data in rows])


def _logistic(data: Floats, penalty: float) -> Floats:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(data) == 0:
        return np.zeros(data.shape[1])
    # scikit-learn wants both labels: a row and its mirror image with the other label are one to the loss, and half of a
    # row twice is the row.
    alone = len(data) == 1
    signed = np.repeat(data, 2, axis=0) if alone else data
    label = np.where(np.arange(len(signed)) % 2, -1.0, 1.0)
    model = LogisticRegression(C=(0.5 if alone else 1) / penalty, fit_intercept=False, tol=TOLERANCE, max_iter=ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            fitted = model.fit(label[:, None] * signed, label)
        except ConvergenceWarning as warning:
            raise ValueError(f"logistic regression with penalty {penalty:g} did not converge: {warning}") from None
    return np.asarray(fitted.coef_[0], dtype=np.float64)
