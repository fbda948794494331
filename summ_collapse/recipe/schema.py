"""What an experiment is: the typed schema of a recipe."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any

from pydantic import Field, ValidationError

from summ_collapse.errors import InputError
from summ_collapse.plugins import plugin
from summ_collapse.recipe.blocks import (
    MAIN,
    Base,
    Control,
    Evaluation,
    Generator,
    Launch,
    Options,
    Retrain,
    Synthesis,
    Training,
    Wrong,
)
from summ_collapse.recipe.generations import Generations
from summ_collapse.recipe.mixtures import Mixtures
from summ_collapse.recipe.preference import Preference
from summ_collapse.recipe.selecting import Selection
from summ_collapse.recipe.soft import Soft
from summ_collapse.recipe.theirs import Theirs

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
    generations: Generations | None = Field(
        None, description="of the design `generations`: regimes of training on one's own output"
    )
    preference: Preference | None = Field(
        None, description="of the design `preference`: learning from verdicts on the learner's own samples"
    )
    soft: Soft | None = Field(None, description="of the design `soft`: a noisy verdict as row weights")
    mixtures: Mixtures | None = Field(None, description="of the design `mixtures`: real rows beside synthetic ones")
    arms: dict[Annotated[str, Field(pattern=r"^[A-Za-z][\w-]*$")], Theirs] = Field(
        {}, description="of the design `theirs`: models trained by other means, by the name that they have in the table"
    )
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


def read_by(recipe: Recipe, verifier: str) -> set[str]:
    """The verifier, and those whose scores or models it reads, directly or not."""
    found: set[str] = set()
    waiting = [verifier]
    while waiting:
        name = waiting.pop()
        if name in recipe.verifiers and name not in found:
            found.add(name)
            options = recipe.verifiers[name]
            waiting += [*options.sources, *([options.model] if options.model is not None else [])]
    return found


def with_read(recipe: Recipe, verifiers: Iterable[str]) -> dict[str, Any]:
    """These verifiers and all that they read, in the recipe's order."""
    read = {other for name in verifiers for other in read_by(recipe, name)}
    return {name: options for name, options in recipe.verifiers.items() if name in read}


def samples_needed(recipe: Recipe, verifier: str) -> int:
    """How many candidates a document the verifier needs, with those that it reads."""
    return max(int(recipe.verifiers[name].samples) for name in read_by(recipe, verifier))


def scoring(recipe: Recipe, pool: str) -> dict[str, Any]:
    """The verifiers that score a pool, of a recipe that `with_random` gave.

    Of the main one all that it has candidates enough for; of a further one those that its arms are selected by.
    """
    wanted = {name for name in recipe.verifiers if samples_needed(recipe, name) <= recipe.synthesis.all()[pool].samples}
    preference = recipe.preference
    if pool != MAIN:
        selecting = {name for how in recipe.selection.of(pool).values() for name in how.verifiers or recipe.verifiers}
        selecting |= {how.keep.by for how in recipe.selection.of(pool).values() if how.keep is not None}
        if preference is not None and preference.pool == pool:
            selecting.add(preference.verifier)
        wanted &= {random_verifier(recipe), *selecting}
    return with_read(recipe, wanted)


def trainings(recipe: Recipe) -> dict[str, Training]:
    """Every fine-tuning of the recipe by its key; without those of regimes that cannot be, which checks tell of."""
    learnt = {"generator.train": recipe.generator.train, "retrain": recipe.retrain}
    found: dict[str, Training] = {where: one for where, one in learnt.items() if one is not None}
    found |= {f"verifiers.{name}.train": one.train for name, one in recipe.verifiers.items() if one.train is not None}
    for name, regime in (recipe.generations.regimes if recipe.generations else {}).items():
        if regime.training:
            with suppress(ValidationError):
                found[f"generations.regimes.{name}.training"] = regime.retrained(recipe.retrain)
    if recipe.preference is not None and recipe.preference.train is not None:
        found["preference.train"] = recipe.preference.train
    return found


def random_verifier(recipe: Recipe) -> str:
    """The name of the first verifier that knows nothing, of a recipe that `with_random` gave."""
    return next(name for name, options in recipe.verifiers.items() if options.at_random)
