"""How long a million candidates with four scores take: `select`, `export`, `diagnose --label-next`; each a process of its own.

What is exported is a run's, on the same files: its stages up to the selections are timed too, and belong to the run.

python benchmarks/million.py --out benchmarks/results/million.json
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from summ_collapse.store import write_json

SAMPLES, SCORES, RATE = 4, 4, 0.125


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


def recipe(folder: Path, rows: int) -> Path:
    """A run on those candidates: documents of 90 words, a fifth of them with a reference, one arm a verifier."""
    documents = rows // SAMPLES
    body = " ".join(f"word{number % 41}" for number in range(80))
    texts = [f"on day {row} the event {row % 977} was seen in town {row % 31} {body}" for row in range(documents)]
    summaries = [f"summary {row} of the event {row % 977}" if row % 5 == 0 else None for row in range(documents)]
    ids = [f"document-{row:07d}" for row in range(documents)]
    pq.write_table(pa.table({"id": ids, "document": texts, "summary": summaries}), folder / "documents.parquet")
    training = {"steps": 1, "learning_rate": 1e-3, "batch_size": 8}
    content = {
        "name": "million",
        "task": {
            "kind": "summarization",
            "data": "./documents.parquet",
            "unlabelled": True,
            "test_share": 0.01,
            "max_document_tokens": 128,
        },
        "base": {"tiny": {}},
        "generator": {"slice": 0.1},
        "synthesis": {"candidates": "./candidates.parquet", "samples": SAMPLES},
        "verifiers": {f"verifier-{number}": {"kind": "scores", "file": f"./{number}.parquet"} for number in range(SCORES)},
        "selection": {"rates": [RATE]},
        "controls": ["real-slice"],
        "wrong": {"metric": "rouge1", "below": 0.5},
        "retrain": training,
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def timed(*words: str) -> dict[str, float]:
    """Seconds of one command, and its most memory, MB."""
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "summ_collapse", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{words[0]} ended with status {os.waitstatus_to_exitcode(status)}")
    return {"seconds": round(time.perf_counter() - began, 1), "peak_mb": round(used.ru_maxrss / 1024)}


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
            "select": timed("select", *words, "--rate", str(RATE), "--out", str(folder / "kept.parquet")),
            "label-next": timed("diagnose", *words, "--label-next", "200", "--out", str(folder / "labels.jsonl")),
        }
        run, arm = str(folder / "run"), f"verifier-0-{RATE:g}"
        found["run until select"] = timed("run", str(recipe(folder, given.rows)), "--out", run, "--until", "select/*")
        found["export"] = timed("export", run, arm, "--format", "prompt-completion", "--out", str(folder / "train.jsonl"))
        found["export with rejected"] = timed(
            *("export", run, arm, "--format", "messages", "--out", str(folder / "chat.jsonl")),
            *("--rejected", str(folder / "rejected.parquet")),
        )
    print(found)
    if given.out:
        write_json(given.out, found, sort_keys=False)


if __name__ == "__main__":
    main()
