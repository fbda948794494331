"""The experiments of Feng et al. (2024) on Gaussian mixtures, each as a list of settings and what came of them.

Every function returns records, one a cell, with the cell's coordinates, the simulated accuracy and what theory says of it;
`report.figures.theory` draws them. They fix every number but the repetitions, the seed and the number of workers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import special

from summ_collapse.theory import gaussian
from summ_collapse.theory.normal import Floats
from summ_collapse.theory.settings import Angled, Independent, Setting
from summ_collapse.theory.simulation import Simulated, simulate

Record = dict[str, Any]
Cell = tuple[Mapping[str, Any], Setting]

TRANSITION_RATIOS = (0.1, 0.25, 0.5, 0.8, 1.0)
KEPT = 1e6
LARGEST_LOG10 = 6


def transition(repetitions: int, seed: int, workers: int | None = None) -> list[Record]:
    """Accuracy against p for several psi / phi, a million kept samples each: a step from best to worst at p*."""
    cells: list[Cell] = []
    for ratio in TRANSITION_RATIOS:
        p_star = float(gaussian.breakdown_point(1.0, ratio))
        # Denser about the step, whose width is of the order of 1 / sqrt(kept).
        around = p_star + np.array([-0.03, -0.01, -0.003, -0.001, 0, 0.001, 0.003, 0.01, 0.03])
        for p in sorted({round(float(p), 6) for p in (*np.linspace(0.025, 0.975, 39), *around) if 0 <= p <= 1}):
            samples = round(KEPT / float(gaussian.kept_fraction(p, 1.0, ratio)))
            cells.append(({"ratio": ratio, "p_star": p_star}, Setting(2.0, 50, samples, Independent(p, 1.0, ratio))))
    return _simulated(cells, repetitions, seed, workers)


SUPERVISED = (("oracle", None, None), ("weak", 45.0, 75.0), ("random", None, None), ("none", None, None))


def samples(repetitions: int, seed: int, workers: int | None = None) -> list[Record]:
    """Accuracy against n for oracle, weak, random and no supervision of a generator that errs more often than not.

    Twice: with selection that does not look at x, as the theorem has it, and with a linear generator and verifier of the
    same p, phi and psi.
    """
    mu, generator = 1.5, 100.0
    cells: list[Cell] = []
    for supervision, verifier, between in SUPERVISED:
        linear = Angled(supervision, *_radians(generator, verifier, between))
        shares = _shares_of(linear, mu)
        for n in np.unique(np.round(np.logspace(2, LARGEST_LOG10, 3 * LARGEST_LOG10 - 5)).astype(int)):
            for kind, selection in (("independent", Independent(*shares)), ("linear", linear)):
                cells.append(({"selection": kind, "supervision": supervision}, Setting(mu, 50, int(n), selection)))
    return _simulated(cells, repetitions, seed, workers)


def sweet_spot(repetitions: int, seed: int, workers: int | None = None) -> list[Record]:
    """A verifier that is blended, more and more, with the generator: first it grows more accurate, then merely more alike.

    w_ver = (1 - blend) w_own + blend w_gen, where w_own is worse than the generator but errs in directions of its own.
    Twice, as in `samples`.
    """
    mu = 1.0
    generator = _direction(65.0, [1.0, 0.0])
    own = _direction(75.0, [0.0, 1.0])
    cells: list[Cell] = []
    for blend in np.linspace(0, 1, 26):
        angles = gaussian.angles_of(generator, (1 - blend) * own + blend * generator, [1.0, 0.0, 0.0])
        linear = Angled("weak", *(float(angle) for angle in angles))
        shares = _shares_of(linear, mu)
        accuracy = float(special.ndtr(mu * np.cos(angles.verifier)))
        for kind, selection in (("independent", Independent(*shares)), ("linear", linear)):
            cells.append(
                ({"selection": kind, "blend": float(blend), "verifier_accuracy": accuracy}, Setting(mu, 50, 1000, selection))
            )
    return _simulated(cells, repetitions, seed, workers)


def quality(repetitions: int, seed: int, workers: int | None = None) -> list[Record]:
    """Generator's quality by verifier's quality, with errors that have nothing to do with each other."""
    mu = 1.5
    cells: list[Cell] = []
    for generator in np.arange(5.0, 176.0, 5.0):
        for verifier in np.arange(0.0, 91.0, 5.0):
            linear = Angled("weak", *_radians(generator, verifier, _between(generator, verifier, 0.0)))
            key = {"generator_accuracy": _accuracy(mu, generator), "verifier_accuracy": _accuracy(mu, verifier)}
            cells.append((key, Setting(mu, 50, 4000, linear)))
    return _simulated(cells, repetitions, seed, workers)


REPRODUCTIONS: dict[str, Callable[..., list[Record]]] = {
    "transition": transition,
    "samples": samples,
    "sweet-spot": sweet_spot,
    "quality": quality,
}


def record_of(key: Mapping[str, Any], found: Simulated) -> Record:
    """A cell's coordinates, its simulated accuracy with standard error, and the closed forms for its p, phi and psi.

    These shares are the exact ones, or as counted where generator and verifier are trained anew each time.
    """
    setting = found.setting
    exact = _shares_of(setting.selection, setting.mu)
    shares = found.selection if np.isnan(exact[0]) else exact
    record: Record = {**key, "mu": setting.mu, "d": setting.dimension, "n": setting.samples, "learner": setting.learner}
    record |= dict(zip(("p", "phi", "psi"), shares, strict=True))
    record |= {"accuracy": found.mean, "accuracy_se": found.standard_error, "repetitions": len(found.accuracy)}
    return record | closed_forms(*shares, setting.mu, setting.dimension, setting.samples)


def closed_forms(p: float, phi: float, psi: float, mu: float, dimension: int, samples: int) -> Record:
    """p*, p', kappa, the paper's approximate accuracy and ours; p* is nan where phi or psi has nothing to be taken of."""
    known = not (np.isnan(phi) or np.isnan(psi))
    phi, psi = (0.0 if np.isnan(share) else share for share in (phi, psi))
    if phi + psi == 0:
        return dict.fromkeys(("p_star", "kept_error", "kept_fraction", "approximation", "expected"), float("nan"))
    return {
        "p_star": float(gaussian.breakdown_point(phi, psi)) if known else float("nan"),
        "kept_error": float(gaussian.kept_error(p, phi, psi)),
        "kept_fraction": float(gaussian.kept_fraction(p, phi, psi)),
        "approximation": float(gaussian.finite_sample_accuracy(p, phi, psi, mu, dimension, samples)),
        "expected": float(gaussian.expected_accuracy(p, phi, psi, mu, dimension, samples)),
    }


def _simulated(cells: Sequence[Cell], repetitions: int, seed: int, workers: int | None) -> list[Record]:
    found = simulate([setting for _, setting in cells], repetitions, seed, workers)
    return [record_of(key, cell) for (key, _), cell in zip(cells, found, strict=True)]


def _shares_of(selection: Any, mu: float) -> tuple[float, float, float]:
    """Exact p, phi, psi of a selection; nan where they are random."""
    if isinstance(selection, Independent):
        return selection.p, selection.phi, selection.psi
    if not isinstance(selection, Angled):
        return (float("nan"),) * 3
    margin = mu * np.cos(selection.generator)
    if selection.supervision == "weak" and selection.verifier is not None and selection.between is not None:
        exact = gaussian.selection_from_margins(margin, mu * np.cos(selection.verifier), np.cos(selection.between))
        return float(exact.p), float(exact.phi), float(exact.psi)
    kept = {"oracle": (1.0, 0.0), "random": (selection.rate, selection.rate)}.get(selection.supervision, (1.0, 1.0))
    return float(special.ndtr(-margin)), *kept


def _accuracy(mu: float, degrees: float) -> float:
    """Of a linear classifier at that angle to the mean."""
    return float(special.ndtr(mu * np.cos(np.radians(degrees))))


def _direction(degrees: float, error: Sequence[float]) -> Floats:
    """The unit vector at that angle to the truth (the first axis) whose error points along `error`."""
    angle = np.radians(degrees)
    return np.array([np.cos(angle), *(np.sin(angle) * np.asarray(error))])


def _between(generator: float, verifier: float, correlation: float) -> float:
    """The angle between two classifiers, in degrees, from their angles to the truth and the correlation of their errors."""
    g, v = np.radians([generator, verifier])
    cosine = np.cos(g) * np.cos(v) + correlation * np.sin(g) * np.sin(v)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _radians(generator: float, verifier: float | None, between: float | None) -> tuple[float, float | None, float | None]:
    angles = [None if angle is None else float(np.radians(angle)) for angle in (generator, verifier, between)]
    return float(np.radians(generator)), angles[1], angles[2]
