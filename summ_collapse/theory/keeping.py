"""Which rows to keep, easy or hard: a linear teacher, a linear generator and a student that fits by least squares.

After Dohmatob, Pezeshki and Askari-Hemmat ("Why Less is More (Sometimes)", 2025, arXiv:2511.03492), derived here for x ~ N(0, I):
the teacher says sign(x_1), the generator sign(x_1 cos t + x_2 sin t), and so is wrong on a share t / pi. A verifier that knows
the teacher keeps a share of all rows by the margin |x_1|, the largest (easy) or the smallest (hard): of rows whose label is
right (`aware`), or of all. All moments of what is kept are integrals over the margin alone, with c = cot t:

    P(right | |x_1| = r) = Phi(c r),  E[y' x_2 | r] = 2 phi(c r),  and of the right ones E[y' x_2; right | r] = phi(c r).

The student w = S^-1 m has the moments of what is kept and, in each of the d - 2 directions that say nothing, noise of variance
s^2 / n, with s^2 = 1 - m' S^-1 m, the variance that the fit leaves. Its accuracy is 1 - angle(w, teacher) / pi. Exact as n grows;
simulated beside it for finite n (`simulated`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import integrate, optimize, special, stats

from summ_collapse.theory.normal import Floats

Which = Literal["easy", "hard"]
FAR = 12.0  # standard deviations; what lies beyond is below rounding


@dataclass(frozen=True)
class Rows:
    """A pool and what is kept of it."""

    angle: float  # between teacher and generator, radians, in (0, pi / 2]
    rate: float  # share of all rows that is kept
    which: Which
    aware: bool  # whether rows with a wrong label are dropped first


def margins(rows: Rows) -> tuple[float, float]:
    """The least and the largest margin |x_1| that is kept; ValueError where fewer rows are right than are to be kept."""
    if not 0 < rows.angle <= np.pi / 2:
        raise ValueError(f"expected an angle above 0 and up to pi / 2, got {rows.angle}")
    there = _mass(rows, 0.0, FAR)
    if not 0 < rows.rate <= there + 1e-9:
        raise ValueError(f"expected a rate above 0 and at most {there:.4g}, the share of rows that pass, got {rows.rate}")
    if rows.rate >= there - 1e-9:
        return 0.0, FAR
    if rows.which == "easy":
        return float(optimize.brentq(lambda least: _mass(rows, least, FAR) - rows.rate, 0, FAR)), FAR
    return 0.0, float(optimize.brentq(lambda most: _mass(rows, 0.0, most) - rows.rate, 0, FAR))


def accuracy(rows: Rows, samples: int, dimension: int) -> float:
    """Of the student on all x, 0-1, that has fitted what is kept of `samples` rows of so many dimensions."""
    if dimension < 2:
        raise ValueError(f"expected at least 2 dimensions, those of teacher and generator, got {dimension}")
    low, high = margins(rows)
    kept = _mass(rows, low, high)
    if samples * kept <= dimension + 1:
        raise ValueError(
            f"expected more rows than the {dimension} dimensions that are fitted, and one; {samples * kept:.0f} are kept"
        )
    cot = 1 / np.tan(rows.angle)

    def mean(value: Callable[[float, float], float]) -> float:
        return _integral(lambda r: value(r, cot * r), low, high) / kept

    # By symmetry x_1 and x_2 are those of a positive teacher's label; m is E[y' x], s E[x x'].
    if rows.aware:
        m = np.array([mean(lambda r, t: r * special.ndtr(t)), mean(lambda r, t: stats.norm.pdf(t))])
        cross = mean(lambda r, t: r * stats.norm.pdf(t))
        first = mean(lambda r, t: r**2 * special.ndtr(t))
        second = mean(lambda r, t: special.ndtr(t) - t * stats.norm.pdf(t))
    else:
        m = np.array([mean(lambda r, t: r * (2 * special.ndtr(t) - 1)), mean(lambda r, t: 2 * stats.norm.pdf(t))])
        cross, first, second = 0.0, mean(lambda r, t: r**2), 1.0
    spread = np.array([[first, cross], [cross, second]])
    w = np.linalg.solve(spread, m)
    left = max(0.0, 1 - float(m @ w))
    noise = (dimension - 2) * left / (samples * kept - dimension - 1)
    return 1 - float(np.arccos(w[0] / np.sqrt(w @ w + noise))) / np.pi


def _mass(rows: Rows, low: float, high: float) -> float:
    """The share of all rows that passes with a margin between both."""
    cot = 1 / np.tan(rows.angle)
    return _integral((lambda r: special.ndtr(cot * r)) if rows.aware else (lambda r: 1.0), low, high)


def _integral(value: Callable[[float], float], low: float, high: float) -> float:
    """Of a function of the margin, whose density is twice the normal one."""
    found, _ = integrate.quad(lambda r: 2 * stats.norm.pdf(r) * value(r), low, high, limit=200)
    return float(found)


def simulated(rows: Rows, samples: int, dimension: int, repetitions: int, seed: int) -> Floats:
    """Accuracies of students that fit drawn rows, (repetitions,) float64; what is kept is a share of the rows that are drawn."""
    rng = np.random.default_rng(seed)
    found = np.empty(repetitions)
    for repetition in range(repetitions):
        x = rng.standard_normal((samples, dimension))
        label = np.sign(x[:, 0] * np.cos(rows.angle) + x[:, 1] * np.sin(rows.angle))
        margin = np.abs(x[:, 0])
        passed = np.flatnonzero((label == np.sign(x[:, 0])) if rows.aware else np.ones(samples, dtype=bool))
        order = passed[np.argsort(margin[passed])]
        count = min(len(order), round(rows.rate * samples))
        chosen = order[-count:] if rows.which == "easy" else order[:count]
        w = np.linalg.lstsq(x[chosen], label[chosen], rcond=None)[0]
        found[repetition] = 1 - np.arccos(w[0] / np.linalg.norm(w)) / np.pi
    errors: Floats = found
    return errors
