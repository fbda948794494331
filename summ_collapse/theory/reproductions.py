"""The experiments of Feng et al. (2024) on Gaussian mixtures, each as the cells of a grid, and what comes of such cells.

They fix every number but the repetitions, the seed and the number of workers. `simulated` gives a point a cell, with the
cell's coordinates, the simulated accuracy and what theory says of it; `report.figures.theory` draws them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from scipy import special

from summ_collapse.theory import gaussian
from summ_collapse.theory.points import Column, Points, Value
from summ_collapse.theory.settings import Angled, Independent, Setting, Trained
from summ_collapse.theory.simulation import simulate

# A point's coordinates, by name, and what is simulated there.
Cell = tuple[Mapping[str, Value], Setting]

TRANSITION_RATIOS = (0.1, 0.25, 0.5, 0.8, 1.0)
KEPT = 1e6
LARGEST_LOG10 = 6


def transition() -> Iterator[Cell]:
    """Accuracy against p for several psi / phi, a million kept samples each: a step from best to worst at p*."""
    for ratio in TRANSITION_RATIOS:
        p_star = float(gaussian.breakdown_point(1.0, ratio))
        # Denser about the step, whose width is of the order of 1 / sqrt(kept).
        around = p_star + np.array([-0.03, -0.01, -0.003, -0.001, 0, 0.001, 0.003, 0.01, 0.03])
        for p in sorted({round(float(p), 6) for p in (*np.linspace(0.025, 0.975, 39), *around) if 0 <= p <= 1}):
            samples = round(KEPT / float(gaussian.kept_fraction(p, 1.0, ratio)))
            yield {"ratio": ratio, "p_star": p_star}, Setting(2.0, 50, samples, Independent(p, 1.0, ratio))


# The weak verifier's angles to the truth and to the generator, in degrees; the others need none.
SUPERVISED: dict[str, tuple[float, ...]] = {"oracle": (), "weak": (45.0, 75.0), "random": (), "none": ()}


def samples() -> Iterator[Cell]:
    """Accuracy against n for oracle, weak, random and no supervision of a generator that errs more often than not.

    Twice: with selection that does not look at x, as the theorem has it, and with a linear generator and verifier of the
    same p, phi and psi.
    """
    mu = 1.5
    for supervision, verifier in SUPERVISED.items():
        linear = Angled.in_degrees(supervision, 100.0, *verifier)
        for n in np.unique(np.round(np.logspace(2, LARGEST_LOG10, 3 * LARGEST_LOG10 - 5)).astype(int)):
            for kind, selection in _both(linear, mu).items():
                yield {"selection": kind, "supervision": supervision}, Setting(mu, 50, int(n), selection)


def sweet_spot() -> Iterator[Cell]:
    """A verifier that is blended, more and more, with the generator: first it grows more accurate, then merely more alike.

    w_ver = (1 - blend) w_own + blend w_gen, where w_own is worse than the generator but errs in directions of its own.
    Twice, as in `samples`.
    """
    mu = 1.0
    # The truth is the first axis; one errs along the second, the other along the third.
    generator = np.array([np.cos(np.radians(65.0)), np.sin(np.radians(65.0)), 0.0])
    own = np.array([np.cos(np.radians(75.0)), 0.0, np.sin(np.radians(75.0))])
    for blend in np.linspace(0, 1, 26):
        angles = gaussian.angles_of(generator, (1 - blend) * own + blend * generator, [1.0, 0.0, 0.0])
        accuracy = float(special.ndtr(mu * np.cos(angles.verifier)))
        for kind, selection in _both(Angled("weak", *(float(angle) for angle in angles)), mu).items():
            yield {"selection": kind, "blend": blend, "verifier_accuracy": accuracy}, Setting(mu, 50, 1000, selection)


def quality() -> Iterator[Cell]:
    """Generator's quality by verifier's quality, with errors that have nothing to do with each other."""
    mu = 1.5
    for generator in np.arange(5.0, 176.0, 5.0):
        for verifier in np.arange(0.0, 91.0, 5.0):
            cosines = np.cos(np.radians([generator, verifier]))
            linear = Angled.in_degrees("weak", generator, verifier, np.degrees(np.arccos(cosines.prod())))
            accuracies = special.ndtr(mu * cosines)
            coordinates = {"generator_accuracy": accuracies[0], "verifier_accuracy": accuracies[1]}
            yield coordinates, Setting(mu, 50, 4000, linear)


REPRODUCTIONS: dict[str, Callable[[], Iterator[Cell]]] = {
    "transition": transition,
    "samples": samples,
    "sweet-spot": sweet_spot,
    "quality": quality,
}


def simulated(cells: Sequence[Cell], repetitions: int, seed: int, workers: int | None) -> Points:
    """The cells' coordinates, simulated accuracy with its standard error, and the closed forms for their p, phi and psi.

    These shares are the exact ones, or as counted where generator and verifier are trained anew each time.
    """
    found = simulate([setting for _, setting in cells], repetitions, seed, workers)
    columns: dict[str, Column] = {name: np.array([coordinates[name] for coordinates, _ in cells]) for name in cells[0][0]}
    fields = {"mu": "mu", "d": "dimension", "n": "samples", "learner": "learner"}
    columns |= {name: np.array([getattr(setting, field) for _, setting in cells]) for name, field in fields.items()}
    shares = (
        each.selection if isinstance(each.setting.selection, Trained) else exact_shares(each.setting.selection, each.setting.mu)
        for each in found
    )
    p, phi, psi = np.array(list(shares)).T
    columns |= {"p": p, "phi": phi, "psi": psi}
    columns["accuracy"] = np.array([each.mean for each in found])
    columns["accuracy_se"] = np.array([each.standard_error for each in found])
    columns["repetitions"] = np.full(len(found), repetitions)
    return Points(columns | _forms(columns))


def _forms(columns: Mapping[str, Column]) -> dict[str, Column]:
    """The closed forms; nan where nothing is kept, and p* also where phi or psi has nothing to be taken of."""
    phi, psi = np.nan_to_num(columns["phi"]), np.nan_to_num(columns["psi"])
    kept, known = phi + psi > 0, ~np.isnan(columns["phi"] + columns["psi"])
    shape = {name: columns[name] for name in ("mu", "d", "n")}
    forms = gaussian.closed_forms(np.where(kept, phi, 1.0), psi, columns["p"], **shape)
    forms["p_star"] = np.where(known, forms["p_star"], np.nan)
    names = {"accuracy": "approximation"}
    return {names.get(name, name): np.where(kept, values, np.nan) for name, values in forms.items()}


def exact_shares(selection: Independent | Angled, mu: float) -> tuple[float, float, float]:
    """p, phi and psi of a selection."""
    if isinstance(selection, Independent):
        return selection.p, selection.phi, selection.psi
    margin = mu * np.cos(selection.generator)
    if selection.supervision == "weak" and selection.verifier is not None and selection.between is not None:
        exact = gaussian.selection_from_margins(margin, mu * np.cos(selection.verifier), np.cos(selection.between))
        return float(exact.p), float(exact.phi), float(exact.psi)
    kept = {"oracle": (1.0, 0.0), "random": (selection.rate, selection.rate)}.get(selection.supervision, (1.0, 1.0))
    return float(special.ndtr(-margin)), *kept


def _both(linear: Angled, mu: float) -> dict[str, Independent | Angled]:
    """A linear selection, and one of the same p, phi and psi that does not look at x."""
    return {"independent": Independent(*exact_shares(linear, mu)), "linear": linear}
