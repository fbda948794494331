"""What stages would say of data and models before any of them trains: all of `prepare`, the rest rehearsed, the room of texts."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from summ_collapse.errors import InputError
from summ_collapse.experiment.experiment import experiment_of
from summ_collapse.experiment.sizes import check_sizes
from summ_collapse.models.encoder import Encoder
from summ_collapse.plan.check_site import Finding
from summ_collapse.plan.rehearsal import Rehearsal
from summ_collapse.recipe.resolve import Name, Reference, references, resolve, unresolved
from summ_collapse.recipe.schema import Recipe, trainings
from summ_collapse.stages.prepare import Counts


def stages(recipe: Recipe) -> Iterator[Finding]:
    """`prepare` itself, on all rows; whether any slice or selection would be empty; and a rehearsal of what comes after.

    InputError where `prepare` would end with it, or rows are too few.
    """
    experiment = experiment_of(recipe, {one.key: _resolved(one, recipe) for one in references(recipe)})
    with tempfile.TemporaryDirectory() as folder:
        rehearsal = Rehearsal(experiment, Path(folder))
        done = rehearsal.prepare()
        counts = Counts.of_notes(done.notes)
        rejected = ", ".join(f"{rows:,} {reason}" for reason, rows in done.rejected.items())
        told = f"{counts.train:,} rows to learn from, {counts.test:,} held out; rejected: {rejected or 'none'}"
        yield Finding("prepare", "ok", told)
        check_sizes(recipe, counts)
        yield from rehearsal.findings()


def _resolved(one: Reference, recipe: Recipe) -> Name:
    """What a name stands for; of a model that is not there, which another check tells, as much as the name says."""
    try:
        return resolve(one, recipe.commits)
    except InputError:
        if one.kind == "dataset":
            raise
        return unresolved(one.name)


def room(recipe: Recipe, encoder: Encoder, longest_summary: int) -> Iterator[Finding]:
    """Whether the longest prompt fits the base with what it is to write, and with the longest summary of the sample.

    InputError where a stage would end with it.
    """
    tiny = recipe.base.tiny
    if tiny is not None:
        positions: int | None = tiny.positions
    else:
        from summ_collapse.models.loading import ModelSource
        from summ_collapse.models.loading import positions as positions_of

        name = next(resolve(one, recipe.commits) for one in references(recipe.base) if one.where == "model")
        positions = positions_of(ModelSource(name.place, name.commit))
    completion = max(recipe.synthesis.max_new_tokens, longest_summary)
    encoder.check_room(positions, completion)
    needed = encoder.prompt_overhead + encoder.max_document_tokens + completion
    of = "any number of" if positions is None else f"{positions:,}"
    yield Finding("room", "ok", f"prompt and completion need up to {needed:,} of the base's {of} positions")


def batches(recipe: Recipe, shape: str, ranks: int) -> Iterator[Finding]:
    """Trainings in this shape whose batch so many ranks cannot share."""
    from summ_collapse.models.training import rows_a_pass

    for where, training in trainings(recipe).items():
        if recipe.launch.training(training.method) == shape:
            try:
                rows_a_pass(training, ranks)
            except InputError as error:
                yield Finding("launch", "failed", f"{where}.{error}")
