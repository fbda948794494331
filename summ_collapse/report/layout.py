"""Tables and sentences as text in so many columns: words wrap, names fold, and no cell is ever cut."""

import io
import textwrap
from collections.abc import Collection

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table

WIDTH = 80
NAME = 12  # what a folded column is not narrower than
GAP = 2
KEPT = "\N{NO-BREAK SPACE}"  # between words that stay on one line


def plain(headings: Collection[str], texts: Collection[str]) -> Table:
    """An empty table; columns in `texts` are for words and fold, the others for numbers and don't."""
    columns = [
        Column(heading, overflow="fold") if heading in texts else Column(heading, justify="right", no_wrap=True)
        for heading in headings
    ]
    return Table(*columns, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))


def rendered(table: Table, width: int | None = WIDTH) -> list[str]:
    """The lines of a table of `plain`; None is as wide as it takes.

    Columns on the right that would not fit are left out, and a last line names them.
    """
    left_out: list[str] = []
    while width is not None and len(table.columns) > 1 and _narrowest(table) > width:
        left_out.insert(0, str(table.columns.pop().header).replace("\n", " "))
    written = io.StringIO()
    # Cells hold names and messages, in which nothing is markup.
    Console(file=written, width=width or 10_000, markup=False, emoji=False, highlight=False).print(table)
    lines = [line.replace(KEPT, " ").rstrip() for line in written.getvalue().splitlines()]
    return lines + (wrapped(f"no room here for {', '.join(left_out)}: see --wide", width or WIDTH) if left_out else [])


def wrapped(text: str, width: int = WIDTH, indent: str = "  ") -> list[str]:
    """A sentence in lines, with an `indent` behind the first. A word that is longer than a line, such as a path, stays whole."""
    lines = textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return [line.replace(KEPT, " ") for line in lines]


def _narrowest(table: Table) -> int:
    """Columns that the table needs at least."""
    widths = []
    for column in table.columns:
        longest = max(cell_len(line) for cell in (column.header, *column.cells) for line in str(cell).split("\n"))
        widths.append(longest if column.no_wrap else min(longest, NAME))
    return sum(widths) + GAP * (len(widths) - 1)
