"""The results of an experiment, from the artifacts of all arms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from summ_collapse import store
from summ_collapse.errors import InputError
from summ_collapse.experiment.arms import VERDICT_BASELINE, Arm
from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.report.compare import Comparison
from summ_collapse.report.contents import Contents
from summ_collapse.report.devices import several_kinds
from summ_collapse.report.lines.certificates import promises
from summ_collapse.report.lines.claims import claims
from summ_collapse.report.lines.effective import regimes_of
from summ_collapse.report.predicted import Predictions
from summ_collapse.report.results import (
    RESULTS_VERSION,
    Delta,
    Entry,
    Outputs,
    Predicted,
    Results,
    Trained,
    agreement_of,
    main_entries,
)
from summ_collapse.report.withheld import Withheld, outputs, withheld
from summ_collapse.stages.prepare import overlap
from summ_collapse.store import Artifact

Artifacts = Mapping[str, Artifact]

FEWEST_ROWS = 2  # one difference has no spread


@dataclass(frozen=True)
class _Evaluated:
    """An arm under one seed, its scores (a column a metric; None where it failed), and what else is known of it."""

    arm: Arm
    scores: pa.Table | None
    trained: Trained
    predicted: Predicted
    failed: str | None = None


def build(report: Contents, inputs: Artifacts) -> Results:
    """Every arm under every seed, and where there are several, over all of them."""
    metrics = report.evaluation.metrics
    seeds = list(dict.fromkeys(arm.seed for arm in report.arms))
    predictions = Predictions(report, inputs)
    references = inputs["examples"].table("test", ["summary"])["summary"].to_pylist()
    if len(references) < FEWEST_ROWS:
        raise InputError(f"{len(references)} test row: arms are compared over at least {FEWEST_ROWS}; give the task more of them")
    evaluated = {(arm.name, arm.seed): _evaluated(arm, inputs, metrics, references, predictions) for arm in report.arms}
    _check_any(list(evaluated.values()))
    names = list(dict.fromkeys(arm.name for arm in report.arms))
    tables = [
        _Table({name: [evaluated[name, seed] for seed in together] for name in names}, report)
        for together in [[seed] for seed in seeds] + ([seeds] if len(seeds) > 1 else [])
    ]
    entries = [entry for table in tables for entry in table.entries()]
    results = Results(
        version=RESULTS_VERSION,
        recipe=report.recipe,
        fingerprint=store.fingerprint(sorted(artifact.manifest["fingerprint"] for artifact in inputs.values())),
        test_rows=len(references),
        warnings=[*tables[-1].warnings, *several_kinds(inputs.values())],
        smallest=tables[-1].smallest,
        arms=entries,
        agreement=agreement_of(entries, metrics[0], main_entries(entries)),
    )
    told = claims(regimes_of(report.arms, results), results, report.evaluation.drawn)
    return results.model_copy(update={"claims": told, "certificates": promises(report, inputs)})


class _Table:
    """All arms under the seeds that are taken together; those that failed under one of them stand beside the comparison."""

    def __init__(self, arms: Mapping[str, Sequence[_Evaluated]], report: Contents) -> None:
        self.metrics = report.evaluation.metrics
        self.arms = arms
        whole = {name: same for name, same in arms.items() if all(one.failed is None for one in same)}
        facts = {name: same[0].arm for name, same in whole.items()}
        self.comparison: Comparison | None = None
        self.withheld = Withheld([], {})
        self.smallest: dict[str, float | None] = dict.fromkeys(self.metrics)
        if not whole:
            return
        scores = {
            metric: {
                name: np.stack([one.scores[metric].to_numpy() for one in same if one.scores is not None])
                for name, same in whole.items()
            }
            for metric in self.metrics
        }
        trained = {name for name, arm in facts.items() if arm.train is not None}
        baselines = {name: _others(arm, facts) for name, arm in facts.items()}
        self.comparison = Comparison(scores, trained, baselines, report.evaluation.bootstrap)
        self.smallest = self.comparison.smallest()
        wrote = {name: [one.trained.outputs for one in same if one.trained.outputs] for name, same in whole.items()}
        self.withheld = withheld(facts, wrote, self.comparison, self.metrics[0])

    @property
    def warnings(self) -> list[str]:
        return self.withheld.warnings

    def entries(self) -> list[Entry]:
        """One an arm."""
        if self.comparison is None:
            return [_failed(same) for same in self.arms.values()]
        means, versus = self.comparison.means(), self.comparison.versus()
        return [
            self._entry(name, same, means[name], versus[name]) if name in means else _failed(same)
            for name, same in self.arms.items()
        ]

    def _entry(
        self, name: str, same: Sequence[_Evaluated], means: dict[str, Interval], versus: dict[str, dict[str, Delta]]
    ) -> Entry:
        reason, real = self.withheld.reasons.get(name), versus.get(VERDICT_BASELINE)
        return Entry(
            **_facts(same),
            **_pooled([one.trained for one in same]),
            **_pooled([one.predicted for one in same]),
            observed=real[self.metrics[0]].verdict if real and reason is None else None,
            withheld=reason,
            metrics=means,
            vs=versus,
        )


def _others(arm: Arm, arms: Mapping[str, Arm]) -> dict[str, str]:
    """An arm's baselines by role, less those that are the same model: from that it does not differ by luck, but not at all."""
    same = {name for name, other in arms.items() if arm.train is not None and other.train == arm.train}
    return {role: name for role, name in arm.baselines.items() if name not in same}


def _evaluated(
    arm: Arm, inputs: Artifacts, metrics: Sequence[str], references: Sequence[str], predictions: Predictions
) -> _Evaluated:
    failed = inputs[arm.evaluate].failed
    if failed is None:
        wrote = inputs[arm.evaluate].table("predictions", ["candidate", "finish", *metrics])
        return _Evaluated(arm, wrote.select(metrics), _trained(inputs, arm, outputs(wrote, references)), predictions.of(arm))
    # Where rows were selected, and only the training failed, what was known before it stays known.
    selected = arm.rows is not None and inputs[arm.rows].failed is None
    rows = inputs[arm.rows].manifest["rows_out"] if arm.rows is not None else 0
    trained = Trained(n_train=rows, diversity={}, truncated={}, slice_overlap=_overlap(inputs, arm) if selected else None)
    return _Evaluated(arm, None, trained, predictions.of(arm) if selected else Predicted(), failed)


def _check_any(arms: Sequence[_Evaluated]) -> None:
    """InputError where no arm has anything to compare."""
    if all(one.scores is None for one in arms):
        reasons = "; ".join(dict.fromkeys(one.failed for one in arms if one.failed is not None))
        raise InputError(f"report: every arm failed, so there is nothing to compare: {reasons}")


def _failed(same: Sequence[_Evaluated]) -> Entry:
    """An arm that failed under one of these seeds or more: it stands in the table, and nothing is compared with it."""
    only = same[0] if len(same) == 1 else None
    return Entry(
        **_facts(same),
        **(only.trained if only else Trained(n_train=0, diversity={}, truncated={}, slice_overlap=None)).model_dump(),
        **(only.predicted if only else Predicted()).model_dump(),
        metrics={},
        vs={},
        observed=None,
        failed="; ".join(dict.fromkeys(one.failed for one in same if one.failed is not None)),
    )


def _facts(same: Sequence[_Evaluated]) -> dict[str, Any]:
    """The fields of `results.Named`."""
    arm, seeds = same[0].arm, [one.arm.seed for one in same]
    return {
        "arm": arm.name,
        "control": arm.control,
        "slice": arm.slice,
        "pool": arm.pool,
        "verifier": arm.verifier,
        "verifier_kind": arm.verifier_kind,
        "variant": arm.variant,
        "rate": arm.rate,
        "regime": arm.regime,
        "generation": arm.generation,
        "method": arm.method,
        "seed": seeds[0] if len(seeds) == 1 else None,
        "seeds": seeds,
    }


def _trained(inputs: Artifacts, arm: Arm, wrote: Outputs) -> Trained:
    return Trained(
        n_train=inputs[arm.train].manifest["rows_out"] if arm.train else 0,
        drawn=_drawn(inputs, arm),
        passes=_passes(inputs[arm.train].manifest) if arm.train else None,
        outputs=wrote,
        diversity=inputs[arm.evaluate].manifest["notes"]["diversity"],
        attempts={} if arm.attempts is None else inputs[arm.attempts].manifest["notes"]["means"],
        collapse={} if arm.collapse is None else inputs[arm.collapse].manifest["notes"]["measures"],
        truncated={"train": _truncated(inputs, arm.train), "test": _truncated(inputs, arm.evaluate)},
        slice_overlap=_overlap(inputs, arm),
    )


def _drawn(inputs: Artifacts, arm: Arm) -> int | None:
    """How many samples were drawn for an arm that is made of them."""
    if arm.candidates is None:
        return None
    return sum(inputs[name].table("candidates", ["id"]).num_rows for name in (arm.candidates, *arm.drawn))


def _passes(manifest: Mapping[str, Any]) -> float | None:
    """How often a training saw each of its rows; None of a stage that tells no steps."""
    rows, steps = manifest["rows_out"], manifest["notes"].get("steps")
    batch = manifest["config"].get("training", {}).get("batch_size")
    if not rows or steps is None or batch is None:
        return None
    whole, rest = divmod(steps, math.ceil(rows / batch))  # the last batch of a pass may be a smaller one
    return float(whole + rest * batch / rows)


def _truncated(inputs: Artifacts, stage: str | None) -> float:
    if stage is None:
        return 0.0
    manifest = inputs[stage].manifest
    return manifest["notes"].get("truncated", 0) / manifest["rows_out"]


def _overlap(inputs: Artifacts, arm: Arm) -> float | None:
    """The share of an arm's rows whose documents the generator was trained on; None where it has no say."""
    if arm.rows is None or arm.slice is None:
        return None
    learnt = inputs[arm.rows]
    table = next(name for name in ("rows", "pairs") if f"{name}.parquet" in learnt.manifest["files"])
    return overlap(inputs["examples"], arm.slice, learnt.table(table, ["id"])["id"].to_pylist())


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
