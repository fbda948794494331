"""The demo's work as a plain PyTorch script: what the package's fingerprints, manifests, chunks and reports are paid for.

    python benchmarks/bare_demo.py --seeds 0 1 2                # the script alone: means as JSON
    python benchmarks/bare_demo.py --pairs 5 --out bare.json    # it and the demo, turn by turn; with `--seeds 0` of one seed

One process, two threads, a loop over batches grouped by length, `transformers` for the model and for generation, `rouge-score`
for the scores. It makes the base, and under each seed the generator, its candidates, three verifiers' scores and all arms of
`recipes/demo.yaml`, with the same numbers of rows, steps and tokens. It writes nothing, checks nothing and cannot resume.
Frozen: sizes stand here in figures and change when the recipe's do; nothing else is made faster or slower to suit a ratio.
"""

import argparse
import copy
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROWS, TEST, SLICE, TRAINED = 8000, 1000, 250, 500
KINDS = ("profit", "hire", "layoffs", "verdict", "launch", "strike", "quits", "delay")
PROMPT, LONGEST_DOCUMENT, NEW = " TL;DR:", 32, 16
WIDTH, LAYERS, HEADS, POSITIONS, VOCABULARY = 96, 2, 4, 64, 1000
PRETRAIN, PRETRAIN_BATCH, PRETRAIN_RATE, COPY_SHARE = 1200, 16, 5e-3, 0.5
STEPS, BATCH, RATE, BETA2, WARMUP = 300, 12, 4e-3, 0.98, 20
RATES = (0.125, 0.25, 0.5)
Row = tuple[list[int], int]  # token ids, and how many of them are the prompt


def work(seeds: Sequence[int]) -> dict[str, list[float]]:
    """ROUGE-1 on the test rows (0-100) by arm, a figure a seed."""
    import numpy as np
    import torch
    from rouge_score.rouge_scorer import RougeScorer
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from summ_collapse.tasks.newswire import Newswire

    torch.set_num_threads(2)
    task = Newswire(kind="newswire", rows=ROWS, test=TEST, kinds=list(KINDS), kind_skew=0, entity_skew=0, distractors=(0, 0))
    examples = task.splits()["all"].to_pylist()
    pool, test = examples[:ROWS], examples[ROWS:]

    inner = Tokenizer(models.WordLevel(unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = ["<pad>", "<s>", "</s>", "<unk>"]
    texts = [row["document"] + PROMPT + " " + row["summary"] for row in pool]
    inner.train_from_iterator(
        texts, trainers.WordLevelTrainer(vocab_size=VOCABULARY, special_tokens=special, show_progress=False)
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    pad, bos, eos = 0, 1, 2
    tail = tokenizer.encode(PROMPT, add_special_tokens=False)

    def prompt(document: str) -> list[int]:
        return [bos, *tokenizer.encode(document, add_special_tokens=False)[:LONGEST_DOCUMENT], *tail]

    def rows_of(documents: Sequence[str], summaries: Sequence[str]) -> list[Row]:
        prompts = [prompt(document) for document in documents]
        ends = [[*tokenizer.encode(summary, add_special_tokens=False), eos] for summary in summaries]
        return [(start + end, len(start)) for start, end in zip(prompts, ends, strict=True)]

    def batches(rows: Sequence[Row], steps: int, size: int, rng: Any) -> list[Any]:
        found: list[Any] = []
        while len(found) < steps:
            order = rng.permutation(len(rows))
            for start in range(0, len(rows), 50 * size):
                near = sorted(order[start : start + 50 * size], key=lambda row: len(rows[row][0]))
                found += [near[first : first + size] for first in range(0, len(near), size)]
        rng.shuffle(found)
        return found[:steps]

    def padded(rows: Sequence[Row]) -> tuple[Any, Any, Any]:
        longest = max(len(ids) for ids, _ in rows)
        ids = torch.full((len(rows), longest), pad)
        labels, mask = torch.full((len(rows), longest), -100), torch.zeros((len(rows), longest), dtype=torch.long)
        for place, (row, start) in enumerate(rows):
            ids[place, : len(row)] = torch.tensor(row)
            labels[place, start : len(row)] = torch.tensor(row[start:])
            mask[place, : len(row)] = 1
        return ids, labels, mask

    def train(model: Any, rows: Sequence[Row], steps: int, size: int, rate: float, warmup: int, seed: int) -> Any:
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, BETA2), weight_decay=0.0)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: step / warmup if step < warmup else (steps - step) / (steps - warmup)
        )
        model.train()
        for batch in batches(rows, steps, size, np.random.default_rng(seed)):
            ids, labels, mask = padded([rows[row] for row in batch])
            model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        return model.eval()

    @torch.no_grad()
    def written(model: Any, documents: Sequence[str]) -> list[str]:
        prompts = [prompt(document) for document in documents]
        order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
        found = [""] * len(prompts)
        for start in range(0, len(order), 256):
            near = order[start : start + 256]
            longest = max(len(prompts[row]) for row in near)
            ids = torch.tensor([[pad] * (longest - len(prompts[row])) + prompts[row] for row in near])
            made = model.generate(
                input_ids=ids, attention_mask=(ids != pad).long(), max_new_tokens=NEW, do_sample=False, pad_token_id=pad
            )
            for row, text in zip(near, tokenizer.batch_decode(made[:, longest:], skip_special_tokens=True), strict=True):
                found[row] = text
        return found

    @torch.no_grad()
    def likelihood(model: Any, rows: Sequence[Row]) -> Any:
        found = np.zeros(len(rows))
        order = sorted(range(len(rows)), key=lambda row: len(rows[row][0]))
        for start in range(0, len(order), 256):
            near = order[start : start + 256]
            ids, labels, mask = padded([rows[row] for row in near])
            logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].transpose(1, 2)
            losses = torch.nn.functional.cross_entropy(logits, labels[:, 1:], reduction="none")
            found[near] = -(losses.sum(1) / (labels[:, 1:] != -100).sum(1)).numpy()
        return found

    names = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    scorer = RougeScorer(names, use_stemmer=True)

    def rouge(texts: Sequence[str], references: Sequence[str]) -> Any:
        pairs = zip(references, texts, strict=True)
        return np.array([[scorer.score(reference, text)[name].fmeasure for name in names] for reference, text in pairs])[:, 0]

    def pretraining(rng: Any) -> list[Row]:
        documents = [prompt(row["document"]) for row in pool]
        found: list[Row] = []
        for _ in range(PRETRAIN * PRETRAIN_BATCH):
            if rng.random() < COPY_SHARE:
                words = rng.integers(len(special), len(tokenizer), int(rng.integers(2, 13)))
                found.append(([bos, *np.resize(words, 40).tolist()], 1))
                continue
            start = documents[int(rng.integers(len(documents)))]
            inside, answer = start[1 : -len(tail)], []
            for _ in range(3):
                length = int(rng.integers(4, 11))
                first = int(rng.integers(max(1, len(inside) - length + 1)))
                answer += inside[first : first + length]
            found.append(([*start, *answer, eos][:POSITIONS], 1))
        return found

    torch.manual_seed(0)
    configuration = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        max_position_embeddings=POSITIONS,
        tie_word_embeddings=True,
        initializer_range=0.04,
        bos_token_id=bos,
        eos_token_id=eos,
        pad_token_id=pad,
    )
    base = LlamaForCausalLM(configuration)
    train(base, pretraining(np.random.default_rng(0)), PRETRAIN, PRETRAIN_BATCH, PRETRAIN_RATE, 50, 0)

    def retrained(rows: Sequence[Row], seed: int) -> Any:
        return train(copy.deepcopy(base), rows, STEPS, BATCH, RATE, WARMUP, seed)

    means: dict[str, list[float]] = {}

    def noted(arm: str, model: Any) -> None:
        texts = written(model, [row["document"] for row in test])
        means.setdefault(arm, []).append(100 * float(rouge(texts, [row["summary"] for row in test]).mean()))

    real = rows_of([row["document"] for row in pool], [row["summary"] for row in pool])
    trained = retrained(real[:TRAINED], 0)  # one for all seeds
    for seed in seeds:
        generator = retrained(real[:SLICE], seed)
        noted("real-slice", generator)
        documents = [row["document"] for row in pool[SLICE:]]
        candidates = written(generator, documents)
        made = rows_of(documents, candidates)
        rng = np.random.default_rng(seed)
        scores = {
            "oracle": rouge(candidates, [row["summary"] for row in pool[SLICE:]]),
            "trained": likelihood(trained, made),
            "self": likelihood(generator, made),
            "random": rng.random(len(made)),
        }
        for name, found in scores.items():
            best = np.lexsort((rng.random(len(found)), -found))
            for share in RATES:
                noted(f"{name}-{share:g}", retrained([made[row] for row in best[: round(share * len(made))]], seed))
        noted("unfiltered", retrained(made, seed))
        noted("real-full", retrained(real, seed))
    return means


def seconds_of(name: str, seeds: Sequence[int]) -> float:
    """Wall time of one of both, in fresh processes and from nothing."""
    with tempfile.TemporaryDirectory() as folder:
        ours = ["-m", "summ_collapse", "run", "demo", f"seeds={list(seeds)}", "--jobs", "2", "--out", f"{folder}/run"]
        bare = [__file__, "--seeds", *map(str, seeds)]
        begun = time.monotonic()
        subprocess.run([sys.executable, *(ours if name == "product" else bare)], check=True, capture_output=True)
        return time.monotonic() - begun


def compared(pairs: int, seeds: Sequence[int]) -> dict[str, Any]:
    """Seconds of both, turn by turn, and the ratios of pairs."""
    found: dict[str, list[float]] = {"bare": [], "product": []}
    for pair in range(pairs):
        for name in ("bare", "product") if pair % 2 == 0 else ("product", "bare"):
            found[name].append(seconds_of(name, seeds))
        print(f"pair {pair + 1}: bare {found['bare'][-1]:.1f} s, product {found['product'][-1]:.1f} s", file=sys.stderr)
    ratios = [ours / theirs for ours, theirs in zip(found["product"], found["bare"], strict=True)]
    return {"seeds": list(seeds), "seconds": found, "ratios": ratios, "median_ratio": statistics.median(ratios)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--pairs", type=int, help="time the script and the product, so many times in turn")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"}
    if options.pairs:
        found |= compared(options.pairs, options.seeds)
    else:
        found |= {"rouge1": {arm: [round(mean, 2) for mean in means] for arm, means in work(options.seeds).items()}}
    print(json.dumps(found, indent=1))
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
