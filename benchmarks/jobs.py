"""The demo with two stages at once, beside one after another: whole commands in pairs, from an empty folder each time.

    python benchmarks/jobs.py --out benchmarks/results/jobs.json [--pairs 2] [--settings jobs-2 threads-2 threads-1]

`threads-1` is the packaged recipe in one job, whose table `jobs-2` must reproduce; `threads-2` gives every stage two threads.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SETTINGS = {
    "jobs-2": ["--jobs", "2"],
    "threads-2": ["launch.threads=2"],
    "threads-1": [],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=2, help="rounds through all settings")
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=SETTINGS)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in options.settings}
    tables: dict[str, bytes] = {}
    for _ in range(options.pairs):
        for name in options.settings:
            taken, tables[name] = timed(SETTINGS[name])
            seconds[name].append(taken)
            print(f"{name}: {taken:.1f} s", flush=True)
    best = min((name for name in seconds if name != "jobs-2"), key=lambda name: min(seconds[name]))
    results: dict[str, Any] = {
        "seconds": seconds,
        "best_single_job": best,
        "ratios": [single / side for single, side in zip(seconds[best], seconds["jobs-2"], strict=True)],
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
    }
    if "threads-1" in tables:
        results["same_table_as_one_job"] = tables["jobs-2"] == tables["threads-1"]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    print(json.dumps(results, indent=1, sort_keys=True))


def timed(further: list[str]) -> tuple[float, bytes]:
    """Seconds of one whole demo, and its table."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "summ_collapse", "run", "demo", *further, "--out", folder]
        began = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.monotonic() - began, (Path(folder) / "report" / "table.csv").read_bytes()


if __name__ == "__main__":
    main()
