"""Fit the predictor of differences on development runs, and hold it against runs that it has not seen.

    python benchmarks/predictor.py --fit runs/verdicts-dev --try fresh=runs/verdicts --try headlines=runs/verdicts-headlines

Each DIR is a finished run. The first arms' table says how near the shipped coefficients are to what the development runs
give; every `--try` is scored with the shipped ones: rank correlations of predicted and observed differences with their 95%
intervals, beside three trivial predictors, for honest and for corrupted verifiers, and how many decided verdicts were right.
"""

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from summ_collapse.predict import predictor
from summ_collapse.predict.agreement import Point, agreement
from summ_collapse.predict.predictor import Features
from summ_collapse.report.results import Entry, read_results
from summ_collapse.store import write_json


@dataclass(frozen=True)
class Known:
    """An arm that something was predicted of: its entry, under one seed or over all, and its generator's number of real rows."""

    entry: Entry
    slice_rows: int

    @property
    def features(self) -> Features:
        """What was known of it before it was trained."""
        entry = self.entry
        return Features(int(entry.n_train), entry.weighted_error, entry.coverage_loss, entry.p, self.slice_rows)

    @property
    def point(self) -> Point:
        """Predicted beside observed, in points of the first metric."""
        return self.entry.point(next(iter(self.entry.metrics)))


def arms_of(folders: Sequence[Path]) -> list[Known]:
    """All arms that something was predicted of, under single seeds and over all of them; each names its run."""
    found: list[Known] = []
    for folder in folders:
        results = read_results(folder).of_run(folder.name)
        real = {(arm.seed, arm.slice): arm.n_train for arm in results.arms if arm.control == "real-slice"}
        found += [Known(arm, int(real[arm.seed, arm.slice])) for arm in results.arms if arm.point(results.metric)]
    return found


def under_one_seed(arms: Sequence[Known]) -> list[Known]:
    """What the predictor is fitted and scored on; verdicts are over all seeds."""
    return [arm for arm in arms if arm.entry.seed is not None]


def fitted(given: Sequence[Known]) -> dict[str, Any]:
    """The coefficients that these arms give, and the spread of what they miss, by arm."""
    arms = under_one_seed(given)
    features, deltas = [arm.features for arm in arms], [arm.point.observed_delta for arm in arms]
    found = predictor.fit(features, deltas, [arm.entry.arm for arm in arms])
    by_arm: dict[str, list[tuple[float, float]]] = {}
    for arm, one, delta in zip(arms, features, deltas, strict=True):
        by_arm.setdefault(arm.entry.arm, []).append((predictor.predict(one, found).delta, delta))
    means = {name: np.mean(pairs, axis=0).round(2).tolist() for name, pairs in by_arm.items()}
    seeds = sorted({arm.entry.seed for arm in arms})
    return {"coefficients": asdict(found), "arms": len(arms), "seeds": seeds, "predicted_and_observed": means}


def tried(given: Sequence[Known]) -> dict[str, Any]:
    """How the shipped predictor did on arms that it was not fitted on: differences under single seeds, verdicts over all."""
    arms, pooled = under_one_seed(given), [arm for arm in given if arm.entry.seed is None]
    metric = next(iter(arms[0].entry.metrics))
    kinds = {"all": (True, False), "honest": (False,), "corrupted": (True,)}
    groups = {name: agreement(_points(arms, corrupted), metric, _points(pooled, corrupted)) for name, corrupted in kinds.items()}
    points = _points(arms, kinds["all"])
    predicted, observed = [point.predicted_delta for point in points], [point.observed_delta for point in points]
    missed = np.array(predicted) - np.array(observed)
    return {
        **{name: asdict(found) for name, found in groups.items()},
        "seeds": sorted({arm.entry.seed for arm in arms}),
        "root_mean_square_error": float(np.sqrt(np.mean(missed**2))),
        "mean_error": float(missed.mean()),
        "predicted_from_to": [min(predicted), max(predicted)],
        "observed_from_to": [min(observed), max(observed)],
    }


def _points(arms: Sequence[Known], corrupted: Sequence[bool]) -> list[Point]:
    """Of those whose verifier is corrupted or not: what the shipped predictor says, beside what was observed."""
    chosen = [arm for arm in arms if (arm.entry.verifier_kind == "corrupted") in corrupted]
    foretold = [predictor.predict(arm.features) for arm in chosen]
    return [
        replace(arm.point, predicted=one.verdict, predicted_delta=one.delta) for arm, one in zip(chosen, foretold, strict=True)
    ]


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
