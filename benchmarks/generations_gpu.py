"""Two rounds of `recipes/xsum_smollm_20_rounds.yaml` on one GPU, with random weights of SmolLM2-135M's shape and texts as long as
XSum's: what each kind of stage takes, and what that makes of the whole recipe, beside what `plan` says of it.

    python benchmarks/generations_gpu.py --runs /scratch/smollm --out benchmarks/results/generations_gpu.json

It is the recipe itself with less data, fewer rounds and one seed, through the command line. Scores mean nothing.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from eigenvalues_gpu import measured
from gpu_smoke import make_model, texts

RECIPE = Path(__file__).parents[1] / "recipes" / "xsum_smollm_20_rounds.yaml"
MODEL = "model135m"  # the shape of SmolLM2-135M, as `gpu_smoke` has it
ROWS, TEST, ROUNDS = 6000, 1000, 2
CUT: dict[str, Any] = {"seeds": [0], "base": {"model": f"./{MODEL}", "dtype": "auto"}}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=Path, required=True, help="folder for the model, the texts and the run")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--gpu", default="h100", help="name in the table of `summ-collapse plan --gpu`")
    parser.add_argument("--architecture", type=Path, help="config.json of another Llama, to try the script on CPU")
    options = parser.parse_args()
    if options.runs.exists() and any(options.runs.iterdir()):
        parser.error(f"--runs {options.runs}: expected an empty folder, or none; what lies there would be measured too")
    options.runs.mkdir(parents=True, exist_ok=True)
    make_model(argparse.Namespace(folder=options.runs, step=MODEL, rows=1000, architecture=options.architecture))
    recipe = written(options.runs, options.rows)
    run = options.runs / "run"
    code = subprocess.run([sys.executable, "-m", "summ_collapse", "run", str(recipe), "--out", str(run)], check=False).returncode
    if code:
        return code
    planned = [sys.executable, "-m", "summ_collapse", "plan", str(RECIPE), "--gpu", options.gpu, "--devices", "1", "--json"]
    plan = json.loads(subprocess.run(planned, check=True, capture_output=True, text=True).stdout)
    stages = dict(sorted(measured(run)))
    seconds = dict(projected(run, {one["name"]: one["rows"] for one in plan["stages"]}))
    found = {"rows": options.rows, "stages": stages, "whole_recipe_seconds": seconds, "plan": plan["total"]}
    options.out.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    print(json.dumps(seconds, indent=1))
    return 0


def written(folder: Path, rows: int) -> Path:
    """The recipe on local texts, next to them."""
    documents, summaries = texts(rows)
    lines = [
        json.dumps({"id": str(row), "document": document, "summary": summary})
        for row, (document, summary) in enumerate(zip(documents, summaries, strict=True))
    ]
    (folder / "texts.jsonl").write_text("\n".join(lines) + "\n")
    recipe = yaml.safe_load(RECIPE.read_text()) | CUT
    recipe["task"] = {
        "kind": "summarization",
        "data": "./texts.jsonl",
        "document": "document",
        "summary": "summary",
        "max_document_tokens": recipe["task"]["max_document_tokens"],
        "test_share": TEST / (ROWS + TEST),
    }
    recipe["synthesis"]["documents"] = rows // 3
    recipe["generations"]["rounds"] = ROUNDS
    recipe["launch"] = {"threads": 1}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return path


def projected(run: Path, rows: dict[str, int]) -> Iterator[tuple[str, float]]:
    """Seconds of the whole recipe's stages by kind: its rows at the seconds a row that this kind took here."""
    spent: dict[str, list[float]] = {}
    for path in run.glob("stages/*/*/*/manifest.json"):
        manifest = json.loads(path.read_text())
        if manifest["rows_out"]:
            spent.setdefault(manifest["stage"].partition("/")[0], []).append(manifest["seconds"] / manifest["rows_out"])
    for kind, each in spent.items():
        of_kind = [count or 0 for name, count in rows.items() if name.partition("/")[0] == kind]
        yield kind, sum(of_kind) * sum(each) / len(each)


if __name__ == "__main__":
    raise SystemExit(main())
