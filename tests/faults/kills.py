"""SIGKILLs at chosen instants of a run: at an exact system call, or at a random moment of a stage."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from tests.conftest import ENVIRONMENT, SMALL, command, merged

SABOTAGE = Path(__file__).parent / "sabotage"
PATIENCE = 120

# A whole experiment with few stages: one verifier with a model, one rate, two kinds of training (full and LoRA).
FEW: dict[str, Any] = merged(
    {**SMALL, "verifiers": {"self": {"kind": "perplexity", "model": "generator"}}},
    {"selection": {"rates": [0.5]}, "controls": [], "synthesis": {"chunk_size": 16}, "launch": {"checkpoint_steps": 1}},
)
TWO_RANKS = [f"launch.{kind}=cpu_ddp" for kind in ("train", "generate", "verify", "evaluate")]

STAGES = {
    "prepare": "prepare/data",
    "pretrain": "pretrain/base",
    "train": "train/generator",
    "generate": "generate/generator",
    "verify": "verify/self",
    "select": "select/self-0.5",
    "evaluate": "evaluate/self-0.5",
    "report": "report/all",
}


@dataclass(frozen=True)
class Kill:
    """One kill: the kind of stage, and the system call (exact) or the process and the delay (random) that it comes at."""

    kind: str
    what: str
    call: str | None = None  # as sabotage/sitecustomize.py wants it
    target: str = "run"  # run, launcher, rank 0 or rank 1
    delay: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}" + ("" if self.call else f", {self.delay:.3f} s into it, of {self.target}")


def exact(kind: str, what: str, call: str, rank: int | None = None) -> Kill:
    environment = {"SABOTAGE": call, "PYTHONPATH": str(SABOTAGE)}
    if rank is not None:
        environment["SABOTAGE_RANK"] = str(rank)
        what = f"{what} in rank {rank}"
    return Kill(kind, what, call, environment=environment)


def inside_publication(kind: str, rank: int | None = None) -> list[Kill]:
    """Before the first file is moved into place, and when all are but the manifest."""
    place = f"/stages/{STAGES[kind]}/[0-9a-f]{{12}}"
    return [
        exact(kind, "before the first file of its publication", f"os.replace|{place}/(?!work)[^.]|1", rank),
        exact(kind, "before the manifest of its publication", f"os.replace|{place}/manifest.json|1", rank),
    ]


def inside_checkpoint(kind: str, rank: int | None = None) -> list[Kill]:
    """While a checkpoint's files reach the disk, and before its marker."""
    place = f"/stages/{STAGES[kind]}/.*/checkpoint-\\d+"
    return [
        exact(kind, "inside a checkpoint's save", f"os.fsync|{place}/.*safetensors|2", rank),
        exact(kind, "before a checkpoint's marker", f"os.replace|{place}/complete.json|3", rank),
    ]


def inside_chunks(kind: str, rank: int | None = None) -> list[Kill]:
    """Before a chunk gets its name."""
    return [exact(kind, "before a chunk gets its name", f"os.replace|/stages/{STAGES[kind]}/.*/chunk-|1", rank)]


def at_random(kind: str, chance: random.Random, target: str = "run", longest: float = 0.6) -> Kill:
    return Kill(kind, "at a random moment", target=target, delay=chance.uniform(0, longest))


def strike(kill: Kill, arguments: Sequence[object], run: Path) -> bool:
    """Run up to the stage, and have `kill` happen; False where the stage was over before its moment came."""
    before = _holder(kill, run)
    process = subprocess.Popen(
        command(*arguments, "--until", STAGES[kill.kind]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**ENVIRONMENT, **kill.environment},
    )
    try:
        return _at_its_moment(kill, process, run, before) if kill.call is None else process.wait(PATIENCE) != 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def strike_surely(kill: Kill, arguments: Sequence[object], run: Path) -> bool:
    """Strike; where the stage was quicker, undo it and strike earlier. False where five attempts were in vain."""
    for attempt in range(5):
        if strike(replace(kill, delay=kill.delay / 2**attempt), arguments, run):
            return True
        shutil.rmtree(run / "stages" / STAGES[kill.kind])
    return False


def _holder(kill: Kill, run: Path) -> str | None:
    """What the stage's lock says of who holds it; a kill leaves the note of whoever held it last."""
    for note in (run / "stages" / STAGES[kill.kind]).glob(".*.holder"):
        with suppress(FileNotFoundError):
            return note.read_text() or None
    return None


def _at_its_moment(kill: Kill, process: "subprocess.Popen[bytes]", run: Path, before: str | None) -> bool:
    end = time.monotonic() + PATIENCE
    while (_holder(kill, run) or before) == before:
        if process.poll() is not None:
            return False
        assert time.monotonic() < end, f"{kill}: its stage never began"
        time.sleep(0.002)
    time.sleep(kill.delay)
    victim = _victim(kill.target, process)
    if victim is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    # Ranks that have lost one of theirs end within the minute, and with them the run.
    return process.wait(60) != 0


def _victim(target: str, process: "subprocess.Popen[bytes]") -> int | None:
    if process.poll() is not None:
        return None
    if target == "run":
        return process.pid
    family = psutil.Process(process.pid).children(recursive=True)
    for relative in family:
        try:
            rank = relative.environ().get("RANK")
        except psutil.Error:
            continue
        if (rank is None and target == "launcher") or target == f"rank {rank}":
            return relative.pid
    return None
