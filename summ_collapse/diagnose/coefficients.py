"""Coefficients of the predictor on a user's own runs: arms read from results, and the file that a fit travels in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from summ_collapse.errors import InputError
from summ_collapse.experiment.experiment import setting_of
from summ_collapse.predict.predictor import Features, Fit
from summ_collapse.predict.trial import VERSION, Arm, Trial, trial
from summ_collapse.recipe.blocks import MAIN
from summ_collapse.recipe.decoding import decoding_of
from summ_collapse.recipe.schema import Recipe
from summ_collapse.report.results import Entry, read_results
from summ_collapse.run import reopen

TRIAL = TypeAdapter(Trial)
EVERYTHING = {"verifier": "unfiltered", "verifier_kind": "none", "rate": 1.0}


def tried(folders: Sequence[Path]) -> Trial:
    """Fit the arms of finished runs; InputError where they are too few or too much alike."""
    arms = [arm for folder in folders for arm in arms_of(folder)]
    try:
        return trial(arms)
    except ValueError as error:
        raise InputError(f"predict fit: {', '.join(map(str, folders))}: {error}") from None


def arms_of(folder: Path, by_seed: bool = False, unfiltered: bool = False) -> list[Arm]:
    """All arms of a finished run that a verifier selected and whose slice was trained on too, over all seeds or under each.

    With `unfiltered` also that of all candidates, which no verifier chose.
    """
    results, recipe = read_results(folder), reopen(folder).experiment.recipe
    where = _Where(folder.name, recipe, setting_of(recipe))
    real = {entry.slice: entry.n_train for entry in results.main if entry.control == "real-slice"}
    # A generation learns from several pools, or from one that no slice stands behind.
    entries = [entry for entry in (results.single if by_seed else results.main) if entry.generation is None]
    if unfiltered:
        entries = [one.model_copy(update=EVERYTHING) if one.control == "unfiltered" else one for one in entries]
    read = (_arm(entry, int(real[entry.slice]), where, results.metric) for entry in entries if entry.slice in real)
    return [arm for arm in read if arm is not None]


@dataclass(frozen=True)
class _Where:
    """What all arms of a run have in common."""

    run: str
    recipe: Recipe
    setting: str

    def generator(self, pool: str | None) -> str:
        """How the candidates of a pool came about."""
        synthesis = self.recipe.synthesis
        how = decoding_of(synthesis.all()[pool or MAIN], synthesis.max_new_tokens)
        wrote = (replace(how, batch_size=0), synthesis.engine, synthesis.exclude_slice, synthesis.only_slice, synthesis.documents)
        learns = self.recipe.generator.train
        return f"{synthesis.candidates if learns is None else learns.model_dump_json()} {wrote}"


def _arm(entry: Entry, slice_rows: int, where: _Where, metric: str) -> Arm | None:
    """What a fit reads of an arm; None where something of it is not known."""
    observed, rate = entry.observed_delta(metric), entry.kept_fraction if entry.rate is None else entry.rate
    if observed is None or rate is None or entry.slice is None or entry.verifier_kind is None:
        return None
    if entry.weighted_error is None or entry.coverage_loss is None or entry.p is None or entry.kept_error is None:
        return None
    # Where all candidates are right, or all wrong, no verifier can tell them apart: it is worth what chance is.
    return Arm(
        name=entry.arm.removeprefix(f"g{entry.slice:g}-"),
        run=where.run,
        setting=where.setting,
        generator=where.generator(entry.pool),
        verifier_kind=entry.verifier_kind,
        rate=rate,
        corpus_rows=round(slice_rows / entry.slice),
        features=Features(int(entry.n_train), entry.weighted_error, entry.coverage_loss, entry.p, slice_rows),
        kept_error=entry.kept_error,
        p_star=0.5 if entry.p_star is None else entry.p_star,
        informedness=0.0 if entry.phi is None or entry.psi is None else entry.phi - entry.psi,
        delta=observed.delta,
        low=observed.low_all,
        high=observed.high_all,
        seed=entry.seed,
        kept_score=entry.kept_score,
    )


def read_fit(path: Path) -> Fit:
    """The coefficients of a file that `predict fit` wrote; InputError where it is another file."""
    try:
        found = TRIAL.validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"--coefficients {path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(
            f"--coefficients {path}: expected what `summ-collapse predict fit` writes; {where}: {first['msg']}"
        ) from None
    if found.version != VERSION:
        raise InputError(f"--coefficients {path}: expected version {VERSION}, got {found.version}; fit it anew")
    return found.fit
