"""How well several verifiers tell right from wrong together, on simulated ones whose worth and dependence are known: AUC.

    python benchmarks/combining.py --out benchmarks/results/combining.json

Scores of right and of wrong rows are normal, so many standard deviations apart; 70% of 3,000 rows are right. A copy is another
verifier's scores and some noise. `logistic` learns from 200 labels, and is looked at on the other rows; so are all others.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from summ_collapse.metrics import combining
from summ_collapse.store import write_json
from summ_collapse.verifiers.ensemble import mean_rank

ROWS, SHARE, LABELS = 3000, 0.7, 200
SETTINGS: dict[str, tuple[tuple[float, ...], tuple[tuple[int, float], ...]]] = {
    "four alike": ((1.0, 1.0, 1.0, 1.0), ()),
    "one good, three poor": ((2.0, 1.0, 0.5, 0.2), ()),
    "three, and two that know nothing": ((1.2, 1.2, 1.2, 0.0, 0.0), ()),
    "three, and a poor one four times": ((1.5, 1.2, 1.2, 0.3), ((3, 0.3), (3, 0.3), (3, 0.3))),
    "four, the best one twice": ((1.5, 1.0, 1.0, 1.0), ((0, 0.2),)),
    "two": ((1.5, 0.5), ()),
}


def scores_of(seed: int, apart: tuple[float, ...], copies: tuple[tuple[int, float], ...]) -> tuple[np.ndarray, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    right = rng.random(ROWS) < SHARE
    scores = [rng.standard_normal(ROWS) + each * right for each in apart]
    return right, scores + [scores[of] + noise * rng.standard_normal(ROWS) for of, noise in copies]


def one(seed: int, name: str) -> dict[str, float]:
    right, scores = scores_of(seed, *SETTINGS[name])
    z = combining.normal_scores(scores)
    labelled = np.random.default_rng([seed, 1]).choice(ROWS, LABELS, replace=False)
    others = np.setdiff1d(np.arange(ROWS), labelled)
    ways = {
        "mean rank": mean_rank(scores),
        "Dawid-Skene": combining.dawid_skene(z[:, combining.kept_apart(z)]),
        "weighted": combining.weighted(z, combining.kept_apart(z)),
        "logistic": combining.logistic(z, labelled, right[labelled], seed),
    }
    found = {way: 100 * float(roc_auc_score(right[others], values[others])) for way, values in ways.items()}
    return {"best single": max(100 * float(roc_auc_score(right[others], each[others])) for each in scores), **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found: dict[str, Any] = {}
    for name in SETTINGS:
        seeds = [one(seed, name) for seed in range(given.seeds)]
        values = {way: np.array([each[way] for each in seeds]) for way in seeds[0]}
        spread = np.sqrt(given.seeds)
        found[name] = {
            way: {"mean": round(each.mean(), 2), "standard_error": round(each.std(ddof=1) / spread, 3)}
            for way, each in values.items()
        }
        print(name, {way: each["mean"] for way, each in found[name].items()})
    if given.out:
        write_json(given.out, {"seeds": given.seeds, "rows": ROWS, "labels": LABELS, "auc": found}, sort_keys=False)


if __name__ == "__main__":
    main()
