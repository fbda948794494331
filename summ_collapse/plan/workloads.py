"""What each stage of a plan works on: rows, tokens, and the shape of its model, from the recipe and the task's sizes."""

import math
from collections.abc import Mapping
from typing import Any, Literal

from summ_collapse.experiment.experiment import Experiment
from summ_collapse.graph import Stage
from summ_collapse.launch import shapes
from summ_collapse.plan import architecture
from summ_collapse.plan.architecture import Architecture
from summ_collapse.plan.costs import Workload
from summ_collapse.recipe.blocks import Training
from summ_collapse.stages.prepare import slice_rows
from summ_collapse.stages.select import selection_rows
from summ_collapse.tasks.prompt import PLACEHOLDER


class Workloads:
    """What each stage of an experiment works on; `known` holds the task's rows and mean tokens, as far as they are known."""

    def __init__(self, experiment: Experiment, known: Mapping[str, int]) -> None:
        self.recipe = experiment.recipe
        self.known = known
        self.stages = experiment.stages
        self.slice_of = experiment.slice_of

    def runs_a_model(self, stage: Stage) -> bool:
        """Whether the stage needs a device at all."""
        return stage.kind == "pretrain" or "models" in stage.config

    def shape(self, stage: Stage) -> str:
        """The launch shape, by name."""
        return shapes.shape_of(stage, self.recipe.launch)

    def devices(self, stage: Stage, most: int) -> int:
        """How many devices the stage's shape makes use of, of `most`."""
        return 1 if self.shape(stage) == shapes.SINGLE else most

    def largest_share(self, stage: Stage, devices: int) -> float:
        """The part of the work that the busiest of `devices` does: rows are dealt out to them in whole chunks."""
        rows, size = self.rows(stage), stage.config.get("chunk_size")
        if rows is None or size is None:
            return 1 / devices
        chunks = math.ceil(rows / stage.config.get("decoding", {}).get("samples", 1) / size)
        return math.ceil(chunks / devices) / chunks

    def rows(self, stage: Stage) -> int | None:
        """Rows that go into the stage once; None without the task's sizes."""
        if "train" not in self.known:
            return None
        train, test = self.known["train"], self.known["test"]
        share = self.slice_of.get(stage.name, self.recipe.generator.slices[0])
        excluded = slice_rows(train, share) if self.recipe.synthesis.exclude_slice else 0
        pool = (train - excluded) * self.recipe.synthesis.samples
        if stage.kind == "prepare":
            return train + test
        if stage.kind == "pretrain":
            return train
        if stage.kind == "evaluate":
            return test
        if stage.kind == "select":
            return self._selected(stage, pool)
        if stage.kind == "train":
            return self._training_rows(stage, train, pool)
        return len(stage.config["arms"]) if stage.kind == "report" else pool

    def _training_rows(self, stage: Stage, train: int, pool: int) -> int:
        wanted = stage.config["rows"]
        if wanted["from"] == "slice":
            return slice_rows(train, wanted["share"])
        if wanted["from"] == "candidates":
            return pool
        return self._selected(self.stages[stage.inputs["selection"]], pool)

    def _selected(self, select: Stage, pool: int) -> int:
        """Rows of a selection; all of them, at most, where a threshold decides."""
        rate = select.config["rate"]
        return pool if rate is None else selection_rows(pool, rate)

    def tokens(self, stage: Stage) -> int | None:
        """Tokens that a model reads or writes, over all epochs; None also for what reads whole tables and no tokens."""
        if stage.kind in ("prepare", "select", "report"):
            return None
        sequences, lengths = self._sequences(stage), self._lengths(stage)
        if sequences is None or lengths is None:
            return None
        if not self.runs_a_model(stage):
            return 0
        prompt, completion = lengths
        return math.ceil(sequences / self._sharing(stage)) * prompt + sequences * completion

    def _sharing(self, stage: Stage) -> int:
        """Candidates that are scored behind one reading of their document."""
        return self.recipe.synthesis.samples if stage.kind == "verify" else 1

    def _sequences(self, stage: Stage) -> int | None:
        """Sequences that pass through the model: rows times epochs, or all of the steps' batches; documents times beams."""
        rows = self.rows(stage)
        if rows is None:
            return None
        if stage.kind in ("train", "pretrain"):
            training = self._training(stage)
            return training.steps * training.batch_size if training.steps else round(rows * (training.epochs or 0))
        if stage.kind in ("generate", "evaluate") and self.runs_a_model(stage):
            decoding = stage.config["decoding"]
            return rows // decoding.get("samples", 1) * self._beams(decoding)
        return rows

    def _beams(self, decoding: Mapping[str, Any]) -> int:
        """Sequences a document, each of which transformers reads the whole prompt for."""
        return max(decoding.get("samples", 1), decoding.get("beams", 1))

    def _lengths(self, stage: Stage) -> tuple[int, int] | None:
        """Mean tokens of a document and of what follows it; candidates are taken to be as long as summaries."""
        if "document_tokens" not in self.known:
            return None
        summary = self.known["summary_tokens"]
        of_summaries = stage.kind == "pretrain" or (stage.kind == "train" and stage.config["rows"]["from"] == "slice")
        return (
            min(self.known["document_tokens"], self.recipe.task.max_document_tokens),
            summary if of_summaries else min(summary, self.recipe.synthesis.max_new_tokens),
        )

    def _training(self, stage: Stage) -> Training:
        if stage.kind == "train":
            return Training.model_validate(stage.config["training"])
        pretrain = stage.config["tiny"]["pretrain"]
        settings = {key: pretrain[key] for key in ("steps", "batch_size", "learning_rate")}
        return Training.model_validate(settings)

    def of(self, stage: Stage) -> Workload | None:
        """The stage's work for `costs.py`; None where the model's shape is not known."""
        model = self._architecture(stage)
        if model is None:
            return None
        prompt, completion = self._lengths(stage) or (None, None)
        task, limit = self.recipe.task, self.recipe.synthesis.max_new_tokens
        trains = stage.kind in ("train", "pretrain")
        kind: Literal["train", "generate", "score"] = "train" if trains else "score" if stage.kind == "verify" else "generate"
        return Workload(
            kind,
            model,
            dtype_bytes=4 if self.recipe.base.dtype == "float32" else 2,
            rows=self._sequences(stage),
            prompt=prompt,
            completion=completion,
            # No tokenizer is at hand, but none makes more than a token of a byte; one more each for BOS and EOS.
            longest_prompt=task.max_document_tokens + len(task.prompt.replace(PLACEHOLDER, "").encode()) + 1,
            longest_completion=max(limit, self.known.get("summary_tokens", 0) + 1) if trains else limit,
            batch=self._batch(stage),
            sharing=self._sharing(stage),
            training=self._training(stage) if trains else None,
            eager=self.recipe.base.attention == "eager",
        )

    def _batch(self, stage: Stage) -> int:
        if "decoding" in stage.config:
            return int(stage.config["decoding"]["batch_size"]) * self._beams(stage.config["decoding"])
        return int(stage.config.get("batch_size", 1))

    def _architecture(self, stage: Stage) -> Architecture | None:
        if self.recipe.base.tiny is not None and self.model_name(stage) == "base":
            return architecture.of_tiny(self.recipe.base.tiny)
        name = self.model_name(stage)
        return architecture.find(name, self.recipe.base.revision if name == self.recipe.base.model else None)

    def model_name(self, stage: Stage) -> str:
        """The hub id or path of the model that a stage trains or runs, adapters aside; `base` where it is made here."""
        name = "base"
        if self._is_verifiers(stage):
            name = self._arm(stage)
            while name in self.recipe.verifiers:
                name = self.recipe.verifiers[name].model
        return name if "/" in name else self.recipe.base.model or "base"

    def _is_verifiers(self, stage: Stage) -> bool:
        """Whether a stage runs or trains a verifier's own model; an arm may by chance be called like a verifier."""
        if stage.kind == "verify":
            return True
        options = self.recipe.verifiers.get(self._arm(stage))
        return stage.kind == "train" and options is not None and options.train is not None

    def _arm(self, stage: Stage) -> str:
        """The stage's arm without the prefix that tells several generators apart."""
        prefix = f"g{self.slice_of.get(stage.name, 0):g}-"
        return stage.arm.removeprefix(prefix) if len(self.recipe.generator.slices) > 1 else stage.arm
