"""Whether a run would find all that it reads with the network off: tried in a process that has none.

HF_HUB_OFFLINE=1 python -m summ_collapse.plan.offline < RECIPE_WITH_COMMITS     # a line of JSON for each finding
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from summ_collapse.errors import InputError
from summ_collapse.plan.check_site import Finding
from summ_collapse.plan.fetch import of_hub, rows_of
from summ_collapse.recipe.load import validate
from summ_collapse.recipe.schema import Recipe

PATIENCE = 1800  # seconds; reading all rows of a large data set takes minutes
WEIGHTS = ("model.safetensors", "adapter_model.safetensors")
INDEX = "model.safetensors.index.json"


def prove(recipe: Recipe) -> list[Finding]:
    """What a process without a network finds; nothing where the recipe names no repository. InputError where one is not known."""
    commits = {key: one.commit for key, one in of_hub(recipe).items()}
    if not commits:
        return []
    held = recipe.model_copy(update={"commits": commits}).model_dump_json(by_alias=True)
    done = subprocess.run(
        [sys.executable, "-m", "summ_collapse.plan.offline"],
        input=held,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"},
        check=False,
    )
    found = [Finding(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        found.append(Finding("offline", "failed", f"the trial ended with code {done.returncode}: {last}"))
    return found


def findings(recipe: Recipe) -> Iterator[Finding]:
    """Of a process that has no network."""
    from summ_collapse.models.loading import ModelSource, load_tokenizer, positions

    hub = of_hub(recipe)
    for one in hub.values():
        name = one.reference.name
        try:
            if one.reference.kind == "dataset":
                yield Finding("offline", "ok", f"data {name}: {rows_of(recipe.task, hub)}")
                continue
            _weights(name, one.commit)
            if not _cached(name, WEIGHTS[1], one.commit):  # an adapter has the tokenizer and positions of what is below it
                source = ModelSource(name, one.commit)
                load_tokenizer(source)
                positions(source)
            yield Finding("offline", "ok", f"model {name}: all of it is here")
        except InputError as error:
            yield Finding("offline", "warning", f"{error}; without a network nothing reads it: `summ-collapse fetch` brings it")


def _weights(name: str, commit: str) -> None:
    """InputError unless all of a model's weights are in the cache."""
    if any(_cached(name, file, commit) for file in WEIGHTS):
        return
    index = try_to_load_from_cache(name, INDEX, revision=commit)
    files = set(json.loads(Path(index).read_text())["weight_map"].values()) if isinstance(index, str) else set()
    missing = sorted(file for file in files if not _cached(name, file, commit))
    if missing or not files:
        raise InputError(f"model {name} at {commit[:12]}: {', '.join(missing) or 'its weights'} not in this machine's cache")


def _cached(name: str, file: str, commit: str) -> bool:
    return isinstance(try_to_load_from_cache(name, file, revision=commit), str)


if __name__ == "__main__":
    for finding in findings(validate(json.load(sys.stdin), "the recipe")):
        print(json.dumps(vars(finding), ensure_ascii=False), flush=True)
