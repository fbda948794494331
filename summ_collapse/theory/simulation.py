"""The finite-data experiment of Feng et al. (2024), many repetitions of many settings on all cores.

A block of repetitions is one task with a random generator of its own, seeded by (seed, setting, block); blocks depend on
the setting alone, so results are the same whatever the number of worker processes. Test accuracy is exact: a linear
classifier w is right with probability Phi(w.mu / |w|).

    simulate([Setting(2.0, 50, 4000, Independent(0.3, 0.9, 0.2))], repetitions=100, seed=0)[0].mean

A script that calls it needs the usual guard, `if __name__ == "__main__"`: worker processes import it.
"""

import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np
from scipy import special
from threadpoolctl import threadpool_limits

from summ_collapse.theory import draws, learners
from summ_collapse.theory.normal import Floats, standard_error
from summ_collapse.theory.ranges import require, require_memory
from summ_collapse.theory.settings import Independent, Setting

# A block's largest array, so that it and its few companions stay near the cache; smaller blocks cost Python's time.
BLOCK_BYTES = 8 << 20
TASKS_A_MESSAGE = 8
MOST_REPETITIONS = 10_000_000
SECONDS_ALONE = 2.0


@dataclass(frozen=True)
class Simulated:
    """Repetitions of one setting: test accuracy, (repetitions,), and counts of right, wrong, right kept, wrong kept."""

    setting: Setting
    accuracy: Floats
    counts: draws.Ints

    @property
    def mean(self) -> float:
        return float(self.accuracy.mean())

    @property
    def standard_error(self) -> float:
        """Of the mean over repetitions; nan for a single one."""
        return float(standard_error(self.accuracy))

    @property
    def selection(self) -> tuple[float, float, float]:
        """p, phi, psi as counted over all repetitions; nan where there was nothing to count."""
        right, wrong, right_kept, wrong_kept = self.counts.sum(axis=0)
        with np.errstate(invalid="ignore"):
            return wrong / (right + wrong), right_kept / right, wrong_kept / wrong


def simulate(settings: Sequence[Setting], repetitions: int, seed: int, workers: int | None = None) -> list[Simulated]:
    """Every setting `repetitions` times; `workers` processes, by default one a core. Equal seeds, equal results.

    ValueError for more repetitions in all than MOST_REPETITIONS, or one that takes more than LARGEST_BYTES; RuntimeError where
    a worker is lost.
    """
    require(repetitions >= 1, repetitions, "repetitions is at least 1")
    if repetitions * len(settings) > MOST_REPETITIONS:
        raise ValueError(
            f"at most {MOST_REPETITIONS:,} repetitions in all, got {repetitions:,} of each of {len(settings):,} settings"
        )
    tasks = [(setting, seed, at, *block) for at, setting in enumerate(settings) for block in _blocks(setting, repetitions)]
    found: list[list[tuple[Floats, draws.Ints]]] = [[] for _ in settings]
    for (_, _, at, _, _), result in zip(tasks, _run(tasks, workers or _cores()), strict=True):
        found[at].append(result)
    return [
        Simulated(setting, np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))
        for setting, parts in zip(settings, found, strict=True)
    ]


Task = tuple[Setting, int, int, int, int]


def _run(tasks: Sequence[Task], workers: int) -> list[tuple[Floats, draws.Ints]]:
    """Here for a moment, then, if much is left, in worker processes, which take a second or two to start."""
    done: list[tuple[Floats, draws.Ints]] = []
    started = time.monotonic()
    with threadpool_limits(1):
        for task in tasks:
            if workers > 1 and time.monotonic() - started > SECONDS_ALONE and len(tasks) - len(done) > 1:
                break
            done.append(_block(task))
    left = tasks[len(done) :]
    if not left:
        return done
    # Spawned, not forked: a fork of a process whose linear algebra runs threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(left)), context, initializer=threadpool_limits, initargs=(1,)) as pool:
        chunk = max(1, min(TASKS_A_MESSAGE, len(left) // (4 * workers)))
        try:
            return done + list(pool.map(_block, left, chunksize=chunk))
        except BrokenProcessPool:
            raise RuntimeError(
                "a worker process ended early: killed, out of memory, or its script lacks the guard of __main__"
            ) from None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _blocks(setting: Setting, repetitions: int) -> list[tuple[int, int]]:
    """(block, repetitions in it), of a size that depends on the setting only."""
    rows = setting.samples * setting.dimension if setting.learner == "logistic" else 0
    matrix = setting.dimension**2 if setting.learner == "ridge" else setting.dimension
    plane = 0 if isinstance(setting.selection, Independent) else 4 * setting.samples
    # The largest array of one repetition, a worker holds up to four of that size.
    largest = 8 * max(rows, matrix, plane)
    require_memory(largest, f"one repetition of n = {setting.samples:,} in d = {setting.dimension:,} takes")
    size = max(1, BLOCK_BYTES // largest)
    return [(block, min(size, repetitions - start)) for block, start in enumerate(range(0, repetitions, size))]


def _block(task: Task) -> tuple[Floats, draws.Ints]:
    """Accuracies and counts of one block of repetitions."""
    setting, seed, at, block, repetitions = task
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(at, block)))
    weights, counts = _trained(setting, repetitions, rng)
    norm = np.linalg.norm(weights, axis=1)
    # Without any data the classifier is a coin.
    cosine = np.divide(weights[:, 0], norm, out=np.zeros_like(norm), where=norm > 0)
    return special.ndtr(setting.mu * cosine), counts


def _trained(setting: Setting, repetitions: int, rng: np.random.Generator) -> tuple[Floats, draws.Ints]:
    """Weights of the learner, (repetitions, dimension), in axes of which the first is the mean's."""
    selection, mu, dimension = setting.selection, setting.mu, setting.dimension
    if isinstance(selection, Independent):
        counts = draws.independent_counts(selection, setting.samples, repetitions, rng)
        if setting.learner != "logistic":
            return _from_moments(setting, draws.independent_moments(counts, mu, rng), rng), counts
        plane = draws.independent_plane(counts, mu, rng)
    else:
        plane = draws.linear_plane(selection, mu, dimension, setting.samples, repetitions, rng)
    if setting.learner == "logistic":
        return learners.logistic(draws.full_rows(plane, dimension, rng), setting.penalty), plane.counts
    return _from_moments(setting, draws.moments_of(plane), rng), plane.counts


def _from_moments(setting: Setting, moments: Floats, rng: np.random.Generator) -> Floats:
    if setting.learner == "averaging":
        return draws.totals(moments, setting.dimension, rng)
    return learners.ridge(*draws.grams(moments, setting.dimension, rng), setting.penalty)
