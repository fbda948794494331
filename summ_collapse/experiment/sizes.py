"""Whether a recipe's slices and selections hold any rows, once the number of rows is known."""

from summ_collapse.errors import InputError
from summ_collapse.recipe.blocks import SliceTraining
from summ_collapse.recipe.mixtures import Mixtures
from summ_collapse.recipe.schema import Recipe, trainings
from summ_collapse.selection.order import selection_rows
from summ_collapse.stages.prepare import Counts, slice_rows


def check_sizes(recipe: Recipe, there: Counts) -> None:
    """InputError where a slice or a selection would be empty."""
    if there.test < 2:
        raise InputError(f"task: expected at least 2 test rows, got {there.test}")
    shares = {"generator.slice": min(recipe.generator.slices)}
    for name, options in recipe.verifiers.items():
        if options.train is not None:
            shares[f"verifiers.{name}.train.slice"] = options.train.slice
    for name, regime in (recipe.generations.regimes if recipe.generations else {}).items():
        if regime.real_share:
            shares[f"generations.regimes.{name}.real"] = min(recipe.generator.slices) * regime.real_share
    mixtures = recipe.mixtures
    if mixtures is not None:
        shares["mixtures.real"] = min((share for share in mixtures.real or [] if share), default=1.0)
    for where, share in shares.items():
        if slice_rows(there.train, share) < 1:
            raise InputError(f"{where}: {share} of {there.train} training rows is less than one row")
    for where, training in trainings(recipe).items():
        stopping = training.early_stopping
        if stopping is None:
            continue
        share = training.slice if isinstance(training, SliceTraining) else min(recipe.generator.slices)
        trained_on = slice_rows(there.train, share * (1 - stopping.share))
        held_out = slice_rows(there.train, share) - trained_on
        if min(held_out, trained_on) < 1:
            raise InputError(
                f"{where}.early_stopping.share: {stopping.share} of {held_out + trained_on} real rows leaves {held_out} "
                f"to look at and {trained_on} to learn from; expected at least one of each"
            )
    if recipe.synthesis.candidates is not None:
        return  # how many of them are of use is known when they are read
    excluded = slice_rows(there.train, max(recipe.generator.slices)) if recipe.synthesis.exclude_slice else 0
    documents = min(there.train - excluded, recipe.synthesis.documents or there.train)
    for name, drawn in recipe.synthesis.all().items():
        pool = documents * drawn.samples
        for variant, how in recipe.selection.of(name).items():
            for rate in how.rates or ():
                if selection_rows(pool, rate) < 1:
                    where = f"selection.variants.{variant}.rates" if variant else "selection.rates"
                    raise InputError(f"{where}: {rate} of {pool} candidates is less than one")
    main = documents * recipe.synthesis.samples
    if mixtures is not None:
        _check_mixtures(mixtures, main, min(mixtures.rates or recipe.selection.rates))
    for name, regime in (recipe.generations.regimes if recipe.generations else {}).items():
        if regime.rate is not None and selection_rows(main, regime.rate / regime.generators) < 1:
            shared = f" and {regime.generators} generators" if regime.generators > 1 else ""
            raise InputError(f"generations.regimes.{name}.rate: {regime.rate} of {main} candidates{shared} is less than one")


def _check_mixtures(wanted: Mixtures, pool: int, rate: float) -> None:
    """InputError where a pool of so many candidates cannot give as many synthetic rows as a mixture is to have."""
    most = max(wanted.synthetic or [0])
    there = pool if wanted.verifiers == [] else selection_rows(pool, rate)
    if there < max(1, most):
        what = f"{rate:g} of {pool} candidates" if there < pool else "the whole pool"
        raise InputError(f"mixtures.synthetic: expected at most {there}, of {what}, got {most}")
