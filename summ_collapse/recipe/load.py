"""A recipe from its file: YAML and overrides, every block's schema, checks over several keys; errors name the key.

    recipe = load(Path("recipes/demo.yaml"), ["retrain.learning_rate=1e-3"])

Every task and verifier brings a light options class (`plugins.py` finds it), so that validating a recipe imports no model
library.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue, ValidationError

from summ_collapse.errors import InputError
from summ_collapse.plugins import installed, plugin
from summ_collapse.recipe.blocks import Options
from summ_collapse.recipe.checks import contradictions
from summ_collapse.recipe.errors import describe
from summ_collapse.recipe.file import read_recipe
from summ_collapse.recipe.schema import Recipe


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
        recipe = _with_the_tasks_own(recipe)
        problems = contradictions(recipe)
    if problems or recipe is None:
        raise InputError("\n".join(f"{source}: {problem}" for problem in problems))
    return recipe


def _with_the_tasks_own(recipe: Recipe) -> Recipe:
    """The recipe with its task's metrics and controls where it names none."""
    if "controls" not in recipe.model_fields_set:
        recipe = recipe.model_copy(update={"controls": list(recipe.task.controls)})
    if "metrics" not in recipe.evaluation.model_fields_set:
        evaluation = recipe.evaluation.model_copy(update={"metrics": list(recipe.task.metrics)})
        recipe = recipe.model_copy(update={"evaluation": evaluation})
    return recipe


def json_schema() -> dict[str, JsonValue]:
    """The recipe's JSON schema, with every installed task and verifier, for editors."""
    schema = Recipe.model_json_schema(by_alias=True)
    choices = {}
    for group in ("tasks", "verifiers"):
        found = [plugin(group, name).model_json_schema(by_alias=True) for name in installed(group)]
        for kind in found:
            # References are resolved from the root, so that is where definitions have to be.
            schema["$defs"] |= kind.pop("$defs", {})
        choices[group] = {"oneOf": found}
    verifiers = {"type": "object", "additionalProperties": choices["verifiers"]}
    schema["properties"] |= {"task": choices["tasks"], "verifiers": verifiers}
    return schema


def _plugged(group: str, value: Any, where: tuple[str | int, ...], context: Mapping[str, Path | None]) -> Options:
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
