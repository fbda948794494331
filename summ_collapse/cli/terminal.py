"""Tables on a terminal, as wide as it is; elsewhere as wide as a command says, so that a log or a pipe cuts nothing off."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def show(table: "Table", width: int) -> None:
    """Print a table on stdout; `width` is in characters, for where nobody watches."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else width).print(table)
