"""How long a million candidates with four scores take: `select`, and `diagnose --label-next`; each a process of its own.

python benchmarks/million.py --out benchmarks/results/million.json
"""

import argparse
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from summ_collapse.store import write_json

SAMPLES, SCORES = 4, 4


def files(folder: Path, rows: int) -> list[str]:
    """Candidates and scores, as the command line names them."""
    rng = np.random.default_rng(0)
    keys = {
        "id": pa.array([f"document-{row // SAMPLES:07d}" for row in range(rows)]),
        "sample": pa.array(np.arange(rows) % SAMPLES),
    }
    texts = pa.array([f"summary {row} of the event {row % 977} in town {row % 31}" for row in range(rows)])
    pq.write_table(pa.table({**keys, "candidate": texts}), folder / "candidates.parquet")
    words = ["--candidates", str(folder / "candidates.parquet")]
    for number in range(SCORES):
        pq.write_table(pa.table({**keys, "score": rng.normal(size=rows)}), folder / f"{number}.parquet")
        words += ["--scores", f"verifier-{number}={folder / f'{number}.parquet'}"]
    return words


def timed(*words: str) -> dict[str, float]:
    """Seconds of one command, and the most memory that any child of ours has had so far, MB."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "summ_collapse", *words], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    return {"seconds": round(seconds, 1), "peak_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = files(folder, given.rows)
        found: dict[str, Any] = {
            "machine": f"{platform.machine()}, Python {platform.python_version()}, CPU",
            "rows": given.rows,
            "scores": SCORES,
            "select": timed("select", *words, "--rate", "0.125", "--out", str(folder / "kept.parquet")),
            "label-next": timed("diagnose", *words, "--label-next", "200", "--out", str(folder / "labels.jsonl")),
        }
    print(found)
    if given.out:
        write_json(given.out, found, sort_keys=False)


if __name__ == "__main__":
    main()
