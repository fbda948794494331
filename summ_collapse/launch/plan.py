"""What a run would do: its stages, what is there already, rows and tokens; needs neither data nor models."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from summ_collapse import hub
from summ_collapse.errors import InputError
from summ_collapse.experiment import UNRESOLVED, Experiment, Identities, Stage, named_models
from summ_collapse.recipe import Recipe
from summ_collapse.stages.prepare import slice_rows
from summ_collapse.stages.select import selection_rows
from summ_collapse.store import Artifact, Place


@dataclass(frozen=True)
class Planned:
    """One stage with what it will work on; None where that cannot be known before the data is read."""

    name: str
    inputs: list[str]
    rows: int | None
    tokens: int | None
    cached: bool


@dataclass(frozen=True)
class Plan:
    """All stages, and what could not be resolved on this machine."""

    stages: list[Planned]
    unresolved: list[str]
    experiment: Experiment

    def chosen(self, only: Sequence[str], until: str | None) -> set[str]:
        """The names of the stages that `--only` and `--until` ask for."""
        return {stage.name for stage in self.experiment.chosen(only, until)}


def plan(recipe: Recipe, out: Path | None) -> Plan:
    """Lay out the stages; data or models that are not at hand are named, not errors."""
    unresolved: list[str] = []

    def resolved(what: str, resolve: Any) -> dict[str, Any]:
        try:
            return dict(resolve())
        except InputError:
            unresolved.append(what)
            return dict(UNRESOLVED)

    data = resolved(f"data {getattr(recipe.task, 'data', recipe.task.kind)}", recipe.task.identity)
    models = {
        name: resolved(f"model {name}", partial(hub.identity, name, revision, "model"))
        for name, revision in named_models(recipe).items()
    }
    experiment = Experiment(recipe, Identities(data, models))
    sizes = _Sizes(experiment, _known_rows(experiment, out))
    stages = [
        Planned(stage.name, list(stage.inputs.values()), *sizes.of(stage), cached=_artifact(stage, out) is not None)
        for stage in experiment.stages.values()
    ]
    return Plan(stages, unresolved, experiment)


def _artifact(stage: Stage, out: Path | None) -> Artifact | None:
    return Place(out, stage.kind, stage.folder, stage.fingerprint).artifact() if out is not None else None


def _known_rows(experiment: Experiment, out: Path | None) -> dict[str, int]:
    """Rows and tokens: what `prepare` found where it has run, else what the recipe declares."""
    expected = dict(experiment.recipe.task.expected())
    prepared = _artifact(experiment.stages[experiment.prepare], out)
    if prepared is not None:
        expected |= {"train": prepared.manifest["notes"]["train_rows"], "test": prepared.manifest["notes"]["test_rows"]}
    return expected


class _Sizes:
    """Rows and tokens of each stage, from the task's sizes."""

    def __init__(self, experiment: Experiment, known: dict[str, int]) -> None:
        self.recipe = experiment.recipe
        self.known = known
        self.stages = experiment.stages

    def of(self, stage: Stage) -> tuple[int | None, int | None]:
        """(rows, tokens) a stage works on; tokens of selections and reports are nobody's cost."""
        if "train" not in self.known:
            return None, None
        rows = self._rows(stage)
        if stage.kind in ("prepare", "select", "report", "pretrain") or "document_tokens" not in self.known:
            return rows, None
        return rows, self._tokens(stage, rows)

    def _rows(self, stage: Stage) -> int:
        train, test = self.known["train"], self.known["test"]
        excluded = slice_rows(train, self.recipe.generator.slice) if self.recipe.synthesis.exclude_slice else 0
        pool = (train - excluded) * self.recipe.synthesis.samples
        if stage.kind == "prepare":
            return train + test
        if stage.kind == "pretrain":
            return train
        if stage.kind == "evaluate":
            return test
        if stage.kind == "select":
            return selection_rows(pool, stage.config["rate"])
        if stage.kind == "train":
            return self._training_rows(stage, train, pool)
        return len(stage.config["arms"]) if stage.kind == "report" else pool

    def _training_rows(self, stage: Stage, train: int, pool: int) -> int:
        wanted = stage.config["rows"]
        if wanted["from"] == "slice":
            return slice_rows(train, wanted["share"])
        if wanted["from"] == "candidates":
            return pool
        return selection_rows(pool, self.stages[stage.inputs["selection"]].config["rate"])

    def _tokens(self, stage: Stage, rows: int) -> int | None:
        document = min(self.known["document_tokens"], self.recipe.task.max_document_tokens)
        per_row = document + self.known["summary_tokens"]
        if stage.kind == "train":
            training = stage.config["training"]
            seen = training["steps"] * training["batch_size"] if training["steps"] else round(rows * training["epochs"])
            return seen * per_row
        if stage.config.get("predictor") == "lead" or (stage.kind == "verify" and "models" not in stage.config):
            return 0
        return rows * per_row
