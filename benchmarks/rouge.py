"""ROUGE pairs a second on one core: ours beside rouge-score as it comes, on the same pairs, in turn.

    python benchmarks/rouge.py --out benchmarks/results/rouge.json

Pairs are of XSum's length (about 23 words a side), cut from the built-in corpus. Every score of ours is compared with
rouge-score's to the last bit.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rouge_score import rouge_scorer

from summ_collapse.metrics.rouge import score_pairs
from summ_collapse.store import write_json
from summ_collapse.tasks.newswire_articles import examples

WORDS = 23
METRICS = {"rouge1": ["rouge1"], "rouge1+2+L": ["rouge1", "rouge2", "rougeL"]}


def make_pairs(count: int) -> tuple[list[str], list[str]]:
    """Predictions and references that share some of their words."""
    words = [" ".join(row.split()[:WORDS]) for row in examples(2 * count, 0)["document"].to_pylist()]
    mixed = [
        f"{ours[: len(ours) // 2]}{theirs[len(theirs) // 2 :]}" for ours, theirs in zip(words[::2], words[1::2], strict=True)
    ]
    return mixed, words[::2]


def plain(predictions: Sequence[str], references: Sequence[str], names: Sequence[str]) -> dict[str, np.ndarray]:
    """rouge-score with its own stemming tokenizer."""
    scorer = rouge_scorer.RougeScorer(list(names), use_stemmer=True)
    scores = [scorer.score(reference, prediction) for prediction, reference in zip(predictions, references, strict=True)]
    return {name: np.array([score[name].fmeasure for score in scores]) for name in names}


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    predictions, references = make_pairs(options.pairs)
    results: dict[str, Any] = {"machine": f"{platform.machine()}, Python {platform.python_version()}", "pairs": options.pairs}
    for label, names in METRICS.items():
        ours = score_pairs(predictions, references, names)
        theirs = plain(predictions, references, names)
        assert all(np.array_equal(ours[name], theirs[name]) for name in names)
        rounds = [
            (
                seconds(partial(score_pairs, predictions, references, names)),
                seconds(partial(plain, predictions, references, names)),
            )
            for _ in range(options.rounds)
        ]
        results[label] = {
            "pairs_per_second": options.pairs / statistics.median(ours for ours, _ in rounds),
            "rouge_score_pairs_per_second": options.pairs / statistics.median(theirs for _, theirs in rounds),
            "speedup": statistics.median(theirs / ours for ours, theirs in rounds),
        }
    write_json(options.out, results)
    print(options.out.read_text(), end="")


if __name__ == "__main__":
    main()
