"""Pools from a run's folder: what its generate and verify stages left, a pool a seed."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from summ_collapse.errors import InputError
from summ_collapse.experiment import Stage
from summ_collapse.launch.runs import Run
from summ_collapse.launch.status import reopen
from summ_collapse.recipe import Recipe
from summ_collapse.report.evidence import Pool
from summ_collapse.stages.prepare import slice_rows
from summ_collapse.store import Artifact

JUDGE = "judge"
READS_REFERENCE = "rouge"


def pools_of_run(out: Path) -> tuple[Recipe, list[Pool]]:
    """The run's recipe, and each seed's candidates with all verifiers' scores; InputError where a stage is not done yet."""
    opened = reopen(out)
    recipe = opened.experiment.recipe
    return recipe, [_pool(opened, seed) for seed in recipe.seeds]


def _pool(opened: Run, seed: int) -> Pool:
    recipe = opened.experiment.recipe
    stages = {stage.arm: stage for stage in opened.experiment.stages.values() if stage.kind == "verify" and stage.seed == seed}
    judge = stages[JUDGE]
    candidates = _artifact(opened, judge.inputs["candidates"]).table("candidates", ["id", "sample", "candidate"])
    examples = _artifact(opened, judge.inputs["examples"])
    ids = candidates["id"].combine_chunks()
    return Pool(
        ids=ids,
        samples=candidates["sample"].to_numpy().astype(np.int64),
        texts=candidates["candidate"],
        document=ids.dictionary_encode().indices.to_numpy().astype(np.int64),
        scores={name: _scores(opened, stages[name], candidates) for name in recipe.verifiers},
        quality=_scores(opened, judge, candidates),
        oracles=_oracles(recipe.verifiers),
        seed=seed,
        slice_rows=slice_rows(examples.manifest["notes"]["train_rows"], recipe.generator.slice),
    )


def _oracles(verifiers: Mapping[str, object]) -> frozenset[str]:
    """The verifiers that read the reference."""
    return frozenset(name for name, options in verifiers.items() if getattr(options, "kind", None) == READS_REFERENCE)


def _scores(opened: Run, stage: Stage, candidates: pa.Table) -> np.ndarray:
    table = _artifact(opened, stage.name).table("scores", ["id", "sample", "score"])
    if not (table["id"].equals(candidates["id"]) and table["sample"].equals(candidates["sample"])):
        raise InputError(f"{opened.out}: {stage.name}: expected scores in the order of the candidates, got another")
    return table["score"].to_numpy()


def _artifact(opened: Run, name: str) -> Artifact:
    artifact = opened.artifact(name)
    if artifact is None:
        raise InputError(
            f"{opened.out}: {name} is not done; `summ-collapse run {opened.out}/recipe.json --out {opened.out} "
            f"--until 'verify/*'` does what a diagnosis needs"
        )
    damage = artifact.damage()
    if damage:
        raise InputError(f"{opened.out}: {name}: {damage}")
    return artifact
