"""Rollouts from every step of eight-step solutions: sequences that are read once beside prompts that every rollout reads whole.

    python benchmarks/rollouts.py --out benchmarks/results/rollouts.json

A tiny Llama learns the form of such solutions in a few hundred steps, so that its rollouts end where solutions do. Each solution
of a batch is then gone through: four rollouts from each of its seven inner steps on. Three ways take turns on the same solutions:
ours; each rollout reading its whole prompt, the steps that stand among it; and as many whole solutions from the problem alone.
Greedy, ours and the second give the same tokens.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from summ_collapse.metrics.steps import boundaries
from summ_collapse.models.encoded import EncodedRows
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.engines import Beginnings
from summ_collapse.models.engines.transformers import Transformers
from summ_collapse.models.tiny import make_model, train_tokenizer
from summ_collapse.models.training import Fit, fit
from summ_collapse.recipe.blocks import Tiny, Training
from summ_collapse.recipe.decoding import Decoding
from summ_collapse.store import write_json
from summ_collapse.tasks.prompt import Prompt
from summ_collapse.tasks.reasoning import Reasoning

STEPS, ROLLOUTS, LIMIT, BATCH = 8, 4, 60, 64
TASK = Reasoning.model_validate({"kind": "reasoning", "rows": 2000, "test": 2, "steps": STEPS, "largest": 9, "limit": 30})
TINY = Tiny(layers=2, width=128, heads=4, positions=160, vocabulary=300)


def engine(steps: int) -> tuple[Transformers, Encoder]:
    """A model that writes solutions in their form, if not right ones."""
    tokenizer = train_tokenizer(TASK.vocabulary(), "word", TINY.vocabulary, TINY.positions)
    encoder = Encoder(tokenizer, Prompt.parse(TASK.prompt), TASK.max_document_tokens)
    made = TASK.splits()["all"]
    rows = EncodedRows.of(encoder.encode(made["document"].to_pylist(), made["summary"].to_pylist()))
    training = Training(steps=steps, learning_rate=2e-3, warmup_steps=20, adam_beta2=0.98, batch_size=32)
    model = make_model(TINY, tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "out").mkdir()
        fit(model, tokenizer, rows, Fit(training, 0, torch.float32, Path(folder), steps, lambda *_: None), Path(folder) / "out")
    return Transformers(model, encoder), encoder


def sequences(encoder: Encoder, count: int) -> list[Beginnings]:
    """Given solutions, each with its inner steps as places to go on from."""
    made = TASK.splits()["all"].slice(0, count)
    found = []
    for document, solution in zip(made["document"].to_pylist(), made["summary"].to_pylist(), strict=True):
        (whole,) = encoder.encode([document], [solution])
        prefixes = encoder.beginnings([solution[:place].rstrip() for place in boundaries(solution, "solution")[:-1]])
        found.append(Beginnings(whole.ids[:-1], whole.prompt_length, [whole.prompt_length + len(one) for one in prefixes]))
    assert {len(one.cuts) for one in found} == {STEPS - 1}
    return found


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(threads: int, count: int, rounds: int, training_steps: int) -> dict[str, Any]:
    torch.set_num_threads(threads)
    writer, encoder = engine(training_steps)
    ours = sequences(encoder, count)
    sampling = Decoding("sampling", LIMIT, samples=ROLLOUTS, batch_size=BATCH)
    alone = Decoding("sampling", LIMIT, samples=1, batch_size=BATCH * ROLLOUTS)  # as many sequences in a pass
    prefixes = [prefix for one in ours for prefix in one.prefixes]
    greedy = Decoding("greedy", LIMIT, batch_size=BATCH)
    once = [found[0].ids for several in writer.continue_from(ours, greedy, 0) for found in several]
    each = [found[0].ids[: len(tokens)] for found, tokens in zip(writer.complete(prefixes, greedy, 0), once, strict=True)]
    assert once == each, "both ways go on alike"
    ways: dict[str, Callable[[], Any]] = {
        "once": lambda: writer.continue_from(ours, sampling, 0),
        "whole prompts": lambda: writer.complete([prefix for prefix in prefixes for _ in range(ROLLOUTS)], alone, 0),
        "whole solutions": lambda: writer.complete(
            [one.ids[: one.prompt_length] for one in ours for _ in range((STEPS - 1) * ROLLOUTS)], alone, 0
        ),
    }
    for work in ways.values():
        work()
    times = [{name: seconds(work) for name, work in ways.items()} for _ in range(rounds)]
    ended = [one.ended for several in writer.continue_from(ours, sampling, 0) for found in several for one in found]
    ratios = {name: [one["once"] / one[name] for one in times] for name in ("whole prompts", "whole solutions")}
    return {
        "load_average_at_end": os.getloadavg()[0],  # beyond the machine's cores, threads wait for each other
        "rollouts_that_end": sum(ended) / len(ended),
        "rollouts_per_second": len(ended) / statistics.median(one["once"] for one in times),
        **{
            f"of_{name.replace(' ', '_')}": {"median": statistics.median(found), "least": min(found), "most": max(found)}
            for name, found in ratios.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--solutions", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--training-steps", type=int, default=300)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}, CPU",
        "steps": STEPS,
        "rollouts": ROLLOUTS,
        "solutions": given.solutions,
        **{f"threads_{threads}": measure(threads, given.solutions, given.rounds, given.training_steps) for threads in (1, 2)},
    }
    print(found)
    if given.out:
        write_json(given.out, found)


if __name__ == "__main__":
    main()
