"""What stages would say of data and models before any of them trains: `prepare` whole, and the room that texts need."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from summ_collapse.experiment.experiment import experiment_of
from summ_collapse.experiment.sizes import check_sizes
from summ_collapse.models.encoder import Encoder
from summ_collapse.plan.check_site import Finding
from summ_collapse.recipe.resolve import references, resolve
from summ_collapse.recipe.schema import Recipe
from summ_collapse.stages.prepare import Counts
from summ_collapse.stages.stage import Context


def prepares(recipe: Recipe) -> Iterator[Finding]:
    """The stage itself, on all rows, into a folder that is thrown away; and whether any slice or selection would be empty."""
    names = {one.key: resolve(one, recipe.commits) for one in references(recipe.task)}
    stage = experiment_of(recipe, names).prepare.stage
    with tempfile.TemporaryDirectory() as folder:
        work, out = Path(folder) / "work", Path(folder) / "out"
        work.mkdir()
        out.mkdir()
        done = stage.run(Context("prepare/data", {}, 0, work, out, 1, lambda *_: None))
    counts = Counts.of_notes(done.notes)
    rejected = ", ".join(f"{rows:,} {reason}" for reason, rows in done.rejected.items())
    told = f"{counts.train:,} rows to learn from, {counts.test:,} held out; rejected: {rejected or 'none'}"
    yield Finding("prepare", "ok", told)
    check_sizes(recipe, counts)


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
