"""Small mistakes put into the package, one at a time: does the default test suite notice each of them?

    python benchmarks/mutations.py --out benchmarks/results/mutations.json [NAME OR NUMBER ...] [--all-tests]

`mutations.yaml` lists them: a file, the exact text, what stands there instead, what that breaks, and the tests that should
notice. Each is made in a copy of the repository in a temporary folder; the checkout is never touched. The same tests are run
first without any mistake, since tests that fail anyway notice nothing. Exit code 1 where one survives or no longer fits.

`--out` is written after every mutation, and what it holds of other mutations that are still in the list stays, each with its
day: after a change a few can be tried again, and whoever is interrupted goes on with the numbers that are left.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
LIST = Path(__file__).with_name("mutations.yaml")
PACKAGE = "summ_collapse"
# What a copy has not, since no test reads it: environments, caches, results of runs.
LEFT = (".*", "__pycache__", "*.egg-info", "dist", "build", "runs", "shared")
PATIENCE = 900  # seconds of one mutation's tests; a mistake that makes them hang has been noticed
CAUGHT, SURVIVED = "caught", "SURVIVED"
NONSENSE = re.compile(r"(?:NameError|UnboundLocalError|ImportError|SyntaxError|IndentationError): .*")


@dataclass(frozen=True)
class Mutation:
    """One mistake: `text`, which stands exactly once in `file` of the package, becomes `instead`."""

    name: str
    file: str
    text: str
    instead: str
    breaks: str
    tests: tuple[str, ...]

    def misfit(self, root: Path) -> str | None:
        """Why it cannot be made in this repository, or None."""
        path = root / PACKAGE / self.file
        if not path.is_file():
            return f"{self.name}: {PACKAGE}/{self.file} is not there"
        found = path.read_text(encoding="utf-8").count(self.text)
        if found != 1:
            return f"{self.name}: expected its text once in {PACKAGE}/{self.file}, found it {found} times: {self.text.strip()!r}"
        missing = [test for test in self.tests if not (root / test.partition("::")[0]).exists()]
        return f"{self.name}: {', '.join(missing)} is not there" if missing else None

    @property
    def digest(self) -> str:
        """Names the mistake itself, so that a result of another one under this name is none of this one."""
        return hashlib.sha256("\0".join((self.file, self.text, self.instead)).encode()).hexdigest()[:12]

    def make(self, root: Path) -> None:
        path = root / PACKAGE / self.file
        path.write_text(path.read_text(encoding="utf-8").replace(self.text, self.instead), encoding="utf-8")


@dataclass(frozen=True)
class Found:
    """What came of one mutation: caught or not, by which test, the seconds that this took, and on which day it was."""

    name: str
    file: str
    breaks: str
    digest: str
    result: str
    by: str
    seconds: float
    day: str


def read_mutations(path: Path = LIST) -> list[Mutation]:
    """The list, in its order; ValueError where a name stands twice or a mutation changes nothing."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    mutations = [Mutation(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]
    names = [mutation.name for mutation in mutations]
    for mutation in mutations:
        if names.count(mutation.name) > 1 or mutation.text == mutation.instead:
            raise ValueError(f"{path}: {mutation.name}: expected each name once, and another text instead")
    return mutations


def chosen(mutations: Sequence[Mutation], asked: Sequence[str]) -> list[Mutation]:
    """Those that are asked for by name or by number (from 1), or all; ValueError names what is none."""
    by_name = {mutation.name: mutation for mutation in mutations}
    by_number = {str(number): mutation for number, mutation in enumerate(mutations, start=1)}
    unknown = [word for word in asked if word not in by_name and word not in by_number]
    if unknown:
        raise ValueError(f"no mutation is called {', '.join(unknown)}; expected names, or numbers from 1 to {len(mutations)}")
    return [by_name.get(word) or by_number[word] for word in asked] or list(mutations)


def copy(root: Path, target: Path) -> None:
    shutil.copytree(root, target, ignore=shutil.ignore_patterns(*LEFT), dirs_exist_ok=True)


def run_tests(folder: Path, tests: Sequence[str]) -> tuple[int | None, str]:
    """Pytest's exit code in a copy, None where it hung, and the end of what it said."""
    options = ["-x", "-q", "--tb=line", "-rfE", "-p", "no:cacheprovider", "-m", "not slow and not nightly"]
    # What the copy holds goes before what is installed, also in processes that tests start.
    environment = {**os.environ, "PYTHONPATH": str(folder), "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None, ""
    return process.returncode, said


def examine(root: Path, mutation: Mutation, tests: Sequence[str]) -> Found:
    """Make the mistake in a copy of `root` and run the tests there; RuntimeError where they give no answer."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy(root, Path(folder))
        mutation.make(Path(folder))
        code, said = run_tests(Path(folder), tests)
    if code not in (0, 1, None):
        raise RuntimeError(f"{mutation.name}: pytest ended with {code} and ran no tests to their end:\n{said[-2000:]}")
    if nonsense := NONSENSE.search(said):
        raise RuntimeError(f"{mutation.name}: not a mistake but nonsense, which anything notices: {nonsense[0]}")
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", said, re.MULTILINE)
    by = f"nothing within {PATIENCE} s" if code is None else failed[1] if failed else ""
    result, seconds = CAUGHT if code != 0 else SURVIVED, round(time.monotonic() - began, 1)
    day = time.strftime("%Y-%m-%d", time.gmtime())
    return Found(mutation.name, mutation.file, mutation.breaks, mutation.digest, result, by, seconds, day)


def check_baseline(root: Path, tests: Sequence[str]) -> None:
    """RuntimeError where the tests fail without any mistake, or are not those of the copy."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as name:
        folder = Path(name).resolve()
        copy(root, folder)
        script = f"import {PACKAGE}; print({PACKAGE}.__file__)"
        place = subprocess.run(
            [sys.executable, "-c", script],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        if not Path(place).resolve().is_relative_to(folder):
            raise RuntimeError(f"expected Python to import {PACKAGE} from the copy in {folder}, it takes {place}")
        code, said = run_tests(folder, tests)
    if code != 0:
        raise RuntimeError(f"the tests fail without any mutation; nothing can be learnt from them:\n{said[-2000:]}")


def table(found: Sequence[Found]) -> str:
    """A line a mutation, at most 80 columns."""
    lines = [f"{'':3}  {'result':8}  {'seconds':>7}  mutation"]
    for number, one in enumerate(found, start=1):
        lines.append(f"{number:3}  {one.result:8}  {one.seconds:7.1f}  {one.name}")
    caught = sum(one.result == CAUGHT for one in found)
    lines.append(f"{caught} of {len(found)} caught, {sum(one.seconds for one in found):.0f} s")
    lines += [f"{SURVIVED}: {one.name} ({one.file}): {one.breaks}" for one in found if one.result == SURVIVED]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mutations", nargs="*", metavar="NAME OR NUMBER", help="which to make; all where none is given")
    parser.add_argument("--all-tests", action="store_true", help="run the whole default suite against each")
    parser.add_argument("--list", action="store_true", help="print the list, and whether each still fits; run nothing")
    parser.add_argument("--out", type=Path, help="keep what was found as JSON")
    options = parser.parse_args(arguments)
    try:
        mutations = chosen(read_mutations(), options.mutations)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    misfits = [misfit for mutation in mutations if (misfit := mutation.misfit(ROOT))]
    if options.list:
        print("\n".join(f"{number:3}  {one.file:26}  {one.name}: {one.breaks}" for number, one in enumerate(mutations, 1)))
    if misfits:
        print("\n".join(f"no longer fits: {misfit}" for misfit in misfits), file=sys.stderr)
    if misfits or options.list:
        return bool(misfits)
    return run(mutations, options.all_tests, options.out)


def run(mutations: Sequence[Mutation], all_tests: bool, out: Path | None) -> int:
    """Examine each, tell, keep; 1 where one survived."""
    suite = ["tests"]
    found: list[Found] = []
    try:
        check_baseline(ROOT, suite if all_tests else sorted({test for mutation in mutations for test in mutation.tests}))
        for mutation in mutations:
            found.append(examine(ROOT, mutation, suite if all_tests else mutation.tests))
            print(f"{found[-1].result:8}  {found[-1].seconds:6.1f} s  {mutation.name}  {found[-1].by}", flush=True)
            if out is not None:
                keep(out, found)
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(table(found))
    return int(any(one.result == SURVIVED for one in found))


def keep(out: Path, found: Sequence[Found]) -> None:
    """Write what was found, beside what the file has of other mutations, in the order of the list."""
    from summ_collapse.store import write_json

    before = json.loads(out.read_text(encoding="utf-8"))["found"] if out.is_file() else []
    known = {entry["digest"]: entry for entry in [*before, *(asdict(one) for one in found)]}
    entries = [known[mutation.digest] for mutation in read_mutations() if mutation.digest in known]
    load = f"load {os.getloadavg()[0]:.1f}"
    content = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {load}, Python {platform.python_version()}",
        "mutations": len(entries),
        "caught": sum(entry["result"] == CAUGHT for entry in entries),
        "found": entries,
    }
    write_json(out, content, sort_keys=False)


if __name__ == "__main__":
    sys.exit(main())
