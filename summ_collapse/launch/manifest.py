"""What stands in a manifest beside the files: where a result comes from, how it was made, and what it cost."""

import platform
import resource
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import JsonValue

from summ_collapse.graph import Node
from summ_collapse.ranks import World
from summ_collapse.run import Run
from summ_collapse.stages.stage import Outcome, Stage
from summ_collapse.store import Artifact

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "rouge-score", "numpy", "pyarrow", "tokenizers")


def manifest(
    run: Run, stage: Node[Stage], outcome: Outcome, seconds: float, began: float, world: World, failed: str | None
) -> dict[str, JsonValue]:
    """What a result says of itself; the store adds sizes and digests. `failed` is why there is none."""
    return {
        **({} if failed is None else {"failed": failed}),
        "stage": stage.name,
        "kind": stage.kind,
        "fingerprint": stage.fingerprint,
        "config": stage.stage.described(),
        "seed": stage.seed,
        "inputs": {role: f"{source} {run.experiment.stages[source].fingerprint}" for role, source in stage.inputs.items()},
        "rows_in": outcome.rows_in,
        "rows_out": outcome.rows_out,
        "rejected": dict(outcome.rejected),
        "notes": dict(outcome.notes),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "seconds": round(seconds, 3),
        "tokens": outcome.tokens,
        "tokens_per_second": round(outcome.tokens / seconds, 1) if seconds else 0.0,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "devices": _devices(),
        "world_size": world.size,
        "libraries": _libraries(),
        "git_revision": _git_revision(),
    }


def _devices() -> list[JsonValue]:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return [f"cpu ({platform.machine()})"]


@cache
def _libraries() -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {"python": platform.python_version()}
    for name in ("summ-collapse", *LIBRARIES):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


@cache
def _git_revision() -> str | None:
    try:
        command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def summary(made: Artifact) -> str:
    """One line on a finished stage, from its manifest."""
    recorded = made.manifest
    if made.failed is not None:
        return f"{recorded['stage']}: failed: {made.failed}"
    rejected = f" ({sum(recorded['rejected'].values())} rejected)" if recorded["rejected"] else ""
    cut = recorded["notes"].get("truncated", 0)
    truncated = f", {cut / recorded['rows_in']:.1%} truncated" if cut else ""
    rate = f", {recorded['tokens_per_second']:,.0f} tokens/s" if recorded["tokens"] else ""
    return f"{recorded['stage']}: {recorded['rows_out']:,} rows{rejected}, {recorded['seconds']:.1f} s{rate}{truncated}"
