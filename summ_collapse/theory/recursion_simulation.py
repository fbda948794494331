"""Training on one's own output, simulated: many repetitions of many generations over any start distribution.

Four regimes: mixed with the real data (fully synthetic where there are none), the latest K generations mixed, a uniform
draw from all generations. In the last two a new model is the empirical of n draws, each from a model that is drawn
uniformly from the window. A block of repetitions has a random generator of its own, seeded by (seed, block).
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from summ_collapse.theory.normal import Floats, standard_error
from summ_collapse.theory.points import Points
from summ_collapse.theory.ranges import require_memory
from summ_collapse.theory.recursion import Window, check_sizes, checked_distribution

# A block's distributions, as many generations of them as are kept at a time.
BLOCK_BYTES = 16 << 20


@dataclass(frozen=True)
class Generations:
    """Per repetition and generation, (repetitions, generations + 1): sum of squares, squared and L1 distance to generation 0.

    `collapsed` says which models are Dirac masses.
    """

    collision: Floats
    drift: Floats
    l1: Floats
    collapsed: npt.NDArray[np.bool_]

    def means(self) -> Points:
        """Means over repetitions: S, D, l1 and the collapsed share, a value a generation, with standard errors as `…_se`."""
        named = {"S": self.collision, "D": self.drift, "l1": self.l1, "collapsed": self.collapsed.astype(np.float64)}
        errors = {f"{name}_se": standard_error(values) for name, values in named.items()}
        return Points({name: values.mean(axis=0) for name, values in named.items()} | errors)


def simulate(
    source: npt.ArrayLike,
    real: int,
    synthetic: int,
    generations: int,
    repetitions: int,
    seed: int,
    window: Window | None = None,
) -> Generations:
    """Simulate from N = `real` draws of `source` (the first n where real is 0), n = `synthetic` draws a generation.

    With a `window` (recursion.latest or .every) later models learn from earlier models' mixture alone; else from the
    real draws and the last model's. ValueError for sizes that cannot be or take more than LARGEST_BYTES.
    """
    distribution = checked_distribution(source)
    check_sizes(real, synthetic)
    if generations < 0 or repetitions < 1:
        raise ValueError(f"expected generations >= 0 and repetitions >= 1, got {generations} and {repetitions}")
    size = _block_size(len(distribution), generations, repetitions, window)
    blocks = []
    for block, start in enumerate(range(0, repetitions, size)):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(block,)))
        first = rng.multinomial(real or synthetic, distribution, size=min(size, repetitions - start)) / (real or synthetic)
        if window:
            blocks.append(_mixed(first, synthetic, generations, window, rng))
        else:
            blocks.append(_chain(first, real, synthetic, generations, rng))
    collision, drift, l1, symbols = np.concatenate(blocks, axis=1)
    return Generations(collision, drift, l1, symbols == 1)


def _block_size(symbols: int, generations: int, repetitions: int, window: Window | None) -> int:
    """Repetitions a block; ValueError for what does not fit in memory."""
    one, results = 8 * symbols * (1 + _remembered(window, generations)), 2 * 8 * 4 * repetitions * (generations + 1)
    sizes = f"{symbols:,} symbols, {generations:,} generations and {repetitions:,} repetitions take"
    require_memory(max(one, results), sizes)
    return max(1, BLOCK_BYTES // one)


def _remembered(window: Window | None, generations: int) -> int:
    """Earlier generations to keep one by one: none where nothing is ever forgotten, since their sum says all then."""
    mixed = window(generations) if window else 0
    return mixed if mixed < generations else 0


def _chain(first: Floats, real: int, synthetic: int, generations: int, rng: np.random.Generator) -> Floats:
    """p_{m+1} = (1 - alpha) p_0 + alpha (empirical of n draws of p_m); measures, (4, repetitions, generations + 1)."""
    alpha = synthetic / (real + synthetic)
    measured = [_measures(first, first)]
    model = first
    for _ in range(generations):
        drawn = rng.multinomial(synthetic, model) / synthetic
        model = (1 - alpha) * first + alpha * drawn if real else drawn
        measured.append(_measures(model, first))
    return np.stack(measured, axis=-1)


def _mixed(first: Floats, synthetic: int, generations: int, window: Window, rng: np.random.Generator) -> Floats:
    """p_{m+1} = empirical of n draws of the even mixture of the window's models; measures as of `_chain`."""
    measured = [_measures(first, first)]
    # Draws of the window's models, counted in whole numbers so that a symbol that died out is exactly 0 again.
    total = np.zeros(first.shape, dtype=np.int64)
    drawn: deque[npt.NDArray[np.int64]] = deque()
    for there in range(1, generations + 1):
        mixed = window(there)
        while len(drawn) > mixed:
            total -= drawn.popleft()
        mixture = total / synthetic + (first if mixed == there else 0.0)
        counts = rng.multinomial(synthetic, mixture / mixed)
        total += counts
        if _remembered(window, generations):
            drawn.append(counts)
        measured.append(_measures(counts / synthetic, first))
    return np.stack(measured, axis=-1)


def _measures(model: Floats, first: Floats) -> Floats:
    """Sum of squares, squared and L1 distance, symbols that are left: (4, repetitions)."""
    difference = model - first
    squares = np.einsum("rs,rs->r", model, model)
    distances = (np.einsum("rs,rs->r", difference, difference), np.abs(difference).sum(axis=1))
    return np.stack([squares, *distances, np.count_nonzero(model, axis=1)])
