"""Pools from a run's folder: what its generate and verify stages left, a pool a seed and generator."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from summ_collapse.diagnose.candidates import Candidates
from summ_collapse.errors import InputError
from summ_collapse.experiment.arms import Pool
from summ_collapse.recipe.schema import Recipe
from summ_collapse.report.lines.mixtures import answer
from summ_collapse.report.predicted import graded, real_texts
from summ_collapse.report.results import read_results
from summ_collapse.run import Run, reopen
from summ_collapse.stages.prepare import Counts, slice_rows
from summ_collapse.store import Artifact


def pools_of_run(out: Path) -> tuple[Recipe, list[Candidates]]:
    """The run's recipe, and each seed's and generator's candidates with all verifiers' scores.

    InputError where a stage is not done yet.
    """
    run = reopen(out)
    return run.experiment.recipe, [_pool(run, pool) for pool in run.experiment.pools]


def mixture_of_run(out: Path) -> str | None:
    """Which mixture of real and synthetic rows did best, where the run has trained any and finished."""
    try:
        return answer(read_results(out))
    except InputError:  # it has not finished, which a diagnosis does not need
        return None


@dataclass(frozen=True)
class PoolFiles:
    """Where a run keeps one of its pools: what can be labelled without a reference, and so no oracle's scores."""

    candidates: Path
    scores: dict[str, Path]
    documents: Path
    seed: int
    others: int  # further pools of the run


def files_of_run(out: Path) -> PoolFiles:
    """Of the run's first pool; InputError where a stage is not done yet, or no verifier could be had without references."""
    run = reopen(out)
    recipe, (pool, *others) = run.experiment.recipe, run.experiment.pools
    honest = {name: node for name, node in pool.scores.items() if not _reads_reference(name, recipe)}
    if not honest:
        raise InputError(f"{out}: all of its verifiers read the references: nothing to label for")
    return PoolFiles(
        _artifact(run, pool.candidates.name).path / "candidates.parquet",
        {name: _artifact(run, node.name).path / "scores.parquet" for name, node in honest.items()},
        _artifact(run, run.experiment.prepare.name).path / "train.parquet",
        pool.seed,
        len(others),
    )


def _pool(run: Run, pool: Pool) -> Candidates:
    recipe = run.experiment.recipe
    metric = recipe.evaluation.metrics[0]
    candidates = _artifact(run, pool.candidates.name).table("candidates", ["id", "sample", "candidate"])
    examples = _artifact(run, run.experiment.prepare.name)
    ids = candidates["id"].combine_chunks()
    return Candidates(
        ids=ids,
        samples=candidates["sample"].to_numpy().astype(np.int64),
        texts=candidates["candidate"],
        document=ids.dictionary_encode().indices.to_numpy().astype(np.int64),
        scores={name: _scores(run, node.name, candidates) for name, node in pool.scores.items()},
        quality=_scores(run, pool.judge.name, candidates),
        oracles=frozenset(name for name in recipe.verifiers if _reads_reference(name, recipe)),
        seed=pool.seed,
        slice=pool.slice,
        pool=None if pool.main else pool.name,
        slice_rows=slice_rows(Counts.of(examples).train, pool.slice) if pool.slice is not None else None,
        real=real_texts(examples.table("train"), pool.slice),
        # Where the judge's metric is the report's first, `quality` has these scores already.
        graded=None if metric == recipe.wrong.metric else graded(examples.table("train"), candidates, metric),
    )


def _reads_reference(name: str, recipe: Recipe) -> bool:
    """Whether a verifier reads the reference, itself or through the verifiers whose scores it reads."""
    options = recipe.verifiers[name]
    return bool(options.reads_reference) or any(_reads_reference(source, recipe) for source in options.sources)


def _scores(run: Run, name: str, candidates: pa.Table) -> np.ndarray:
    table = _artifact(run, name).table("scores", ["id", "sample", "score"])
    if not (table["id"].equals(candidates["id"]) and table["sample"].equals(candidates["sample"])):
        raise InputError(f"{run.out}: {name}: expected scores in the order of the candidates, got another")
    return table["score"].to_numpy()


def _artifact(run: Run, name: str) -> Artifact:
    artifact = run.artifact(name)
    if artifact is None:
        raise InputError(
            f"{run.out}: {name} is not done; `summ-collapse run {run.out}/recipe.json --out {run.out} "
            f"--until 'verify/*'` does what a diagnosis needs"
        )
    if damage := artifact.damage():
        raise InputError(f"{run.out}: {name}: {damage}")
    return artifact
