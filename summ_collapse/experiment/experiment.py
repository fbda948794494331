"""From a recipe to its stages and their edges. Pure: no files, no models.

    experiment = Experiment(recipe, identities)
    experiment.stages["train/oracle-0.25"].fingerprint

Every stage's configuration holds whatever the recipe states that can change a byte of its result, and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from summ_collapse.errors import InputError
from summ_collapse.experiment.arms import VERDICT_BASELINE, Arm, Chosen, Generated, Model
from summ_collapse.graph import Graph
from summ_collapse.predict.predictor import FITTED
from summ_collapse.recipe.blocks import Ordering, Training, Variant
from summ_collapse.recipe.schema import Recipe, random_verifier, with_random
from summ_collapse.selection.strata import CLUSTERS
from summ_collapse.stages.stage import VERSIONS

UNRESOLVED: dict[str, Any] = {"unresolved": True}


@dataclass(frozen=True)
class Identities:
    """What names in the recipe stand for (`resolve.identity`): the task's data, and models by name."""

    task: Mapping[str, Any] = field(default_factory=lambda: UNRESOLVED)
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Experiment(Graph):
    """All stages of a recipe in an order in which they can run, and its arms."""

    def __init__(self, recipe: Recipe, identities: Identities) -> None:
        super().__init__(VERSIONS, len(recipe.seeds) > 1)
        self.recipe = with_random(recipe)
        self.identities = identities
        self.arms: list[Arm] = []
        self.slice_of: dict[str, float] = {}  # the generator's slice behind a stage
        self._add_shared()
        for seed in self.recipe.seeds:
            for share in self.recipe.generator.slices:
                before = set(self.stages)
                self._add_generator(seed, share)
                self.slice_of |= dict.fromkeys(self.stages.keys() - before, share)
        self._add_report()

    def _add_shared(self) -> None:
        task = self.recipe.task.model_dump(exclude={"size", "data", "revision"})
        if task.get("columns") is None:  # what was prepared without further columns stays valid
            task.pop("columns", None)
        self.prepare = self.add("prepare", "data", None, {"task": task, "data": dict(self.identities.task)}, {})
        base = self.recipe.base
        if base.tiny is None:
            assert base.model is not None
            self.base = Model(None, self.identities.models.get(base.model, UNRESOLVED))
            return
        config = {
            "tiny": base.tiny.model_dump(exclude={"pretrain": {"threads"}}),
            "task": self._task(),
            "dtype": base.dtype,
            "threads": base.tiny.pretrain.threads or self.recipe.launch.threads,
        }
        self.base = Model(self.add("pretrain", "base", None, config, {"examples": self.prepare}), None)

    def _add_generator(self, seed: int, share: float) -> None:
        recipe = self.recipe
        prefix = f"g{share:g}-" if len(recipe.generator.slices) > 1 else ""
        generator = self._train(f"{prefix}generator", seed, recipe.generator.train, self.base, {"from": "slice", "share": share})
        candidates = self.add(
            "generate",
            f"{prefix}generator",
            seed,
            {
                **self._reading(generator),
                "decoding": self._decoding(recipe.synthesis.decoding),
                "chunk_size": recipe.synthesis.chunk_size,
                "engine": recipe.synthesis.engine,
                "excluded_slice": share if recipe.synthesis.exclude_slice else 0.0,
            },
            {"examples": self.prepare, **self._roles("model", generator)},
        )
        judge = self._verify(f"{prefix}judge", {"kind": "rouge", "metric": recipe.wrong.metric}, seed, candidates, None)
        start = {"base": self.base, "generator": generator}[recipe.retrain.start]
        pool = Generated(seed, share, prefix, candidates, judge, generator, start)
        scores = self._add_verifiers(pool)
        for verifier, variant, how in self._selections():
            rates: Sequence[float | None] = how.rates or [None]
            for rate in rates:
                self._add_arm(pool, verifier, variant, how, rate, scores)
        self._add_controls(pool)

    def _selections(self) -> list[tuple[str, str | None, Variant]]:
        """(verifier, variant, how) of all arms; random stands at every rate that any arm has."""
        ways = self.recipe.selection.all()
        found = [(name, variant, how) for variant, how in ways.items() for name in how.verifiers or self.recipe.verifiers]
        random = random_verifier(self.recipe)
        assert random is not None, "with_random adds one"
        there = {rate for name, variant, how in found if name == random and variant is None for rate in how.rates or ()}
        lacking = sorted({rate for how in ways.values() for rate in how.rates or ()} - there)
        return [*found, (random, None, Variant(rates=lacking))] if lacking else found

    def _add_verifiers(self, pool: Generated) -> dict[str, str]:
        """The verifiers' own trainings, in an order in which each finds what it refers to, and their scores."""
        models = {"base": self.base, "generator": pool.generator}
        waiting = dict(self.recipe.verifiers)
        scores: dict[str, str] = {}
        while waiting:
            ready = [name for name, options in waiting.items() if not {options.model, *options.sources} & set(waiting)]
            if not ready:
                key = "of" if waiting[min(waiting)].sources else "model"
                raise InputError(f"verifiers.{min(waiting)}.{key}: verifiers refer to each other in a circle")
            for name in ready:
                options = waiting.pop(name)
                model = self._verifier_model(name, options, pool, models)
                if options.train is not None and model is not None:
                    models[name] = model
                # Which model it is, the inputs say; a path or a verifier's name would make equal scores look different.
                named = {"model": "model"} if model is not None else {}
                # Without defaults, so that a new option of a verifier leaves old scores valid.
                described = options.model_dump(exclude={"train", "adapter"}, exclude_defaults=True) | named
                sources = {source: scores[source] for source in options.sources}
                scores[name] = self._verify(pool.prefix + name, described, pool.seed, pool.candidates, model, sources)
        return scores

    def _verifier_model(self, name: str, options: Any, pool: Generated, models: Mapping[str, Model]) -> Model | None:
        if options.model is None:
            return None
        named = Model(None, self.identities.models.get(options.model, UNRESOLVED))
        model = models.get(options.model, named)
        adapter = options.adapter
        if adapter is not None:
            return Model(None, self.identities.models.get(adapter, UNRESOLVED), model)
        if options.train is None:
            return model
        training = Training.model_validate(options.train.model_dump(exclude={"slice"}))
        # Generators share what is trained from none of them.
        prefix = pool.prefix if self._from_generator(options.model) else ""
        return self._train(prefix + name, pool.seed, training, model, {"from": "slice", "share": options.train.slice})

    def _from_generator(self, model: str) -> bool:
        """Whether a verifier's model is the generator, or trained from it."""
        while model in self.recipe.verifiers:
            model = self.recipe.verifiers[model].model
        return model == "generator"

    def _train(
        self,
        arm: str,
        seed: int,
        training: Training,
        start: Model,
        rows: Mapping[str, Any],
        inputs: Mapping[str, str] | None = None,
    ) -> Model:
        config = {
            **self._reading(start, "base"),
            "training": training.model_dump(exclude={"start"}),
            "rows": rows,
            "below": self._below_name(start) if training.adapter else None,
        }
        sources = {"examples": self.prepare, **(inputs or {}), **self._roles("base", start)}
        name = self.add("train", arm, seed, config, sources)
        return Model(name, None, start if training.adapter else None)

    def _verify(
        self,
        arm: str,
        options: Mapping[str, Any],
        seed: int,
        candidates: str,
        model: Model | None,
        sources: Mapping[str, str] | None = None,
    ) -> str:
        synthesis = self.recipe.synthesis
        config: dict[str, Any] = {"verifier": dict(options)}
        if not sources:  # who reads others' scores ranks all candidates at once
            config["chunk_size"] = synthesis.chunk_size * synthesis.samples
        if model is not None:
            config |= {**self._reading(model), "batch_size": synthesis.batch_size}
            if synthesis.samples > 1:  # which rounds differently from reading the document anew for every candidate
                config["prompts"] = "shared"
        inputs = {"examples": self.prepare, "candidates": candidates, **(self._roles("model", model) if model else {})}
        return self.add(
            "verify", arm, seed, config, inputs | {f"scores of {name}": stage for name, stage in (sources or {}).items()}
        )

    def _add_arm(
        self, pool: Generated, verifier: str, variant: str | None, how: Variant, rate: float | None, scores: Mapping[str, str]
    ) -> None:
        name = "-".join([verifier, *([variant] if variant else []), *([f"{rate:g}"] if rate is not None else [])])
        ordering = _described(how) | {"rate": rate, "at_least": how.at_least}
        select = self._select(pool, name, scores[verifier], ordering)
        random = random_verifier(self.recipe)
        assert random is not None, "with_random adds one"
        baseline = f"{random}-as-{name}" if rate is None else f"{random}-{rate:g}"
        if rate is None:
            # A threshold's size is known only when it has selected, so random follows it.
            follow = {"across": "corpus", "rate": None, "at_least": None}
            size = self._select(pool, baseline, scores[random], follow, {"size": select})
            self._train_chosen(pool, baseline, Chosen(random, "random", None, None, scores[random], size, None))
        kind = self.recipe.verifiers[verifier].kind
        beside = None if name == baseline else baseline
        self._train_chosen(pool, name, Chosen(verifier, kind, variant, rate, scores[verifier], select, beside))

    def _select(
        self, pool: Generated, arm: str, scores: str, ordering: Mapping[str, Any], further: Mapping[str, str] | None = None
    ) -> str:
        config = {**ordering, "wrong_below": self.recipe.wrong.below, "generator_slice": pool.slice}
        reads_text = ordering.get("by") in ("length", "cluster") or "near_duplicates" in ordering
        inputs = {"examples": self.prepare, "scores": scores, "judge": pool.judge, **(further or {})}
        return self.add(
            "select", pool.prefix + arm, pool.seed, config, inputs | ({"candidates": pool.candidates} if reads_text else {})
        )

    def _train_chosen(self, pool: Generated, arm: str, chosen: Chosen) -> None:
        inputs = {"candidates": pool.candidates, "selection": chosen.select}
        model = self._train(pool.prefix + arm, pool.seed, self.recipe.retrain, pool.start, {"from": "selection"}, inputs)
        self._evaluate(arm, pool.seed, model, pool, chosen)

    def _add_controls(self, pool: Generated) -> None:
        for control in dict.fromkeys([*self.recipe.controls, VERDICT_BASELINE]):
            if control == "lead" or (control == "real-full" and pool.start is self.base):
                self._add_shared_control(pool, control)
            elif control == "generator":
                self._evaluate(control, pool.seed, pool.generator, pool)
            else:
                shares = {VERDICT_BASELINE: pool.slice, "real-full": 1.0}
                rows = {"from": "slice", "share": shares[control]} if control in shares else {"from": "candidates"}
                inputs = {} if control in shares else {"candidates": pool.candidates}
                name = pool.prefix + control
                model = self._train(name, pool.seed, self.recipe.retrain, pool.start, rows, inputs)
                self._evaluate(control, pool.seed, model, pool)

    def _add_shared_control(self, pool: Generated, control: str) -> None:
        """A control that no generator has a part in stands once, however many there are."""
        if pool.slice != self.recipe.generator.slices[0]:
            return
        rows = {"from": "slice", "share": 1.0}
        model = None if control == "lead" else self._train(control, pool.seed, self.recipe.retrain, pool.start, rows)
        self._evaluate(control, pool.seed, model, None if pool.prefix else pool)

    def _evaluate(
        self, arm: str, seed: int, model: Model | None, generated: Generated | None, chosen: Chosen | None = None
    ) -> None:
        """Add an arm and its evaluation; `generated` is the generator that it belongs to, None where generators share it."""
        prefix = generated.prefix if generated else ""
        metrics = {"metrics": list(self.recipe.evaluation.metrics)}
        if model is None:
            config: dict[str, Any] = {"predictor": "lead", **metrics}
            name = self.add("evaluate", arm, None, config, {"examples": self.prepare})
        else:
            config = {
                "predictor": "model",
                **metrics,
                **self._reading(model),
                "decoding": self._decoding("greedy"),
                "chunk_size": self.recipe.synthesis.chunk_size,
            }
            name = self.add("evaluate", prefix + arm, seed, config, {"examples": self.prepare, **self._roles("model", model)})
        beside = [VERDICT_BASELINE, chosen.random if chosen else None, "generator"]
        baselines = {role: prefix + role for role in beside if role is not None and role != arm} if generated else {}
        train = model.stage if model else None
        control = None if chosen else arm
        self.arms.append(Arm(prefix + arm, seed, name, train, control, chosen, generated, baselines))

    def _add_report(self) -> None:
        described = [arm.described() for arm in self.arms]
        reads = ("evaluate", "select", "train", "judge", "candidates", "scores")
        inputs = {arm[role]: arm[role] for arm in described for role in reads if arm[role] is not None}
        config = {
            "recipe": self.recipe.name,
            "arms": described,
            "evaluation": self.recipe.evaluation.model_dump(),
            "wrong": self.recipe.wrong.model_dump(),
            "excluded": self.recipe.synthesis.exclude_slice,
            "predictor": asdict(FITTED),
            "corrupted": {
                name: options.model_dump() for name, options in self.recipe.verifiers.items() if options.kind == "corrupted"
            },
        }
        self.add("report", "all", None, config, {"examples": self.prepare, **inputs})

    def _decoding(self, method: str) -> dict[str, Any]:
        """What a method of decoding depends on, and nothing that it ignores."""
        synthesis = self.recipe.synthesis
        common = {"method": method, "max_new_tokens": synthesis.max_new_tokens, "batch_size": synthesis.batch_size}
        if method == "sampling":
            return common | {"samples": synthesis.samples, "temperature": synthesis.temperature, "top_p": synthesis.top_p}
        return common | ({"samples": synthesis.samples, "beams": synthesis.beams} if method == "beam" else {})

    def _reading(self, model: Model, role: str = "model") -> dict[str, Any]:
        """What every stage that loads a model has in its configuration."""
        named: dict[str, Any] = {}
        place: Model | None = model
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

    def _roles(self, role: str, model: Model) -> dict[str, str]:
        """The stages that make a model and what lies below it, by role."""
        roles = {}
        place: Model | None = model
        while place is not None:
            if place.stage is not None:
                roles[role] = place.stage
            role, place = f"{role} below", place.below
        return roles

    def _below_name(self, model: Model) -> str:
        """What an adapter's configuration calls its base: a hub id, or the stage that made it."""
        if model.stage is not None:
            return f"{model.stage} {self.stages[model.stage].fingerprint[:12]}"
        identity = model.identity or UNRESOLVED
        return str(identity.get("id") or identity.get("sha256") or "unresolved")


def _described(how: Ordering) -> dict[str, Any]:
    """What an order of candidates depends on, and nothing that it ignores."""
    described: dict[str, Any] = {"across": how.across}
    if how.across == "strata":
        described["by"] = how.by or "cluster"
        if described["by"] in ("length", "cluster"):
            described["strata"] = how.strata or CLUSTERS
    further = {"temperature": how.temperature, "near_duplicates": how.near_duplicates}
    return described | {key: value for key, value in further.items() if value is not None}
