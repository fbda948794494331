"""Fit the predictor of differences on development runs, and hold it against runs that it has not seen.

    python benchmarks/predictor.py --fit runs/verdicts-dev --try fresh=runs/verdicts --try headlines=runs/verdicts-headlines

Each DIR is a finished run. The first arms' table says how near the shipped coefficients are to what the development runs
give; every `--try` is scored with the shipped ones: rank correlations of predicted and observed differences with their 95%
intervals, beside three trivial predictors, for honest and for corrupted verifiers, and how many decided verdicts were right.
"""

import argparse
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from summ_collapse.predict import predictor
from summ_collapse.predict.agreement import agreement
from summ_collapse.predict.predictor import Features
from summ_collapse.store import write_json

Entry = Mapping[str, Any]


def arms_of(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """All arms under single seeds that something was predicted of; each names its run."""
    found: list[dict[str, Any]] = []
    for folder in folders:
        results = json.loads((folder / "report" / "results.json").read_text(encoding="utf-8"))
        real = {(arm["seed"], arm["slice"]): arm["n_train"] for arm in results["arms"] if arm["control"] == "real-slice"}
        found += [
            {**arm, "run": folder.name, "slice_rows": real[arm["seed"], arm["slice"]]}
            for arm in results["arms"]
            if arm["seed"] is not None and arm["predicted_delta"] is not None and "real-slice" in arm["vs"]
        ]
    return found


def features_of(arm: Entry) -> Features:
    """What was known of an arm before it was trained."""
    return Features(int(arm["n_train"]), arm["weighted_error"], arm["coverage_loss"], arm["p"], arm["slice_rows"])


def deltas_of(arms: Sequence[Entry]) -> list[float]:
    """Observed differences from real data, in points of the first metric."""
    metric = next(iter(arms[0]["metrics"]))
    return [arm["vs"]["real-slice"][metric]["delta"] for arm in arms]


def fitted(arms: Sequence[Entry]) -> dict[str, Any]:
    """The coefficients that these arms give, and the spread of what they miss, by arm."""
    features, deltas = [features_of(arm) for arm in arms], deltas_of(arms)
    found = predictor.fit(features, deltas, [arm["arm"] for arm in arms])
    by_arm: dict[str, list[tuple[float, float]]] = {}
    for arm, one, delta in zip(arms, features, deltas, strict=True):
        by_arm.setdefault(arm["arm"], []).append((predictor.predict(one, found).delta, delta))
    means = {name: np.mean(pairs, axis=0).round(2).tolist() for name, pairs in by_arm.items()}
    seeds = sorted({arm["seed"] for arm in arms})
    return {"coefficients": asdict(found), "arms": len(arms), "seeds": seeds, "predicted_and_observed": means}


def tried(arms: Sequence[Entry]) -> dict[str, Any]:
    """How the shipped predictor did on arms that it was not fitted on."""
    metric = next(iter(arms[0]["metrics"]))
    scored = [
        {**arm, "predicted": found.verdict, "predicted_delta": {"delta": found.delta}}
        for arm in arms
        for found in [predictor.predict(features_of(arm))]
    ]
    corrupted = [arm["verifier_kind"] == "corrupted" for arm in scored]
    groups = {
        "all": scored,
        "honest": [arm for arm, bad in zip(scored, corrupted, strict=True) if not bad],
        "corrupted": [arm for arm, bad in zip(scored, corrupted, strict=True) if bad],
    }
    predicted = [arm["predicted_delta"]["delta"] for arm in scored]
    missed = np.array(predicted) - np.array(deltas_of(scored))
    return {
        **{name: agreement(chosen, metric) for name, chosen in groups.items()},
        "seeds": sorted({arm["seed"] for arm in arms}),
        "root_mean_square_error": float(np.sqrt(np.mean(missed**2))),
        "mean_error": float(missed.mean()),
        "predicted_from_to": [min(predicted), max(predicted)],
        "observed_from_to": [min(deltas_of(scored)), max(deltas_of(scored))],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", type=Path, nargs="+", required=True, metavar="DIR", help="development runs")
    parser.add_argument("--try", dest="tries", action="append", default=[], metavar="NAME=DIR[,DIR]", help="unseen runs")
    parser.add_argument("--out", type=Path, help="JSON file (default: print only)")
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": f"{platform.machine()}, Python {platform.python_version()}"}
    results |= {"shipped": asdict(predictor.FITTED), "fit": fitted(arms_of(options.fit))}
    for text in options.tries:
        name, _, folders = text.partition("=")
        results[name] = tried(arms_of([Path(folder) for folder in folders.split(",")]))
    print(json.dumps(results, indent=1))
    if options.out:
        write_json(options.out, results)


if __name__ == "__main__":
    main()
