"""What no change of structure may change: every shipped recipe's stages, and the bytes of a small run.

python -m tests.golden.test_golden      # writes the files anew, where a change is meant
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from summ_collapse.launch.shapes import shape_of
from summ_collapse.plan.plan import plan
from summ_collapse.recipe.load import load
from tests.conftest import ENVIRONMENT, SMALL, command

HERE = Path(__file__).parent
RECIPES = sorted((HERE.parents[1] / "recipes").glob("*.yaml"))
RUN = HERE / "small_run.txt"

# One code path on every x86-64 processor: otherwise kernels are chosen by what the processor has, and sums round differently.
ONE_PATH = {
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "COMPATIBLE",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Nehalem",
    "OMP_NUM_THREADS": "1",
}
DIGESTED = ("candidates.parquet", "scores.parquet", "predictions.parquet", "table.csv")


def described(recipe: Path) -> str:
    """A block a stage: its name, seed and launch shape, and below it the stages that it reads.

    Of generations three, and one seed of them and of preferences: those after them are made alike.
    """
    whole = load(recipe)
    changes = ["generations.rounds=3"] if whole.generations is not None else []
    changes += ["seeds=[0]"] if whole.generations is not None or whole.preference is not None else []
    experiment = plan(load(recipe, changes), None).experiment
    lines = []
    for stage in experiment.stages.values():
        lines.append(f"{stage.name}  seed {stage.seed}  {shape_of(stage, experiment.recipe.launch)}")
        lines += [f"    {source}" for source in sorted(set(stage.inputs.values()))]
    return "\n".join(lines) + "\n"


def digests(folder: Path) -> str:
    """A line a file of data that a small run leaves, with its SHA-256."""
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(SMALL, sort_keys=False))
    done = subprocess.run(
        command("run", recipe, "--out", folder / "run"),
        env={**os.environ, **ENVIRONMENT, **ONE_PATH},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    files = (file for file in (folder / "run" / "stages").rglob("*") if file.name in DIGESTED)
    named = {f"{file.parents[2].name}/{file.parents[1].name}/{file.name}": file.read_bytes() for file in files}
    return "".join(f"{name}  {hashlib.sha256(named[name]).hexdigest()}\n" for name in sorted(named))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_has_the_stages_it_had(recipe: Path) -> None:
    assert described(recipe) == (HERE / "graphs" / f"{recipe.stem}.txt").read_text()


def test_a_small_run_has_the_bytes_it_had(tmp_path: Path) -> None:
    assert digests(tmp_path) == RUN.read_text()


def _write() -> None:
    import tempfile

    for recipe in RECIPES:
        (HERE / "graphs" / f"{recipe.stem}.txt").write_text(described(recipe))
    with tempfile.TemporaryDirectory() as folder:
        RUN.write_text(digests(Path(folder)))


if __name__ == "__main__":
    sys.exit(_write())
