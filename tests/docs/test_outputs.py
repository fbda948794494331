"""Pages that show what commands print: in 80 columns, nothing cut, and what is printed today."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def test_every_command_has_its_output_and_no_line_is_cut() -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(page)
    shown = {match for block in blocks for match in re.findall(r"^\$ summ-collapse (\w+)", block, re.MULTILINE)}
    assert shown == {"demo", "plan", "check", "status", "compare", "diagnose", "data", "score", "predict", "theory"}
    for line in "".join(blocks).splitlines():
        assert len(line) <= 80, line
        assert "…" not in line
    for block in blocks:
        assert len(block.splitlines()) > len(re.findall(r"^\$ ", block, re.MULTILINE)), block


@pytest.mark.slow
def test_what_is_the_same_everywhere_is_what_is_printed_today() -> None:
    done = subprocess.run(
        [sys.executable, DOCS / "outputs.py", DOCS / "commands.md", "--check"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
