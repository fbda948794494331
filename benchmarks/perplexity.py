"""Perplexity of several candidates a document: prompts shared beside each candidate scored alone, on the same rows, in turn.

    python benchmarks/perplexity.py --out benchmarks/results/perplexity.json

A Llama of 4 layers and width 256 with random weights reads documents of 500 tokens, each with 8 candidates of about 25
tokens. Alone, candidates are reordered, so that no two of a document stand next to each other; both ways have the same rows
in a pass. Every score is compared: they agree to 1e-5 nats a token.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from summ_collapse.models.encoder import Encoder
from summ_collapse.models.likelihood import completion_likelihoods
from summ_collapse.models.tiny import make_model, train_tokenizer
from summ_collapse.recipe.blocks import Pretrain, Tiny
from summ_collapse.store import write_json
from summ_collapse.tasks.newswire_articles import examples
from summ_collapse.tasks.prompt import Prompt

DOCUMENT_TOKENS = 500
CANDIDATES = 8
SUMMARIES = 3  # of the built-in corpus, in a candidate
REPORTS = CANDIDATES * SUMMARIES  # in a document, more than fill it
TINY = Tiny(layers=4, width=256, heads=8, positions=640, tokenizer="bpe", vocabulary=4000, pretrain=Pretrain(steps=1))


def make_rows(count: int) -> tuple[list[str], list[str]]:
    """Documents, each for all of its candidates, and the candidates."""
    rows = examples(count * REPORTS, 0)
    reports, summaries = rows["document"].to_pylist(), rows["summary"].to_pylist()
    documents = [" ".join(reports[start : start + REPORTS]) for start in range(0, len(reports), REPORTS)]
    candidates = [" ".join(summaries[start : start + SUMMARIES]) for start in range(0, len(summaries), SUMMARIES)]
    return [document for document in documents for _ in range(CANDIDATES)], candidates


def apart(documents: Sequence[str], candidates: Sequence[str]) -> list[int]:
    """An order of rows in which no two of a document are neighbours."""
    order = [row for start in range(CANDIDATES) for row in range(start, len(candidates), CANDIDATES)]
    assert all(documents[one] != documents[two] for one, two in pairwise(order))
    return order


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(threads: int, count: int, batch_size: int, rounds: int) -> dict[str, Any]:
    torch.set_num_threads(threads)
    documents, candidates = make_rows(count)
    tokenizer = train_tokenizer(documents + candidates, TINY.tokenizer, TINY.vocabulary, TINY.positions)
    encoder = Encoder(tokenizer, Prompt.parse("{document}\n\nTL;DR:"), DOCUMENT_TOKENS)
    assert all(row.truncated for row in encoder.encode(documents)), f"documents fill their {DOCUMENT_TOKENS} tokens"
    model = make_model(TINY, tokenizer)
    order = apart(documents, candidates)
    reordered = [documents[row] for row in order], [candidates[row] for row in order]
    together = partial(completion_likelihoods, model, encoder, documents, candidates, batch_size)
    alone = partial(completion_likelihoods, model, encoder, *reordered, batch_size)
    (ours, tokens), (theirs, _) = together(), alone()
    difference = float(np.abs((ours[order] - theirs) / tokens[order]).max())
    assert difference < 1e-5, difference
    times = [(seconds(together), seconds(alone)) for _ in range(rounds)]
    return {
        "load_average_at_end": os.getloadavg()[0],  # beyond the machine's cores, threads wait for each other
        "completion_tokens": float(tokens.mean()),
        "largest_difference": difference,
        "shared_candidates_per_second": len(candidates) / statistics.median(shared for shared, _ in times),
        "alone_candidates_per_second": len(candidates) / statistics.median(alone for _, alone in times),
        "time_ratio": statistics.median(shared / alone for shared, alone in times),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    results: dict[str, Any] = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}, CPU",
        "document_tokens": DOCUMENT_TOKENS,
        "candidates": CANDIDATES,
        "documents": options.documents,
        "batch_size": options.batch_size,
    }
    for threads in options.threads:
        results[f"threads_{threads}"] = measure(threads, options.documents, options.batch_size, options.rounds)
    write_json(options.out, results)
    print(options.out.read_text(), end="")


if __name__ == "__main__":
    main()
