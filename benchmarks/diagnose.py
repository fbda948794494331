"""`summ-collapse diagnose` on a million candidates and four verifiers: wall time, CPU time and peak memory of the process.

    python benchmarks/diagnose.py --out benchmarks/results/diagnose.json

Candidates are of XSum's length (about 23 words), cut from the built-in corpus. The oracle's score is given, with the ties
that ROUGE has, and is one of the four; all files are JSONL with ids. The files' writing is not measured.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from summ_collapse.store import write_json
from summ_collapse.tasks.newswire_articles import examples

WORDS = 23
SOURCE_DOCUMENTS = 20_000
VERIFIERS = ("oracle", "strong", "self", "random")


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def write_files(folder: Path, rows: int) -> None:
    """candidates.jsonl, and a file of scores for each verifier: right candidates tend to score more."""
    rng = np.random.default_rng(0)
    words = [text.split() for text in examples(min(rows, SOURCE_DOCUMENTS), 0)["document"].to_pylist()]
    starts, sources = rng.integers(0, 20, rows).tolist(), rng.integers(0, len(words), rows).tolist()
    ids = [f"document-{row:08d}" for row in range(rows)]
    texts = (
        " ".join([*words[source][start : start + WORDS - 1], str(row)])
        for row, (source, start) in enumerate(zip(sources, starts, strict=True))
    )
    write_rows(folder / "candidates.jsonl", ({"id": key, "candidate": text} for key, text in zip(ids, texts, strict=True)))
    quality = rng.binomial(WORDS, rng.beta(1.5, 3.0, rows)) / WORDS
    for name, noise in zip(VERIFIERS, (0.0, 0.2, 0.6, 100.0), strict=True):
        scores = (quality + rng.normal(0, noise, rows) if noise else quality).tolist()
        write_rows(folder / f"{name}.jsonl", ({"id": key, "score": score} for key, score in zip(ids, scores, strict=True)))


def measure(folder: Path) -> dict[str, Any]:
    """Run the command as a user does; its wall time, the peak of its resident memory, and what it answers."""
    scores = [word for name in VERIFIERS for word in ("--scores", f"{name}={folder / name}.jsonl")]
    command = [sys.executable, "-m", "summ_collapse", "diagnose", "--candidates", str(folder / "candidates.jsonl"), *scores]
    started = time.perf_counter()
    done = subprocess.run(
        [*command, "--oracle", "oracle", "--wrong-below", "0.25", "--json"], capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    found = json.loads(done.stdout)
    return {
        "seconds": seconds,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_gib": peak / 2**30,
        "recommended": found["recommended"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), options.rows)
        found = measure(Path(folder))
    load = f"load {os.getloadavg()[0]:.1f}"
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {load}, Python {platform.python_version()}"
    write_json(options.out, {"machine": machine, "rows": options.rows, "verifiers": len(VERIFIERS), **found})
    print(options.out.read_text(), end="")


if __name__ == "__main__":
    main()
