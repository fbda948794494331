"""Bring the outputs in a page up to date: every fenced `console` block is run again, and what it prints is put below it.

    python docs/outputs.py docs/commands.md                 # what is the same on every machine
    python docs/outputs.py docs/commands.md --runs runs     # also what was printed of one machine's runs
    python docs/outputs.py docs/commands.md --check         # change nothing; exit code 1 where something else is printed

A block is `$ command` lines (a backslash at the end takes in the next one), each with its output (stdout) below it. All commands
of a page run in turn in one new folder, in 80 columns; `recipes/` and `runs/` lie there. A block under `<!-- of one machine -->`
is run only where `--runs` names finished runs.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
BLOCK = re.compile(r"(?P<local><!-- of one machine -->\n)?```console\n(?P<text>.*?)```\n", re.DOTALL)
COMMAND = re.compile(r"^\$ (?:.*\\\n)*.*\n", re.MULTILINE)


def renewed(page: str, runs: Path | None) -> str:
    """The page with what its commands print now; what is of one machine stays as it is without `runs`."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "recipes").symlink_to(REPOSITORY / "recipes")
        if runs is not None:
            (place / "runs").symlink_to(runs)

        def again(block: re.Match[str]) -> str:
            if block["local"] and runs is None:
                return block[0]
            text = "\n".join(command + printed(command, place) for command in COMMAND.findall(block["text"]))
            return f"{block['local'] or ''}```console\n{text}```\n"

        return BLOCK.sub(again, page)


def printed(command: str, place: Path) -> str:
    """What a shell command prints on stdout, in 80 columns."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "COLUMNS": "80", "PATH": path, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(["bash", "-c", command.removeprefix("$ ")], cwd=place, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command.strip()}: exit code {done.returncode}\n{done.stderr}")
    # Where the checkout lies is nobody's business.
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.replace(f"{REPOSITORY}/", "").splitlines())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--runs", type=Path, help="folder of finished runs, by the names that the page gives them")
    options = parser.parse_args()
    before = options.page.read_text(encoding="utf-8")
    after = renewed(before, options.runs and options.runs.resolve())
    if options.check:
        sys.exit(f"{options.page}: its commands print something else now" if after != before else 0)
    options.page.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
