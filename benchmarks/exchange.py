"""What verifiers are worth and what they cost, on the built-in corpus: the first page of an exchange.

    python benchmarks/exchange.py --run runs/exchange --out benchmarks/results/exchange.json

Runs `recipes/exchange.yaml` with four more verifiers. `classifier` is made here as a reward model is: from the recipe's base and
20,000 articles that are not of its corpus, with their own summaries and with spoilt ones (another fact, another kind of event).
`weighted`, `votes` and `labelled` take those together that need no reference. Everything is kept in --run, and a second call
goes on where the first one ended.

Under each seed phi, psi and AUC are measured by the recipe's judge; the table has their means and ranges, the differences from
the real slice as the report has them (with intervals for all arms together), and the seconds that the scoring of a thousand
candidates took, of verifiers with a model in one process of as many threads as the recipe says.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from summ_collapse.metrics.ranking import auc
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.padding import padded
from summ_collapse.recipe.load import load
from summ_collapse.report.results import Entry, Results, read_results
from summ_collapse.store import read_table, write_json
from summ_collapse.tasks import newswire_words as words
from summ_collapse.tasks.newswire_articles import Facts, Mixture, article, entities
from summ_collapse.tasks.prompt import Prompt

RECIPE = Path(__file__).parents[1] / "recipes" / "exchange.yaml"
ARTICLES, ARTICLES_SEED = 20_000, 1_000_003
STEPS, BATCH, LEARNING_RATE = 6000, 32, 1e-3
# What needs no reference: of these the combinations are made.
TOGETHER = ("trained", "self", "self-asked", "base-asked", "agreement", "classifier")
RATES = (0.125, 0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run, and of the classifier")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of the recipe, such as seeds=[0]")
    options = parser.parse_args()
    learned = options.run / "classifier"
    run(options.run / "run", options.jobs, options.overrides, "--until", "pretrain/base")
    if not (learned / "config.json").exists():
        train_classifier(next((options.run / "run").glob("stages/pretrain/base/*/manifest.json")).parent, learned)
    run(options.run / "run", options.jobs, [*options.overrides, *further(learned)])
    found = table(options.run / "run")
    print(json.dumps(found, indent=1))
    print(markdown(found["verifiers"]))
    if options.out:
        write_json(options.out, found)


def further(learned: Path) -> list[str]:
    """The verifiers that the recipe lacks, as overrides of it."""
    names = ", ".join(TOGETHER)
    return [
        f"verifiers.classifier={{kind: classifier, model: {learned.resolve()}, reads: completion, label: right}}",
        f"verifiers.weighted={{kind: combined, of: [{names}]}}",
        f"verifiers.votes={{kind: combined, of: [{names}], how: dawid-skene}}",
        f"verifiers.labelled={{kind: combined, of: [{names}], how: logistic, labels: {{rows: 100, metric: exact, at_least: 1}}}}",
    ]


def run(out: Path, jobs: int, overrides: Sequence[str], *more: str) -> None:
    """The recipe, as anybody would run it."""
    command = [
        sys.executable,
        "-m",
        "summ_collapse",
        "run",
        str(RECIPE),
        *overrides,
        "--out",
        str(out),
        "--jobs",
        str(jobs),
        *more,
    ]
    subprocess.run(command, check=True, stdout=sys.stderr)


def train_classifier(base: Path, out: Path) -> None:
    """Right summaries from spoilt ones, learnt from the base's own weights; one thread, one seed."""
    task = load(RECIPE).task
    asked = [labelled(random.Random(f"{ARTICLES_SEED} {row}"), task.mixture) for row in range(ARTICLES)]
    documents, summaries, right = (list(column) for column in zip(*asked, strict=True))
    tokenizer = AutoTokenizer.from_pretrained(base)
    encoder = Encoder(tokenizer, Prompt.parse(task.prompt), task.max_document_tokens)
    rows = [one.ids for one in encoder.encode(documents, summaries)]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    names = {"id2label": {0: "spoilt", 1: "right"}, "label2id": {"spoilt": 0, "right": 1}}
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2, **names).train()
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, STEPS)
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        batch = rng.choice(len(rows), BATCH, replace=False)
        ids, mask = padded([rows[row] for row in batch], encoder.pad, "right")
        model(input_ids=ids, attention_mask=mask, labels=torch.tensor([int(right[row]) for row in batch])).loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    tokenizer.save_pretrained(out)
    model.save_pretrained(out)


def labelled(rng: random.Random, mixture: Mixture) -> tuple[str, str, bool]:
    """An article, a summary, and whether it is right; half of the wrong ones have another fact, half tell another event."""
    kind, facts, _, document = article(rng, mixture)
    draw = rng.random()
    if draw < 0.5:
        return document, kind.summary.format(**facts), True
    if draw < 0.75:
        return document, kind.summary.format(**altered(facts, kind.summary, rng)), False
    other = rng.choice([one for one in mixture.kinds if one.name != kind.name])
    return document, other.summary.format(**facts), False


def altered(facts: Facts, summary: str, rng: random.Random) -> Facts:
    """The facts with one that the summary tells replaced by another of its type."""
    choices = {**entities(), "country": tuple(words.COUNTRIES), "trade": tuple(words.TRADES.values())}
    slot = rng.choice([name for name in choices if f"{{{name}}}" in summary])
    return {**facts, slot: rng.choice([other for other in choices[slot] if other != facts[slot]])}


@dataclass(frozen=True)
class Scored:
    """A verifier's scoring of one seed's pool."""

    auc: float
    seconds: float  # a thousand candidates


def table(out: Path) -> dict[str, Any]:
    """What the run says of every verifier."""
    results = read_results(out)
    wrong_below = json.loads((out / "recipe.json").read_text(encoding="utf-8"))["resolved"]["wrong"]["below"]
    verifiers = list(dict.fromkeys(entry.verifier for entry in results.arms if entry.verifier is not None))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"
    rows = {name: _verifier(out, results, name, wrong_below) for name in verifiers}
    return {
        "machine": machine,
        "metric": results.metric,
        "seeds": seeds(results),
        "verifiers": rows,
        "controls": controls(results),
    }


def seeds(results: Results) -> list[int]:
    return sorted({entry.seed for entry in results.single if entry.seed is not None})


def controls(results: Results) -> dict[str, float]:
    return {entry.arm: entry.metrics[results.metric].mean for entry in results.main if entry.verifier is None}


def _verifier(out: Path, results: Results, name: str, wrong_below: float) -> dict[str, Any]:
    scored = [_scored(out, name, seed, wrong_below) for seed in seeds(results)]
    found: dict[str, Any] = {
        "auc": _range([one.auc for one in scored]),
        "seconds_a_thousand": mean(one.seconds for one in scored),
        "rates": {},
    }
    for entry in results.main:
        if entry.verifier == name:
            of = f"{entry.variant or ''} {entry.rate:g}".strip()
            found["rates"][of] = _rate(results, entry)
    return found


def _rate(results: Results, entry: Entry) -> dict[str, Any]:
    each = [one for one in results.single if one.arm == entry.arm]
    delta, random_ = entry.observed_delta(results.metric), entry.vs_random(results.metric)
    return {
        "phi": _range([one.phi for one in each]),
        "psi": _range([one.psi for one in each]),
        "kept_error": _range([one.kept_error for one in each]),
        "coverage": _range([one.coverage for one in each]),
        "delta": delta and [delta.delta, delta.low_all, delta.high_all],
        "vs_random": random_ and [random_.delta, random_.low_all, random_.high_all],
        "observed": entry.observed,
    }


def _scored(out: Path, name: str, seed: int, wrong_below: float) -> Scored:
    scores, manifest = _scores(out, name, seed)
    judged, _ = _scores(out, "judge", seed)
    ids = np.unique(judged["id"].to_pylist(), return_inverse=True)[1]
    found = auc(scores["score"].to_numpy(), judged["score"].to_numpy() >= wrong_below, ids)
    if found is None:
        raise SystemExit(f"{name}: all candidates of seed {seed} are right, or all wrong")
    return Scored(100 * found.mean, 1000 * manifest["seconds"] / manifest["rows_out"])


def _scores(out: Path, name: str, seed: int) -> tuple[Any, dict[str, Any]]:
    places = [*out.glob(f"stages/verify/{name}@{seed}/*/manifest.json"), *out.glob(f"stages/verify/{name}/*/manifest.json")]
    return read_table(places[0].parent / "scores.parquet", ["id", "score"]), json.loads(places[0].read_text(encoding="utf-8"))


def _range(values: Sequence[float | None]) -> list[float] | None:
    """Mean, least and most."""
    there = [value for value in values if value is not None]
    return [mean(there), min(there), max(there)] if there else None


def markdown(verifiers: dict[str, Any]) -> str:
    """The table as a page has it."""
    lines = [
        "| verifier | AUC | φ, ψ at 12.5% | Δ at 12.5% | φ, ψ at 50% | Δ at 50% | s a 1,000 |",
        "|---|---:|---|---|---|---|---:|",
    ]
    for name, row in verifiers.items():
        cells = [f"{row['auc'][0]:.1f}"]
        for rate in RATES:
            at = row["rates"][f"{rate:g}"]
            cells += [f"{at['phi'][0]:.2f}, {at['psi'][0]:.2f}", _interval(at["delta"])]
        lines.append(f"| `{name}` | " + " | ".join(cells) + f" | {row['seconds_a_thousand']:.2f} |")
    return "\n".join(lines)


def _interval(delta: list[float]) -> str:
    return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*delta)


if __name__ == "__main__":
    main()
