"""The theory's speed: a closed-form grid, a simulated grid, and a fit of ours beside scikit-learn's on the same rows.

    python benchmarks/theory.py --out benchmarks/results/theory.json

The fits are of the cells of one grid (d = 200, n = 4,000 before selection), on one thread each, in turn, in seconds of
the processor (grids: of the clock). `same_rows` times the solvers alone on equal arrays and says how far their weights
differ; `repetition` times what one repetition of a simulation costs, drawing included: ours draws sufficient statistics
for ridge, scikit-learn needs the rows. Our logistic regression is scikit-learn's L-BFGS at a tolerance of 1e-10.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from summ_collapse.store import write_json
from summ_collapse.theory import draws, gaussian, learners
from summ_collapse.theory.settings import Independent, Setting
from summ_collapse.theory.simulation import simulate

MU, DIMENSION, SAMPLES, PHI, PENALTY = 2.0, 200, 4000, 0.9, 1.0
THEIRS: dict[str, dict[str, Any]] = {
    "ridge": {"cholesky": Ridge(alpha=PENALTY, fit_intercept=False, solver="cholesky")},
    "logistic": {
        "lbfgs": LogisticRegression(C=1 / PENALTY, fit_intercept=False, solver="lbfgs", max_iter=1000),
        "lbfgs, tol 1e-6": LogisticRegression(C=1 / PENALTY, fit_intercept=False, solver="lbfgs", tol=1e-6, max_iter=1000),
        "newton-cholesky": LogisticRegression(C=1 / PENALTY, fit_intercept=False, solver="newton-cholesky"),
    },
}


def cells(points: int, learner: str) -> list[Setting]:
    """A square grid over p and psi / phi."""
    return [
        Setting(MU, DIMENSION, SAMPLES, Independent(float(p), PHI, PHI * float(ratio)), learner, PENALTY)
        for p in np.linspace(0.05, 0.95, points)
        for ratio in np.linspace(0.05, 1, points)
    ]


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def processor_seconds(work: Callable[[], Any]) -> float:
    """Of this process, which other work on the machine does not add to."""
    started = time.process_time()
    work()
    return time.process_time() - started


def closed_form() -> None:
    p, ratio = np.linspace(0.01, 0.99, 200)[:, None], np.linspace(0, 1, 200)
    gaussian.finite_sample_accuracy(p, PHI, PHI * ratio, MU, DIMENSION, SAMPLES)


def rows_of(setting: Setting, rng: np.random.Generator) -> np.ndarray:
    """The kept signed rows of one repetition, (rows, d)."""
    counts = draws.independent_counts(setting.selection, setting.samples, 1, rng)
    return draws.full_rows(draws.independent_plane(counts, setting.mu, rng), setting.dimension, rng)[0]


def our_fit(learner: str, rows: np.ndarray) -> np.ndarray:
    if learner == "ridge":
        return learners.ridge((rows.T @ rows)[None], rows.sum(axis=0)[None], PENALTY)[0]
    return learners.logistic(rows[None], PENALTY)[0]


def fits(learner: str, points: int, repetitions: int) -> dict[str, Any]:
    """Medians over all cells and repetitions; the largest difference of weights is relative to their norm."""
    rng = np.random.default_rng(0)
    taken: dict[str, list[float]] = {"ours": [], **{name: [] for name in THEIRS[learner]}}
    drawn, differ = [], dict.fromkeys(THEIRS[learner], 0.0)
    for setting in cells(points, learner):
        for _ in range(repetitions):
            started = time.process_time()
            rows = rows_of(setting, rng)
            drawn.append(time.process_time() - started)
            label = rng.choice([-1.0, 1.0], len(rows))
            x = label[:, None] * rows
            taken["ours"].append(processor_seconds(partial(our_fit, learner, rows)))
            weights = our_fit(learner, rows)
            for name, model in THEIRS[learner].items():
                taken[name].append(processor_seconds(partial(model.fit, x, label)))
                apart = np.linalg.norm(np.ravel(model.coef_) - weights) / np.linalg.norm(weights)
                differ[name] = max(differ[name], float(apart))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    repetition = statistics.median(
        processor_seconds(partial(simulate, [setting], repetitions, 0, workers=1)) / repetitions
        for setting in cells(points, learner)
    )
    best = min(medians[name] for name in THEIRS[learner])
    return {
        "fits": len(drawn),
        "same_rows": {f"{name}_seconds": value for name, value in medians.items()},
        "same_rows_speedup": {name: medians[name] / medians["ours"] for name in THEIRS[learner]},
        "largest_relative_difference": differ,
        "repetition": {
            "ours_seconds": repetition,
            "rows_and_scikit_learn_seconds": statistics.median(drawn) + best,
            "speedup": (statistics.median(drawn) + best) / repetition,
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    grid = cells(20, "averaging")
    results: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__},
        "closed_form_200x200_seconds": statistics.median(seconds(closed_form) for _ in range(options.rounds)),
        # Worker processes are for what takes longer than they take to start.
        "averaging_20x20x100_seconds": statistics.median(seconds(partial(simulate, grid, 100, 0)) for _ in range(options.rounds)),
    }
    with threadpool_limits(1):
        results["ridge"] = fits("ridge", points=4, repetitions=20)
        results["logistic"] = fits("logistic", points=4, repetitions=5)
    write_json(options.out, results)
    print(options.out.read_text(), end="")


if __name__ == "__main__":
    main()
