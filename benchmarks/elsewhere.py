"""Does the predictor hold on a task that it was not fitted on, and would one more thing that it knew of the task help?

    python benchmarks/elsewhere.py --here runs/eigenvalues_small --fitted runs/demo --out benchmarks/results/elsewhere.json

`--fitted` is a finished run of the task whose coefficients are shipped, `--here` one of another task. Three questions:

1. The shipped coefficients on the arms of `--here`, as they are: predicted beside observed, rank correlations with the observed
   difference over arms and seeds, and beside them those of the rate, the mean score, p* and J = phi - psi alone.
2. Every rule learnt from one task's arms and tried on the other's, both ways: errors and verdicts.
3. The same, the formula told how fast more real data pays on the task it speaks of: its `amount` from `real-slice` and
   `real-full`, two points of the real-data curve, and its other coefficients in that proportion.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from summ_collapse.diagnose.coefficients import arms_of
from summ_collapse.predict import predictor
from summ_collapse.predict.agreement import correlations
from summ_collapse.predict.predictor import Coefficients, predict
from summ_collapse.predict.trial import FORMULA, Arm, score_of, transferred
from summ_collapse.report.results import Results, read_results

TOLD = "formula, told how real data pays"


@dataclass(frozen=True)
class Task:
    """A finished run: its arms over all seeds and under each, and how fast real data pays, points per e-fold of rows."""

    name: str
    results: Results
    pooled: list[Arm]
    by_seed: list[Arm]

    @property
    def pays(self) -> float:
        found = [[one for one in self.results.main if one.control == name] for name in ("real-slice", "real-full")]
        if [len(arms) for arms in found] != [1, 1]:
            raise SystemExit(f"{self.name}: expected one real-slice and one real-full, two points of the real-data curve")
        low, high = found[0][0], found[1][0]
        metric = self.results.metric
        return (high.metrics[metric].mean - low.metrics[metric].mean) / math.log(high.n_train / low.n_train)


def task(folder: Path) -> Task:
    pooled, by_seed = arms_of(folder, unfiltered=True), arms_of(folder, by_seed=True, unfiltered=True)
    return Task(folder.name, read_results(folder), pooled, by_seed)


def shipped(here: Task) -> dict[str, Any]:
    """What the shipped coefficients say of every arm, and what it did."""
    arms = {}
    for arm in here.pooled:
        ours = predict(arm.features)
        arms[arm.name] = {
            "rows": arm.features.kept,
            "p": arm.features.generator_error,
            "kept_error": arm.kept_error,
            "p_star": arm.p_star,
            "J": arm.informedness,
            "predicted": [ours.delta, ours.low, ours.high],
            "predicted_verdict": ours.verdict,
            "observed": [arm.delta, arm.low, arm.high],
            "observed_verdict": arm.observed or "undecided",
        }
    score = score_of("task", FORMULA, [(arm, said(arm, predictor.FITTED)) for arm in here.pooled])
    return {"arms": arms, "ranks": ranks(here), "score": asdict(score)}


def ranks(here: Task) -> dict[str, Any]:
    """Spearman's coefficient with the observed difference, [value, low, high], over arms and seeds."""
    seen = here.by_seed
    values = {
        "predicted": [predict(arm.features).delta for arm in seen],
        "rate": [arm.rate for arm in seen],
        "mean score": [arm.kept_score or 0.0 for arm in seen],
        "p*": [arm.p_star for arm in seen],
        "J": [arm.informedness for arm in seen],
    }
    observed, groups = np.array([arm.delta for arm in seen]), [str(arm.seed) for arm in seen]
    found = {name: correlations(np.array(ours), observed, groups).spearman for name, ours in values.items()}
    return {"arms": len(seen)} | {name: None if rank is None else list(astuple(rank)) for name, rank in found.items()}


def transfer(learnt: Task, tried: Task) -> dict[str, Any]:
    """Every rule from one task to the other, and the formula told how fast real data pays there."""
    scores = transferred(learnt.pooled, tried.pooled)
    arms = learnt.pooled
    fitted = predictor.fit([arm.features for arm in arms], [arm.delta for arm in arms], [arm.name for arm in arms])
    scale = tried.pays / learnt.pays
    told = Coefficients(scale * fitted.amount, scale * fitted.error, scale * fitted.coverage, abs(scale) * fitted.residual)
    scores.append(score_of("task", TOLD, [(arm, said(arm, told)) for arm in tried.pooled]))
    return {
        "learnt": learnt.name,
        "tried": tried.name,
        "pays": {learnt.name: learnt.pays, tried.name: tried.pays},
        "coefficients": asdict(fitted),
        "scores": [asdict(score) for score in scores],
    }


def said(arm: Arm, coefficients: Coefficients) -> tuple[float, float]:
    return predict(arm.features, coefficients).delta, coefficients.residual


def lines(found: dict[str, Any]) -> list[str]:
    """What was found, as tables in Markdown."""
    shown = ["| arm | rows | p | p′ | p* | J | predicted Δ | observed Δ |", "|---|---:|---:|---:|---:|---:|---|---|"]
    for name, arm in found["shipped"]["arms"].items():
        shares = " | ".join(f"{arm[key]:.2f}" for key in ("p", "kept_error", "p_star", "J"))
        ours, theirs = (f"{_interval(arm[key])} {arm[key + '_verdict']}" for key in ("predicted", "observed"))
        shown.append(f"| {name} | {arm['rows']:,} | {shares} | {ours} | {theirs} |")
    ranked = {name: rank for name, rank in found["shipped"]["ranks"].items() if name != "arms"}
    shown += ["", f"| Spearman with Δ over {found['shipped']['ranks']['arms']} arms and seeds | |", "|---|---|"]
    shown += [f"| {name} | {'' if rank is None else _interval(rank, 2)} |" for name, rank in ranked.items()]
    for way in found["transfers"]:
        shown += [
            "",
            f"| {way['learnt']} → {way['tried']} | error | helped: said (wrongly) | hurt: said (wrongly) |",
            "|---|---:|---|---|",
        ]
        for score in way["scores"]:
            error = score["root_mean_square_error"]
            verdicts = " | ".join(
                f"{score[kind]}: {score[kind + '_said']} ({score[kind + '_wrongly']})" for kind in ("helped", "hurt")
            )
            shown.append(f"| {score['rule']} | {'' if error is None else f'{error:.1f}'} | {verdicts} |")
    return shown


def _interval(values: Sequence[float], digits: int = 1) -> str:
    value, low, high = (f"{number:+.{digits}f}" for number in values)
    return f"{value} [{low}, {high}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--here", type=Path, required=True, help="folder of a finished run of another task")
    parser.add_argument("--fitted", type=Path, required=True, help="folder of a finished run of the task that was fitted on")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    here, fitted = task(options.here), task(options.fitted)
    found = {"shipped": shipped(here), "transfers": [transfer(fitted, here), transfer(here, fitted)]}
    print("\n".join(lines(found)))
    if options.out:
        options.out.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
