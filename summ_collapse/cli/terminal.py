"""Tables on a terminal, as wide as it is; elsewhere as wide as a command says, so that a log or a pipe cuts nothing off."""

import shutil
import sys
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def show(table: "Table", width: int) -> None:
    """Print a table on stdout; `width` is in characters, for where nobody watches."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else width).print(table)


def columns() -> int:
    """How wide the terminal is, in characters; 80 elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 80


def say(sentences: Iterable[str]) -> None:
    """Print sentences on stdout, each from the start of a line and on as many lines as it takes; no word is broken."""
    for sentence in sentences:
        print(textwrap.fill(sentence, columns(), subsequent_indent="  ", break_long_words=False, break_on_hyphens=False))
