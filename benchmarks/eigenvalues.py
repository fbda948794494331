"""How many matrices a second the task `eigenvalues` makes: drawn, solved and written, on so many processes.

python benchmarks/eigenvalues.py [--rows 100000] [--processes 2] [--out benchmarks/results/eigenvalues.json]
"""

import argparse
import json
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from summ_collapse.tasks.eigenvalues import Eigenvalues


def seconds(rows: int, seed: int, encoding: str) -> float:
    task = Eigenvalues.model_validate({"kind": "eigenvalues", "rows": rows, "test": 2, "seed": seed, "encoding": encoding})
    began = time.perf_counter()
    task.examples(rows)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000, help="a process")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = {}
    for encoding in ("P10", "P1000", "FP15"):
        with ProcessPoolExecutor(options.processes) as pool:
            list(pool.map(seconds, [1000] * options.processes, range(options.processes), [encoding] * options.processes))
            slowest = max(
                pool.map(seconds, [options.rows] * options.processes, range(options.processes), [encoding] * options.processes)
            )
        found[encoding] = options.processes * options.rows / slowest
        print(f"5 x 5 in {encoding}, 3 digits: {found[encoding]:,.0f} matrices a second on {options.processes} processes")
    if options.out:
        machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        measured = {"matrices_per_second": found, "processes": options.processes, **machine}
        options.out.write_text(json.dumps(measured, indent=1) + "\n")


if __name__ == "__main__":
    main()
