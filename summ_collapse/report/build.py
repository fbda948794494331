"""The content of results.json, from the artifacts of all arms."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from summ_collapse import store
from summ_collapse.experiment.arms import Arm
from summ_collapse.predict.agreement import agreement
from summ_collapse.report.compare import Comparison, observed
from summ_collapse.report.contents import Contents
from summ_collapse.report.predicted import NOTHING, Predictions
from summ_collapse.report.results import RESULTS_VERSION
from summ_collapse.stages.prepare import slice_rows
from summ_collapse.store import Artifact

Artifacts = Mapping[str, Artifact]


def build(report: Contents, inputs: Artifacts) -> dict[str, Any]:
    """An entry an arm and seed, and where there are several seeds one a pooled arm (seed null)."""
    metrics = report.evaluation.metrics
    names = list(dict.fromkeys(arm.name for arm in report.arms))
    seeds = list(dict.fromkeys(arm.seed for arm in report.arms))
    arms = {(arm.name, arm.seed): arm for arm in report.arms}
    scores = {key: _scores(inputs[arm.evaluate], metrics) for key, arm in arms.items()}
    predictions = Predictions(report, inputs)
    entries: list[dict[str, Any]] = []
    for together in [[seed] for seed in seeds] + ([seeds] if len(seeds) > 1 else []):
        stacked = {
            name: {metric: np.stack([scores[name, seed][metric] for seed in together]) for metric in metrics} for name in names
        }
        comparison = Comparison(stacked, report.evaluation.bootstrap)
        entries += _entries(comparison, predictions, [[arms[name, seed] for seed in together] for name in names])
    return {
        "version": RESULTS_VERSION,
        "recipe": report.recipe,
        "fingerprint": store.fingerprint(sorted(artifact.manifest["fingerprint"] for artifact in inputs.values())),
        "test_rows": len(next(iter(scores.values()))[metrics[0]]),
        "arms": entries,
        "agreement": agreement([entry for entry in entries if entry["seed"] is not None], metrics[0]),
    }


def _scores(artifact: Artifact, metrics: list[str]) -> dict[str, np.ndarray]:
    table = artifact.table("predictions", metrics)
    return {metric: table[metric].to_numpy() for metric in metrics}


def _entries(comparison: Comparison, predictions: "Predictions", arms: list[list[Arm]]) -> list[dict[str, Any]]:
    """An entry an arm, each given under all the seeds that are taken together."""
    names = [same[0].name for same in arms]
    baselines = {same[0].name: {role: name for role, name in same[0].baselines.items() if name in names} for same in arms}
    against = {
        baseline: comparison.against(baseline, [name for name in names if baseline in baselines[name].values()])
        for baseline in dict.fromkeys(found for wanted in baselines.values() for found in wanted.values())
    }
    return [_entry(comparison, predictions, same, against, baselines[same[0].name]) for same in arms]


def _entry(
    comparison: Comparison,
    predictions: "Predictions",
    same: list[Arm],
    against: Mapping[str, Mapping[str, Any]],
    baselines: Mapping[str, str],
) -> dict[str, Any]:
    arm, seeds = same[0], [one.seed for one in same]
    versus = {role: against[name][arm.name] for role, name in baselines.items()}
    return {
        "arm": arm.name,
        "control": arm.control,
        "slice": arm.slice,
        "verifier": arm.verifier,
        "verifier_kind": arm.verifier_kind,
        "variant": arm.variant,
        "rate": arm.rate,
        "seed": seeds[0] if len(seeds) == 1 else None,
        "seeds": seeds,
        **_pooled([_measured(predictions, one) for one in same]),
        "metrics": comparison.metric_intervals(arm.name),
        "vs": versus,
        "observed": observed(versus, comparison.metrics[0]),
    }


def _measured(predictions: "Predictions", arm: Arm) -> dict[str, Any]:
    """What is known of one arm under one seed: rows trained on, p and its kin, predictions, diversity."""
    inputs = predictions.inputs
    evaluated = inputs[arm.evaluate].manifest
    trained = inputs[arm.train].manifest if arm.train else None
    values: dict[str, Any] = {
        "n_train": trained["rows_out"] if trained else 0,
        "diversity": evaluated["notes"]["diversity"],
        "truncated": {"train": _truncated(trained), "test": _truncated(evaluated)},
        "slice_overlap": None,
        **dict.fromkeys(("p", "phi", "psi", "p_star", "kept_error", "kept_fraction")),
        **NOTHING,
    }
    if arm.candidates is not None:
        values |= predictions.of(arm)
    values["slice_overlap"] = _overlap(inputs, arm)
    return values


def _truncated(manifest: Mapping[str, Any] | None) -> float:
    """The share of rows whose document was cut to its budget."""
    return manifest["notes"].get("truncated", 0) / manifest["rows_out"] if manifest else 0.0


def _overlap(inputs: Artifacts, arm: Arm) -> float | None:
    """The share of an arm's rows whose documents the generator was trained on; None where it has no say."""
    if arm.rows is None or arm.slice is None:
        return None
    examples = inputs["examples"].table("train", ["id", "slice_rank"])
    of_slice = examples["slice_rank"].to_numpy() < slice_rows(examples.num_rows, arm.slice)
    learnt = set(examples["id"].filter(pa.array(of_slice)).to_pylist())
    return float(np.mean([key in learnt for key in inputs[arm.rows].table("rows", ["id"])["id"].to_pylist()]))


def _pooled(measured: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds; verdicts only where all seeds share one."""
    if len(measured) == 1:
        return measured[0]
    return {name: _mean_of([entry[name] for entry in measured]) for name in measured[0]}


def _mean_of(values: list[Any]) -> Any:
    if any(value is None for value in values):
        return None
    if isinstance(values[0], dict):
        return {key: _mean_of([value[key] for value in values]) for key in values[0]}
    if isinstance(values[0], str):
        return values[0] if len(set(values)) == 1 else "undecided"
    return float(np.mean(values))
