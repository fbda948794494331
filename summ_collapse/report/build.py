"""The results of an experiment, from the artifacts of all arms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from summ_collapse import store
from summ_collapse.experiment.arms import VERDICT_BASELINE, Arm
from summ_collapse.predict.agreement import agreement
from summ_collapse.report.compare import Comparison
from summ_collapse.report.contents import Contents
from summ_collapse.report.predicted import Predictions
from summ_collapse.report.results import RESULTS_VERSION, Delta, Entry, Predicted, Results, Trained
from summ_collapse.stages.prepare import overlap
from summ_collapse.store import Artifact

Artifacts = Mapping[str, Artifact]


@dataclass(frozen=True)
class _Evaluated:
    """An arm under one seed, its scores (a column a metric), and what else is known of it."""

    arm: Arm
    scores: pa.Table
    trained: Trained
    predicted: Predicted


def build(report: Contents, inputs: Artifacts) -> Results:
    """Every arm under every seed, and where there are several, over all of them."""
    metrics = report.evaluation.metrics
    names = list(dict.fromkeys(arm.name for arm in report.arms))
    seeds = list(dict.fromkeys(arm.seed for arm in report.arms))
    predictions = Predictions(report, inputs)
    evaluated = {
        (arm.name, arm.seed): _Evaluated(
            arm, inputs[arm.evaluate].table("predictions", metrics), _trained(inputs, arm), predictions.of(arm)
        )
        for arm in report.arms
    }
    entries = []
    for together in [[seed] for seed in seeds] + ([seeds] if len(seeds) > 1 else []):
        arms = {name: [evaluated[name, seed] for seed in together] for name in names}
        stacked = {
            metric: {name: np.stack([one.scores[metric].to_numpy() for one in same]) for name, same in arms.items()}
            for metric in metrics
        }
        comparison = Comparison(stacked, report.evaluation.bootstrap)
        versus = comparison.versus({name: same[0].arm.baselines for name, same in arms.items()})
        entries += [_entry(same, comparison, versus[name]) for name, same in arms.items()]
    points = [point for entry in entries if entry.seed is not None and (point := entry.point(metrics[0]))]
    return Results(
        version=RESULTS_VERSION,
        recipe=report.recipe,
        fingerprint=store.fingerprint(sorted(artifact.manifest["fingerprint"] for artifact in inputs.values())),
        test_rows=next(iter(stacked[metrics[0]].values())).shape[1],
        arms=entries,
        agreement=agreement(points, metrics[0]),
    )


def _entry(same: Sequence[_Evaluated], comparison: Comparison, versus: dict[str, dict[str, Delta]]) -> Entry:
    """One arm under all the seeds that are taken together."""
    arm, seeds = same[0].arm, [one.arm.seed for one in same]
    means = comparison.means(arm.name)
    real = versus.get(VERDICT_BASELINE)
    return Entry(
        arm=arm.name,
        control=arm.control,
        slice=arm.slice,
        verifier=arm.verifier,
        verifier_kind=arm.verifier_kind,
        variant=arm.variant,
        rate=arm.rate,
        seed=seeds[0] if len(seeds) == 1 else None,
        seeds=seeds,
        **_pooled([one.trained for one in same]),
        **_pooled([one.predicted for one in same]),
        metrics=means,
        vs=versus,
        observed=real[next(iter(means))].verdict if real else None,
    )


def _trained(inputs: Artifacts, arm: Arm) -> Trained:
    return Trained(
        n_train=inputs[arm.train].manifest["rows_out"] if arm.train else 0,
        diversity=inputs[arm.evaluate].manifest["notes"]["diversity"],
        truncated={"train": _truncated(inputs, arm.train), "test": _truncated(inputs, arm.evaluate)},
        slice_overlap=_overlap(inputs, arm),
    )


def _truncated(inputs: Artifacts, stage: str | None) -> float:
    if stage is None:
        return 0.0
    manifest = inputs[stage].manifest
    return manifest["notes"].get("truncated", 0) / manifest["rows_out"]


def _overlap(inputs: Artifacts, arm: Arm) -> float | None:
    """The share of an arm's rows whose documents the generator was trained on; None where it has no say."""
    if arm.rows is None or arm.slice is None:
        return None
    return overlap(inputs["examples"], arm.slice, inputs[arm.rows].table("rows", ["id"])["id"].to_pylist())


def _pooled(parts: Sequence[Trained | Predicted]) -> Any:
    """The fields of one seed's, or means over seeds, and verdicts only where all seeds share one."""
    dumped = [part.model_dump() for part in parts]
    return dumped[0] if len(dumped) == 1 else _mean_of(dumped)


def _mean_of(values: Sequence[Any]) -> Any:
    if any(value is None for value in values):
        return None
    if isinstance(values[0], dict):
        return {key: _mean_of([value[key] for value in values]) for key in values[0]}
    if isinstance(values[0], str):
        return values[0] if len(set(values)) == 1 else "undecided"
    return float(np.mean(values))
