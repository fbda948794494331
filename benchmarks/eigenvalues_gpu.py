"""Ten minutes of `recipes/eigenvalues.yaml` on one GPU: how many examples a second it trains on, generates and scores.

    python benchmarks/eigenvalues_gpu.py --runs /scratch/eigenvalues --out benchmarks/results/eigenvalues_gpu.json

It is the recipe itself with fewer matrices, fewer steps and one seed, through the command line; what is measured stands in the
stages' manifests. Accuracies of so short a training mean nothing.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

RECIPE = Path(__file__).parents[1] / "recipes" / "eigenvalues.yaml"
CUT = (
    "seeds=[0]",
    "task.rows=40000",
    "task.test=2000",
    "generator.slice=0.5",
    "generator.train.steps=600",
    "retrain.steps=600",
    "generator.train.warmup_steps=50",
    "retrain.warmup_steps=50",
    "controls=[generator]",
    "selection.verifiers=[oracle]",
    "selection.variants={}",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=Path, required=True, help="folder for the run")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("overrides", nargs="*", help="further cuts, such as base.tiny.layers=1 to try the script on CPU")
    options = parser.parse_args()
    if options.runs.exists() and any(options.runs.iterdir()):
        parser.error(f"--runs {options.runs}: expected an empty folder, or none; what lies there would be measured too")
    cut = [*CUT, *options.overrides]
    command = [sys.executable, "-m", "summ_collapse", "run", str(RECIPE), "--out", str(options.runs), *cut]
    code = subprocess.run(command, check=False).returncode
    if code:
        return code
    found = {"overrides": cut, "stages": dict(sorted(measured(options.runs)))}
    options.out.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    print(json.dumps(found["stages"], indent=1))
    return 0


def measured(run: Path) -> list[tuple[str, dict[str, Any]]]:
    """Each stage that ran a model: examples and tokens a second, seconds, peak memory and its device."""
    found = []
    for path in run.glob("stages/*/*/*/manifest.json"):
        manifest = json.loads(path.read_text())
        training = manifest["config"].get("training")
        seconds = manifest["seconds"]
        if manifest["tokens"] and seconds:
            rows = manifest["notes"]["steps"] * training["batch_size"] if training else manifest["rows_out"]
            told = {name: manifest.get(name) for name in ("seconds", "tokens_per_second", "peak_memory_bytes", "devices")}
            found.append((manifest["stage"], {"examples_per_second": rows / seconds, **told}))
    return found


if __name__ == "__main__":
    raise SystemExit(main())
