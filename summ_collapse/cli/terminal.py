"""Tables and sentences on stdout, as wide as the terminal; where there is none, and where it is narrower, 80 columns."""

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def show(table: "Table", wide: bool = False) -> None:
    """Print a table of `report.layout`; a `wide` one has no regard for the terminal."""
    from summ_collapse.report.layout import rendered

    print("\n".join(rendered(table, None if wide else _width())))


def say(*sentences: str) -> None:
    """Print sentences, each from the start of a line."""
    from summ_collapse.report.layout import wrapped

    for sentence in sentences:
        print("\n".join(wrapped(sentence, _width())))


def _width() -> int:
    from summ_collapse.report.layout import WIDTH

    return max(WIDTH, shutil.get_terminal_size().columns)
