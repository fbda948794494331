"""What an experiment is: the typed schema of a recipe, its YAML file, `key=value` overrides, and their errors.

    recipe = load(Path("recipes/demo.yaml"), ["retrain.learning_rate=1e-3"])

Every task and verifier brings a light options class (`plugins.py` finds it), so that validating a recipe imports no model
library.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from summ_collapse.errors import InputError
from summ_collapse.plugins import installed, nearest, plugin, unknown_metric
from summ_collapse.recipe.blocks import (
    CONTROLS,
    Base,
    Control,
    Evaluation,
    Generator,
    Launch,
    Options,
    Retrain,
    Selection,
    Synthesis,
    Training,
    Wrong,
)
from summ_collapse.recipe.errors import describe
from summ_collapse.recipe.file import read_recipe

RANDOM = "random"


class Recipe(Options):
    """One experiment."""

    name: str = Field(pattern=r"^[\w.-]+$", description="letters, digits, '.', '_' and '-'")
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0], min_length=1, description="seeds of training, sampling and `random`")
    task: Any = Field(description="where examples come from: the options of an installed task, by `kind`")
    base: Base
    generator: Generator
    synthesis: Synthesis = Synthesis()
    verifiers: dict[Annotated[str, Field(pattern=r"^[A-Za-z][\w-]*$")], Any] = Field(
        description="how candidates are scored: options of installed verifiers, by `kind`"
    )
    wrong: Wrong = Wrong()
    selection: Selection
    retrain: Retrain
    controls: list[Control] = Field(list(CONTROLS), description="arms that no verifier selects")
    evaluation: Evaluation = Evaluation()
    launch: Launch = Launch()


def load(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in `path` with overrides applied; InputError names the file, the key, what was expected and what came."""
    raw = read_recipe(path, overrides)
    return validate(raw, source=str(path), folder=path.resolve().parent)


def validate(raw: Mapping[str, Any], source: str, folder: Path | None = None) -> Recipe:
    """`raw` as a Recipe; `source` names it in errors, `folder` is what its relative paths start from."""
    problems: list[str] = []
    body = dict(raw)
    context = {"folder": folder}

    def plug(group: str, value: Any, where: tuple[str | int, ...]) -> Any:
        try:
            return _plugged(group, value, where, context)
        except ValidationError as error:
            schema = plugin(group, str(value["kind"]))
            problems.extend(describe(detail, schema, where) for detail in error.errors())
        except InputError as error:
            problems.append(str(error))
        return Options()

    if "task" in body:
        body["task"] = plug("tasks", body["task"], ("task",))
    if isinstance(body.get("verifiers"), Mapping):
        body["verifiers"] = {name: plug("verifiers", value, ("verifiers", name)) for name, value in body["verifiers"].items()}
    recipe = None
    try:
        recipe = Recipe.model_validate(body, context=context)
    except ValidationError as error:
        problems.extend(describe(detail, Recipe) for detail in error.errors())
    if recipe is not None and not problems:
        problems = _contradictions(recipe)
    if problems or recipe is None:
        raise InputError("\n".join(f"{source}: {problem}" for problem in problems))
    return recipe


def json_schema() -> dict[str, Any]:
    """The recipe's JSON schema, with every installed task and verifier, for editors."""
    schema = Recipe.model_json_schema(by_alias=True)
    choices: dict[str, Any] = {}
    for group in ("tasks", "verifiers"):
        found = [plugin(group, name).model_json_schema(by_alias=True) for name in installed(group)]
        for kind in found:
            # References are resolved from the root, so that is where definitions have to be.
            schema["$defs"] |= kind.pop("$defs", {})
        choices[group] = {"oneOf": found}
    schema["properties"]["task"] = choices["tasks"]
    schema["properties"]["verifiers"] = {"type": "object", "additionalProperties": choices["verifiers"]}
    return schema


def _plugged(group: str, value: Any, where: tuple[str | int, ...], context: Mapping[str, Any]) -> Options:
    path = ".".join(map(str, where))
    if not isinstance(value, Mapping):
        raise InputError(f"{path}: expected a block with a `kind`, got {value!r}")
    if "kind" not in value:
        raise InputError(f"{path}.kind: missing; expected one of {', '.join(installed(group))}")
    try:
        options = plugin(group, str(value["kind"]))
    except InputError as error:
        raise InputError(f"{path}.kind: {error}") from None
    return options.model_validate(value, context=context)


def _contradictions(recipe: Recipe) -> list[str]:
    """What no single key shows to be wrong."""
    problems = []
    for where, name in [("wrong.metric", recipe.wrong.metric), *(("evaluation.metrics", n) for n in recipe.evaluation.metrics)]:
        problems += [f"{where}: {problem}" for problem in unknown_metric(name)]
    for where, values in (
        ("seeds", recipe.seeds),
        ("evaluation.metrics", recipe.evaluation.metrics),
        ("controls", recipe.controls),
        ("generator.slice", [f"{share:g}" for share in recipe.generator.slices]),
    ):
        if len(set(values)) < len(values):
            problems.append(f"{where}: expected each value once, got {values}")
    reserved = {"judge", *CONTROLS, "base"} & set(recipe.verifiers)
    if reserved:
        problems.append(f"verifiers.{min(reserved)}: this name stands for something else; choose another")
    names = {"base", "generator", *(name for name, options in recipe.verifiers.items() if options.train is not None)}
    for name, verifier in recipe.verifiers.items():
        problems += [f"verifiers.{name}.{problem}" for problem in verifier.problems(names - {name})]
    problems += _verifiers_in_need(recipe) + _selections(recipe) + _quantised(recipe)
    if recipe.base.dtype == "float32" and recipe.launch.train in ("fsdp", "zero3"):
        problems.append(
            f"base.dtype: float32, and the configuration of launch.train, {recipe.launch.train}, computes in bfloat16"
        )
    tiny = recipe.base.tiny
    budget = recipe.task.max_document_tokens
    if tiny is not None and budget + recipe.synthesis.max_new_tokens >= tiny.positions:
        problems.append(
            f"task.max_document_tokens: a document of {budget} tokens and a completion of {recipe.synthesis.max_new_tokens} "
            f"leave no room for the prompt in base.tiny.positions ({tiny.positions})"
        )
    return problems


def _verifiers_in_need(recipe: Recipe) -> list[str]:
    """Verifiers that read scores which nobody makes, or more candidates than there are."""
    problems = []
    for name, verifier in recipe.verifiers.items():
        if len(set(verifier.sources)) < len(verifier.sources):
            problems.append(f"verifiers.{name}.of: expected each name once, got {list(verifier.sources)}")
        others = sorted(set(recipe.verifiers) - {name})
        problems += [
            f"verifiers.{name}.of: {source!r} is no other verifier of this recipe{nearest(source, others)}; "
            f"expected one of {', '.join(others)}"
            for source in verifier.sources
            if source not in others
        ]
        if recipe.synthesis.samples < verifier.samples:
            problems.append(
                f"verifiers.{name}.kind: {verifier.kind} needs synthesis.samples of at least {verifier.samples}, "
                f"got {recipe.synthesis.samples}"
            )
    return problems


def _selections(recipe: Recipe) -> list[str]:
    """Selections that name no verifier of the recipe, or whose arms could not be told apart."""
    problems = []
    names: list[str] = []
    for variant, how in recipe.selection.all().items():
        where = f"selection.variants.{variant}" if variant else "selection"
        problems += [
            f"{where}.verifiers: {name!r} is no verifier of this recipe{nearest(name, list(recipe.verifiers))}"
            for name in how.verifiers or ()
            if name not in recipe.verifiers
        ]
        if len({f"{rate:g}" for rate in how.rates or ()}) < len(how.rates or ()):
            problems.append(f"{where}.rates: expected each value once, got {[f'{rate:g}' for rate in how.rates or ()]}")
        if len(set(how.verifiers or ())) < len(how.verifiers or ()):
            problems.append(f"{where}.verifiers: expected each name once, got {how.verifiers}")
        names += [f"{name}-{variant}" for name in how.verifiers or recipe.verifiers if variant]
    clashes = {name for name in names if name in recipe.verifiers}
    if clashes:
        problems.append(f"verifiers.{min(clashes)}: this is also what a variant's arms are called; rename one")
    return problems


def _quantised(recipe: Recipe) -> list[str]:
    """Where QLoRA cannot be: on a model that is sharded, or on top of an adapter."""
    trainings: dict[str, Training] = {"generator.train": recipe.generator.train, "retrain": recipe.retrain}
    trainings |= {f"verifiers.{name}.train": v.train for name, v in recipe.verifiers.items() if v.train is not None}
    problems = []
    for where, training in trainings.items():
        if training.method == "qlora" and recipe.launch.train in ("fsdp", "zero3"):
            problems.append(
                f"{where}.method: qlora runs on whole models (single, ddp), and launch.train is {recipe.launch.train}"
            )
    if recipe.retrain.method == "qlora" and recipe.retrain.start == "generator" and recipe.generator.train.adapter:
        problems.append("retrain.method: qlora starts from a whole model, and generator.train makes an adapter")
    return problems


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
    references = [recipe.base.model, *(options.model for options in verifiers), *(options.adapter for options in verifiers)]
    named = sorted({name for name in references if name is not None and "/" in name})
    return {name: recipe.base.revision if name == recipe.base.model else None for name in named}
