"""What an experiment is: the typed schema of a recipe."""

from typing import Annotated, Any

from pydantic import Field

from summ_collapse.errors import InputError
from summ_collapse.plugins import plugin
from summ_collapse.recipe.blocks import (
    Base,
    Control,
    Evaluation,
    Generator,
    Launch,
    Options,
    Retrain,
    Selection,
    Synthesis,
    Wrong,
)

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
    controls: list[Control] = Field([], description="arms that no verifier selects; the task's own where absent")
    designs: list[str] = Field(["selection", "controls"], min_length=1, description="what is compared: installed designs")
    evaluation: Evaluation = Evaluation()
    launch: Launch = Launch()
    commits: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]] = Field(
        {}, description="commits that hub names stand for, by NAME or NAME@REVISION; what a run has frozen holds all of them"
    )


def with_random(recipe: Recipe) -> Recipe:
    """The recipe with a random verifier, which stands in every table: does the verifier do anything?"""
    if any(options.at_random for options in recipe.verifiers.values()):
        return recipe
    if RANDOM in recipe.verifiers:
        raise InputError(f"verifiers.{RANDOM}: this name is kept for a verifier of kind random")
    added = plugin("verifiers", RANDOM).model_validate({"kind": RANDOM})
    return recipe.model_copy(update={"verifiers": {**recipe.verifiers, RANDOM: added}})


def random_verifier(recipe: Recipe) -> str:
    """The name of the first verifier that knows nothing, of a recipe that `with_random` gave."""
    return next(name for name, options in recipe.verifiers.items() if options.at_random)
