"""Fixtures: a small real experiment, and the command line, as a process or inside this one."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from summ_collapse.cli import main

os.environ["HF_HUB_OFFLINE"] = "1"  # also for what runs in this process, which reads it when it first loads a library
ENVIRONMENT = {**os.environ, "PYTHONHASHSEED": "random"}

SMALL: dict[str, Any] = {
    "name": "small",
    "task": {"kind": "newswire", "rows": 160, "test": 24, "max_document_tokens": 64},
    "base": {
        "tiny": {
            "layers": 1,
            "width": 32,
            "heads": 2,
            "positions": 112,
            "vocabulary": 600,
            "pretrain": {"steps": 6, "batch_size": 8, "learning_rate": 1e-3, "warmup_steps": 2},
        }
    },
    "generator": {"slice": 0.25, "train": {"steps": 6, "learning_rate": 1e-3, "batch_size": 8}},
    "synthesis": {"max_new_tokens": 12, "batch_size": 16, "chunk_size": 32},
    "verifiers": {
        "oracle": {"kind": "rouge"},
        "strong": {"kind": "perplexity", "model": "base", "train": {"steps": 6, "learning_rate": 1e-3, "batch_size": 8}},
        "self": {"kind": "perplexity", "model": "generator"},
        "random": {"kind": "random"},
    },
    "wrong": {"metric": "rouge1", "below": 0.5},
    "selection": {"rates": [0.25, 0.5]},
    "retrain": {"method": "lora", "rank": 4, "steps": 6, "learning_rate": 1e-3, "batch_size": 8},
    "evaluation": {"bootstrap": 200},
    "launch": {"checkpoint_steps": 2},
}


@dataclass(frozen=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` put into it, block by block; None takes a key out."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def command(*arguments: object) -> list[str]:
    """The command line as this Python's own process."""
    return [sys.executable, "-m", "summ_collapse", *map(str, arguments)]


def summ_collapse(*arguments: object, cwd: Path | None = None, timeout: float = 300) -> Done:
    """Run the command line as a user does."""
    done = subprocess.run(
        command(*arguments), capture_output=True, text=True, cwd=cwd, timeout=timeout, env=ENVIRONMENT, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


def inside(*arguments: object) -> Done:
    """Run the command line in this process, a second or two quicker, where nothing hangs on a process of its own."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture
def cli() -> Callable[..., Done]:
    return summ_collapse


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Tiny models wait longer for a second thread than it saves them."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def write_recipe(tmp_path: Path) -> Callable[..., Path]:
    """Writes the small recipe, with changes, to a file."""

    def write(name: str = "recipe.yaml", **changes: Any) -> Path:
        path = tmp_path / name
        path.write_text(yaml.safe_dump(merged(SMALL, changes), sort_keys=False))
        return path

    return write


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(recipe, run folder) of the small experiment, run once for all tests that only read it."""
    folder = tmp_path_factory.mktemp("small")
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(SMALL, sort_keys=False))
    done = inside("run", recipe, "--out", folder / "run")
    assert done.code == 0, done.err
    return recipe, folder / "run"


def interrupt_when(
    arguments: list[str], ready: Callable[[], bool], signal_number: int = signal.SIGINT, timeout: float = 120
) -> int:
    """Start a process, send it a signal once `ready()` says so, and return its exit code."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    try:
        end = time.monotonic() + timeout
        while not ready():
            assert process.poll() is None, f"ended with {process.returncode} before the moment came"
            assert time.monotonic() < end, "the moment never came"
            time.sleep(0.005)
        process.send_signal(signal_number)
        return process.wait(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
