"""From a recipe to its stages and their edges. Pure: no files, no models.

    experiment = Experiment.of(recipe, identities)
    experiment.stages["train/oracle-0.25"].fingerprint

Every stage's configuration holds whatever the recipe states that can change a byte of its result, and nothing else.
"""

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from summ_collapse.errors import InputError
from summ_collapse.plugins import nearest, plugin
from summ_collapse.recipe import Recipe, Training
from summ_collapse.stages.prepare import slice_rows
from summ_collapse.stages.select import selection_rows
from summ_collapse.stages.stage import VERSIONS
from summ_collapse.store import fingerprint

UNRESOLVED: dict[str, Any] = {"unresolved": True}
RANDOM = "random"


@dataclass(frozen=True)
class Stage:
    """One node: what it does, with what, from which stages (role to name)."""

    kind: str
    arm: str
    seed: int | None
    config: Mapping[str, Any]
    inputs: Mapping[str, str]
    name: str
    fingerprint: str

    @property
    def folder(self) -> str:
        """The arm with its seed, as the stage's folder is called."""
        return self.name.partition("/")[2]


@dataclass(frozen=True)
class Arm:
    """One model that is trained (or, for `lead`, not) and evaluated, under one seed."""

    name: str
    verifier: str | None
    rate: float | None
    seed: int
    train: str | None  # stage names
    select: str | None
    evaluate: str


@dataclass(frozen=True)
class Identities:
    """What names in the recipe stand for (`hub.identity`): the task's data, and models by name."""

    task: Mapping[str, Any] = field(default_factory=lambda: UNRESOLVED)
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Model:
    """A model as later stages see it: the stage that makes it, or a name; and the model below an adapter."""

    stage: str | None
    identity: Mapping[str, Any] | None
    below: "_Model | None" = None


class Experiment:
    """All stages of a recipe in an order in which they can run, and its arms."""

    def __init__(self, recipe: Recipe, identities: Identities) -> None:
        self.recipe = with_random(recipe)
        self.identities = identities
        self.stages: dict[str, Stage] = {}
        self.arms: list[Arm] = []
        self._add_shared()
        for seed in self.recipe.seeds:
            self._add_seed(seed)
        self._add_report()

    def chosen(self, only: Iterable[str] = (), until: str | None = None) -> list[Stage]:
        """The stages that `--only` names (patterns such as `verify/*`), or all that `--until` needs; else every stage."""
        if until is not None:
            wanted = self._upstream(self._matching(until))
            return [stage for name, stage in self.stages.items() if name in wanted]
        patterns = list(only)
        if not patterns:
            return list(self.stages.values())
        names = {name for pattern in patterns for name in self._matching(pattern)}
        return [stage for name, stage in self.stages.items() if name in names]

    def _matching(self, pattern: str) -> list[str]:
        names = [name for name in self.stages if fnmatch.fnmatchcase(name, pattern)]
        if not names:
            raise InputError(f"unknown stage {pattern!r}{nearest(pattern, list(self.stages))}; `plan` lists them")
        return names

    def _upstream(self, names: Iterable[str]) -> set[str]:
        reached: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += self.stages[name].inputs.values()
        return reached

    def _add(self, kind: str, arm: str, seed: int | None, config: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
        several = seed is not None and len(self.recipe.seeds) > 1
        name = f"{kind}/{arm}@{seed}" if several else f"{kind}/{arm}"
        content = {
            "kind": kind,
            "version": VERSIONS[kind],
            "config": config,
            "inputs": {role: self.stages[source].fingerprint for role, source in inputs.items()},
            "seed": seed,
        }
        if name in self.stages and self.stages[name].fingerprint != fingerprint(content):
            raise InputError(f"verifiers: two of them would both be called {name}; rename one")
        self.stages[name] = Stage(kind, arm, seed, config, inputs, name, fingerprint(content))
        return name

    def _add_shared(self) -> None:
        task = self.recipe.task.model_dump(exclude={"size", "data", "revision"})
        self.prepare = self._add("prepare", "data", None, {"task": task, "data": dict(self.identities.task)}, {})
        base = self.recipe.base
        if base.tiny is None:
            assert base.model is not None
            self.base = _Model(None, self.identities.models.get(base.model, UNRESOLVED))
            return
        config = {
            "tiny": base.tiny.model_dump(exclude={"pretrain": {"threads"}}),
            "task": self._task(),
            "dtype": base.dtype,
            "threads": base.tiny.pretrain.threads or self.recipe.launch.threads,
        }
        self.base = _Model(self._add("pretrain", "base", None, config, {"examples": self.prepare}), None)

    def _add_seed(self, seed: int) -> None:
        recipe = self.recipe
        generator = self._train(
            "generator", seed, recipe.generator.train, self.base, {"from": "slice", "share": recipe.generator.slice}
        )
        models = {"base": self.base, "generator": generator}
        candidates = self._add(
            "generate",
            "generator",
            seed,
            {
                **self._reading(generator),
                "decoding": self._decoding(recipe.synthesis.decoding),
                "chunk_size": recipe.synthesis.chunk_size,
                "engine": recipe.synthesis.engine,
                "excluded_slice": recipe.generator.slice if recipe.synthesis.exclude_slice else 0.0,
            },
            {"examples": self.prepare, **self._roles("model", generator)},
        )
        judge = self._verify("judge", {"kind": "rouge", "metric": recipe.wrong.metric}, seed, candidates, None)
        scores = self._add_verifiers(seed, candidates, models)
        start = models[recipe.retrain.start]
        for verifier in recipe.verifiers:
            for rate in recipe.selection.rates:
                self._add_arm(verifier, rate, seed, start, candidates, scores[verifier], judge)
        self._add_controls(seed, start, generator, candidates)

    def _add_verifiers(self, seed: int, candidates: str, models: dict[str, _Model]) -> dict[str, str]:
        """The verifiers' own trainings, in an order in which each finds the models that it refers to, and their scores."""
        recipe = self.recipe
        waiting = dict(recipe.verifiers)
        scores = {}
        while waiting:
            ready = [name for name, options in waiting.items() if options.model not in waiting]
            if not ready:
                raise InputError(f"verifiers.{min(waiting)}.model: verifiers refer to each other in a circle")
            for name in ready:
                options = waiting.pop(name)
                model = self._verifier_model(name, options, seed, models)
                if options.train is not None and model is not None:
                    models[name] = model
                # Which model it is, the inputs say; a path or a verifier's name would make equal scores look different.
                named = {"model": "model"} if model is not None else {}
                scores[name] = self._verify(
                    name, options.model_dump(exclude={"train", "adapter"}) | named, seed, candidates, model
                )
        return scores

    def _verifier_model(self, name: str, options: Any, seed: int, models: Mapping[str, _Model]) -> _Model | None:
        if options.model is None:
            return None
        named = _Model(None, self.identities.models.get(options.model, UNRESOLVED))
        model = models.get(options.model, named)
        adapter = adapter_of(options)
        if adapter is not None:
            return _Model(None, self.identities.models.get(adapter, UNRESOLVED), model)
        if options.train is None:
            return model
        training = Training.model_validate(options.train.model_dump(exclude={"slice"}))
        return self._train(name, seed, training, model, {"from": "slice", "share": options.train.slice})

    def _train(
        self,
        arm: str,
        seed: int,
        training: Training,
        start: _Model,
        rows: Mapping[str, Any],
        inputs: Mapping[str, str] | None = None,
    ) -> _Model:
        config = {
            **self._reading(start, "base"),
            "training": training.model_dump(exclude={"start"}),
            "rows": rows,
            "below": self._below_name(start) if training.adapter else None,
        }
        sources = {"examples": self.prepare, **(inputs or {}), **self._roles("base", start)}
        name = self._add("train", arm, seed, config, sources)
        return _Model(name, None, start if training.adapter else None)

    def _verify(self, arm: str, options: Mapping[str, Any], seed: int, candidates: str, model: _Model | None) -> str:
        config: dict[str, Any] = {"verifier": dict(options), "chunk_size": self.recipe.synthesis.chunk_size}
        if model is not None:
            config |= {**self._reading(model), "batch_size": self.recipe.synthesis.batch_size}
        inputs = {"examples": self.prepare, "candidates": candidates, **(self._roles("model", model) if model else {})}
        return self._add("verify", arm, seed, config, inputs)

    def _add_arm(self, verifier: str, rate: float, seed: int, start: _Model, candidates: str, scores: str, judge: str) -> None:
        arm = f"{verifier}-{rate:g}"
        config = {
            "rate": rate,
            "wrong_below": self.recipe.wrong.below,
            "generator_slice": self.recipe.generator.slice,
        }
        inputs = {"examples": self.prepare, "scores": scores, "judge": judge}
        selection = self._add("select", arm, seed, config, inputs)
        model = self._train(
            arm, seed, self.recipe.retrain, start, {"from": "selection"}, {"candidates": candidates, "selection": selection}
        )
        self._evaluate(arm, seed, model, verifier, rate, selection)

    def _add_controls(self, seed: int, start: _Model, generator: _Model, candidates: str) -> None:
        recipe = self.recipe
        for control in dict.fromkeys([*recipe.controls, "real-slice"]):
            if control == "lead":
                self._evaluate("lead", seed, None)
            elif control == "generator":
                self._evaluate("generator", seed, generator)
            elif control == "unfiltered":
                model = self._train(control, seed, recipe.retrain, start, {"from": "candidates"}, {"candidates": candidates})
                self._evaluate(control, seed, model)
            else:
                share = recipe.generator.slice if control == "real-slice" else 1.0
                self._evaluate(
                    control, seed, self._train(control, seed, recipe.retrain, start, {"from": "slice", "share": share})
                )

    def _evaluate(
        self,
        arm: str,
        seed: int,
        model: _Model | None,
        verifier: str | None = None,
        rate: float | None = None,
        selection: str | None = None,
    ) -> None:
        metrics = {"metrics": list(self.recipe.evaluation.metrics)}
        if model is None:
            config: dict[str, Any] = {"predictor": "lead", **metrics}
            name = self._add("evaluate", arm, None, config, {"examples": self.prepare})
        else:
            config = {
                "predictor": "model",
                **metrics,
                **self._reading(model),
                "decoding": self._decoding("greedy"),
                "chunk_size": self.recipe.synthesis.chunk_size,
            }
            name = self._add("evaluate", arm, seed, config, {"examples": self.prepare, **self._roles("model", model)})
        self.arms.append(Arm(arm, verifier, rate, seed, model.stage if model else None, selection, name))

    def _add_report(self) -> None:
        described = [
            {"arm": arm.name, "verifier": arm.verifier, "rate": arm.rate, "seed": arm.seed, "evaluate": arm.evaluate}
            | {"select": arm.select, "train": arm.train}
            for arm in self.arms
        ]
        inputs = {stage: stage for arm in self.arms for stage in (arm.evaluate, arm.select, arm.train) if stage is not None}
        judges = {name: name for name in self.stages if name.startswith("verify/judge")}
        config = {
            "recipe": self.recipe.name,
            "arms": described,
            "evaluation": self.recipe.evaluation.model_dump(),
            "wrong_below": self.recipe.wrong.below,
            "random": random_verifier(self.recipe),
            "generator_slice": self.recipe.generator.slice,
            "excluded": self.recipe.synthesis.exclude_slice,
        }
        self._add("report", "all", None, config, {"examples": self.prepare, **judges, **inputs})

    def _decoding(self, method: str) -> dict[str, Any]:
        """What a method of decoding depends on, and nothing that it ignores."""
        synthesis = self.recipe.synthesis
        common = {"method": method, "max_new_tokens": synthesis.max_new_tokens, "batch_size": synthesis.batch_size}
        if method == "sampling":
            return common | {"samples": synthesis.samples, "temperature": synthesis.temperature, "top_p": synthesis.top_p}
        return common | ({"samples": synthesis.samples, "beams": synthesis.beams} if method == "beam" else {})

    def _reading(self, model: _Model, role: str = "model") -> dict[str, Any]:
        """What every stage that loads a model has in its configuration."""
        named: dict[str, Any] = {}
        place: _Model | None = model
        while place is not None:
            if place.identity is not None:
                named[role] = dict(place.identity)
            role, place = f"{role} below", place.below
        return {
            "task": self._task(),
            "models": named,
            "dtype": self.recipe.base.dtype,
            "attention": self.recipe.base.attention,
            "threads": self.recipe.launch.threads,
        }

    def _task(self) -> dict[str, Any]:
        """What an encoder has to know of the task."""
        task = self.recipe.task
        return {"prompt": task.prompt, "max_document_tokens": task.max_document_tokens}

    def _roles(self, role: str, model: _Model) -> dict[str, str]:
        """The stages that make a model and what lies below it, by role."""
        roles = {}
        place: _Model | None = model
        while place is not None:
            if place.stage is not None:
                roles[role] = place.stage
            role, place = f"{role} below", place.below
        return roles

    def _below_name(self, model: _Model) -> str:
        """What an adapter's configuration calls its base: a hub id, or the stage that made it."""
        if model.stage is not None:
            return f"{model.stage} {self.stages[model.stage].fingerprint[:12]}"
        identity = model.identity or UNRESOLVED
        return str(identity.get("id") or identity.get("sha256") or "unresolved")

    def check_sizes(self, train_rows: int, test_rows: int) -> None:
        """InputError where a slice or a selection would be empty."""
        recipe = self.recipe
        if test_rows < 2:
            raise InputError(f"task: expected at least 2 test rows, got {test_rows}")
        shares = {"generator.slice": recipe.generator.slice}
        for name, options in recipe.verifiers.items():
            if options.train is not None:
                shares[f"verifiers.{name}.train.slice"] = options.train.slice
        for where, share in shares.items():
            if slice_rows(train_rows, share) < 1:
                raise InputError(f"{where}: {share} of {train_rows} training rows is less than one row")
        excluded = slice_rows(train_rows, recipe.generator.slice) if recipe.synthesis.exclude_slice else 0
        pool = (train_rows - excluded) * recipe.synthesis.samples
        for rate in recipe.selection.rates:
            if selection_rows(pool, rate) < 1:
                raise InputError(f"selection.rates: {rate} of {pool} candidates is less than one")


def with_random(recipe: Recipe) -> Recipe:
    """The recipe with a random verifier, which stands in every table: does the verifier do anything?"""
    if random_verifier(recipe) is not None:
        return recipe
    if RANDOM in recipe.verifiers:
        raise InputError(f"verifiers.{RANDOM}: this name is kept for a verifier of kind random")
    added = plugin("verifiers", RANDOM).model_validate({"kind": RANDOM})
    return recipe.model_copy(update={"verifiers": {**recipe.verifiers, RANDOM: added}})


def random_verifier(recipe: Recipe) -> str | None:
    """The name of the first verifier of kind random."""
    return next((name for name, options in recipe.verifiers.items() if options.kind == RANDOM), None)


def named_models(recipe: Recipe) -> dict[str, str | None]:
    """Every model name that stands for files or a hub repository, with the revision that the recipe gives it."""
    verifiers = recipe.verifiers.values()
    references = [recipe.base.model, *(options.model for options in verifiers), *map(adapter_of, verifiers)]
    named = sorted({name for name in references if name is not None and "/" in name})
    return {name: recipe.base.revision if name == recipe.base.model else None for name in named}


def adapter_of(options: Any) -> str | None:
    """The adapter that a verifier reads through; most kinds of verifiers have no such option."""
    return getattr(options, "adapter", None)
