"""Does `diagnose` recommend what is truly better, and only that? Planted pools, from useless verifiers to good ones.

    python benchmarks/advice.py --out benchmarks/results/advice.json

A pool has 2,000 candidates, all labelled, of which a share p is wrong in expectation; a verifier's scores are normal, and
those of right candidates are higher by what the AUC asks for. So the share of wrong ones among the best `rate` of them is
known exactly: that, and not the pool that happened to be drawn, says what is truly better than keeping everything. The
decision is the one that `diagnose` takes (`predict.comparison`), without files and clusters. Tables of one verifier and of
four are tried (one of the AUC in question, the others useless), at rates 0.125, 0.25 and 0.5.

Whether the number of real rows is known makes no difference to the advice: it compares with keeping all and with random rows.
Both halves of the grid are drawn and decided all the same, each from seeds of its own.
"""

import argparse
import itertools
import json
import os
import platform
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import optimize, special

from summ_collapse.metrics.bootstrap import share_interval
from summ_collapse.predict.comparison import Kept, best
from summ_collapse.selection.order import selection_rows
from summ_collapse.store import write_json

ROWS = 2000
RATES = (0.125, 0.25, 0.5)
AUCS = (0.35, 0.45, 0.5, 0.55, 0.65, 0.75, 0.85, 0.95)
SHARES = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
GAIN = 0.03  # of p', from which a truly better selection should be found


@dataclass(frozen=True)
class Cell:
    """One kind of pool."""

    auc: float
    p: float
    verifiers: int = 1
    real_rows: bool = False


@dataclass(frozen=True)
class Found:
    """What was recommended in the pools of a cell."""

    auc: float
    p: float
    verifiers: int
    real_rows: bool
    pools: int
    gain: float  # p less p' of the best selection, in truth
    recommended: int
    false: int  # recommended though truly no better than keeping all
    better: int  # recommended and truly better


def shift(auc: float) -> float:
    """By how many standard deviations right rows score higher than wrong ones where this is the AUC."""
    return float(np.sqrt(2) * special.ndtri(auc))


def true_kept_error(auc: float, p: float, rate: float) -> float:
    """p' of the best `rate` of endless rows."""
    higher = shift(auc)

    def kept(threshold: float) -> tuple[float, float]:
        return (1 - p) * float(special.ndtr(higher - threshold)), p * float(special.ndtr(-threshold))

    threshold = optimize.brentq(lambda at: sum(kept(at)) - rate, -20, 20)
    right, wrong = kept(threshold)
    return wrong / (right + wrong)


def pool(cell: Cell, seed: Sequence[int]) -> tuple[Kept, list[float]]:
    """A planted pool, and by how much each of its selections is truly better than keeping all."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(ROWS) < cell.p
    kept, gains = [], []
    for verifier in range(cell.verifiers):
        auc = cell.auc if verifier == 0 else 0.5
        ranks = np.argsort(np.argsort(-(rng.standard_normal(ROWS) + shift(auc) * ~wrong)))
        for rate in RATES:
            kept.append(ranks < selection_rows(ROWS, rate))
            gains.append(cell.p - true_kept_error(auc, cell.p, rate))
    return Kept(np.arange(ROWS), wrong, np.stack(kept)), gains


def tried(cell: Cell, pools: int) -> Found:
    """What is recommended in as many pools of a kind."""
    chosen: list[float] = []
    gains: list[float] = []
    for number in range(pools):
        planted, gains = pool(cell, [number, round(100 * cell.auc), round(100 * cell.p), cell.verifiers, cell.real_rows])
        found = best(planted)
        chosen += [] if found is None else [gains[found]]
    false = sum(gain < 1e-9 for gain in chosen)
    return Found(**asdict(cell), pools=pools, gain=max(gains), recommended=len(chosen), false=false, better=len(chosen) - false)


def summary(found: Sequence[Found]) -> dict[str, object]:
    """The worst cells, and over all of them."""
    useless = [cell for cell in found if cell.gain < 1e-9]
    worth = [cell for cell in found if cell.gain >= GAIN]
    totals = sum(cell.false for cell in useless), sum(cell.pools for cell in useless)
    missed = [cell for cell in worth if cell.better < 0.8 * cell.pools]
    bounds = share_interval(*totals)
    return {
        "false_share_at_most": max(cell.false / cell.pools for cell in found),
        "false_share_of_useless_pools": [bounds.mean, bounds.low, bounds.high],
        "found_share_at_least": min(cell.better / cell.pools for cell in worth),
        "cells_worth_finding": len(worth),
        "cells_found_in_less_than_80_percent": [asdict(cell) for cell in missed],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pools", type=int, default=200, help="pools a cell")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    cells = [Cell(*one) for one in itertools.product(AUCS, SHARES, (1, 4), (False, True))]
    with ProcessPoolExecutor(options.jobs) as workers:
        found = list(workers.map(tried, cells, itertools.repeat(options.pools)))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    results = {"machine": machine, "rows": ROWS, "rates": RATES, **summary(found)}
    print(json.dumps(results, indent=1))
    if options.out:
        write_json(options.out, {**results, "cells": [asdict(cell) for cell in found]})


if __name__ == "__main__":
    main()
