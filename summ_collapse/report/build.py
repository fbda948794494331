"""The `report` stage: results.json, table.csv/md/tex and the figure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from summ_collapse import store
from summ_collapse.predict.agreement import agreement
from summ_collapse.report.compare import Comparison, observed
from summ_collapse.report.figures.all import draw_all
from summ_collapse.report.predicted import NOTHING, Predictions
from summ_collapse.report.results import RESULTS_VERSION
from summ_collapse.report.tables import as_csv, as_latex, as_markdown
from summ_collapse.stages.prepare import slice_rows
from summ_collapse.stages.stage import Context, Outcome
from summ_collapse.store import Artifact


def run(context: Context) -> Outcome:
    """Compare all arms and write the report."""
    results = build(context)
    store.write_json(context.out / "results.json", results)
    for suffix, text in (("csv", as_csv(results)), ("md", as_markdown(results)), ("tex", as_latex(results))):
        store.write_atomic(context.out / f"table.{suffix}", text.encode())
    draw_all(results, context.config["corrupted"], context.out / "figures")
    arms = len(results["arms"])
    return Outcome(arms, arms, notes={"test_rows": results["test_rows"]})


def show(artifact: Artifact, target: Path) -> None:
    """Put every file of a published report at its well-known place, each atomically, where it is not there already."""
    for name in artifact.manifest["files"]:
        content = (artifact.path / name).read_bytes()
        if not (target / name).is_file() or (target / name).read_bytes() != content:
            store.write_atomic(target / name, content)


def build(context: Context) -> dict[str, Any]:
    """The content of results.json: an entry an arm and seed, and where there are several seeds one a pooled arm (seed null)."""
    described = context.config["arms"]
    metrics = context.config["evaluation"]["metrics"]
    names = list(dict.fromkeys(arm["arm"] for arm in described))
    seeds = list(dict.fromkeys(arm["seed"] for arm in described))
    by_key = {(arm["arm"], arm["seed"]): arm for arm in described}
    scores = {key: _scores(context.inputs[arm["evaluate"]], metrics) for key, arm in by_key.items()}
    predictions = Predictions(context)
    entries: list[dict[str, Any]] = []
    for pool in [[seed] for seed in seeds] + ([seeds] if len(seeds) > 1 else []):
        stacked = {
            name: {metric: np.stack([scores[name, seed][metric] for seed in pool]) for metric in metrics} for name in names
        }
        entries += _entries(context, predictions, [by_key[name, pool[0]] for name in names], stacked, pool)
    test_rows = len(next(iter(scores.values()))[metrics[0]])
    return {
        "version": RESULTS_VERSION,
        "recipe": context.config["recipe"],
        "fingerprint": _fingerprint(context),
        "test_rows": test_rows,
        "arms": entries,
        "agreement": agreement([entry for entry in entries if entry["seed"] is not None], metrics[0]),
    }


def _fingerprint(context: Context) -> str:
    return store.fingerprint(sorted(artifact.manifest["fingerprint"] for artifact in context.inputs.values()))


def _scores(artifact: Artifact, metrics: list[str]) -> dict[str, np.ndarray]:
    table = artifact.table("predictions", metrics)
    return {metric: table[metric].to_numpy() for metric in metrics}


def _entries(
    context: Context, predictions: Predictions, arms: list[Any], scores: dict[str, Any], seeds: list[int]
) -> list[dict[str, Any]]:
    comparison = Comparison(scores, context.config["evaluation"]["bootstrap"])
    names = [arm["arm"] for arm in arms]
    baselines = {
        arm["arm"]: {role: name for role, name in arm["baselines"].items() if name in names and name != arm["arm"]}
        for arm in arms
    }
    against = {
        baseline: comparison.against(baseline, [name for name in names if baseline in baselines[name].values()])
        for baseline in dict.fromkeys(found for wanted in baselines.values() for found in wanted.values())
    }
    entries = []
    for arm in arms:
        versus = {role: against[name][arm["arm"]] for role, name in baselines[arm["arm"]].items()}
        measured = [_measured(context, predictions, arm, seed) for seed in seeds]
        entries.append(
            {
                "arm": arm["arm"],
                "control": arm["control"],
                "slice": arm["slice"],
                "verifier": arm["verifier"],
                "verifier_kind": arm["verifier_kind"],
                "variant": arm["variant"],
                "rate": arm["rate"],
                "seed": seeds[0] if len(seeds) == 1 else None,
                "seeds": seeds,
                **_pooled(measured),
                "metrics": comparison.metric_intervals(arm["arm"]),
                "vs": versus,
                "observed": observed(versus, context.config["evaluation"]["metrics"][0]),
            }
        )
    return entries


def _measured(context: Context, predictions: Predictions, arm: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """What is known of one arm under one seed: rows trained on, p and its kin, predictions, diversity."""
    found = next(other for other in context.config["arms"] if other["arm"] == arm["arm"] and other["seed"] == seed)
    evaluation = context.inputs[found["evaluate"]].manifest["notes"]
    trained = context.inputs[found["train"]].manifest if found["train"] else None
    values: dict[str, Any] = {
        "n_train": trained["rows_out"] if trained else 0,
        "diversity": evaluation["diversity"],
        "truncated": {"train": _truncated(trained), "test": _truncated(context.inputs[found["evaluate"]].manifest)},
        "slice_overlap": None,
        **dict.fromkeys(("p", "phi", "psi", "p_star", "kept_error", "kept_fraction")),
        **NOTHING,
    }
    if found["select"] is not None or found["control"] == "unfiltered":
        values |= predictions.of(found)
    values["slice_overlap"] = _overlap(context, found, values["n_train"])
    return values


def _truncated(manifest: Mapping[str, Any] | None) -> float:
    """The share of rows whose document was cut to its budget."""
    return manifest["notes"].get("truncated", 0) / manifest["rows_out"] if manifest else 0.0


def _overlap(context: Context, arm: Mapping[str, Any], rows: int) -> float | None:
    """The share of an arm's rows whose documents the generator was trained on; None where it has no say."""
    if arm["select"] is not None:
        return float(context.inputs[arm["select"]].manifest["notes"]["slice_overlap"])
    if arm["slice"] is None or arm["control"] in ("lead", "generator"):
        return None
    examples = context.inputs["examples"].manifest["notes"]["train_rows"]
    of_slice = slice_rows(examples, arm["slice"])
    if arm["control"] == "unfiltered":
        return 0.0 if context.config["excluded"] else of_slice / examples
    # The generator's slice comes first in the nested order, so a real slice holds it up to the smaller of both.
    return min(1.0, of_slice / rows)


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
