"""What the theory commands leave: rows as a table or JSON, files that can be written, errors that name an option."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from summ_collapse.errors import InputError, StageError

if TYPE_CHECKING:
    from summ_collapse.report.theory_results import Row


def write(options: argparse.Namespace, rows: "Sequence[Row]", content: object, shown: "Sequence[Row] | None" = None) -> None:
    """All rows into the CSV file; the content as JSON, or the rows, or those that are to be shown, as a table."""
    from rich.console import Console

    from summ_collapse.report import theory_results
    from summ_collapse.store import write_atomic

    if options.csv:
        write_atomic(options.csv, theory_results.as_csv(rows).encode())
    if options.json:
        print(json.dumps(content, ensure_ascii=False, allow_nan=False))
        return
    Console(width=None if sys.stdout.isatty() else 240).print(theory_results.as_rich(shown or rows))


@contextmanager
def told(options: argparse.Namespace) -> Iterator[None]:
    """What the theory refuses, and files that cannot be read or written, as wrong input; the latter before any work."""
    try:
        check_outputs(options)
        yield
    except BrokenPipeError:  # whoever read the output has seen enough
        raise
    except (ValueError, ArithmeticError, OSError) as error:
        raise InputError(f"theory: {error}") from None
    except RuntimeError as error:  # a worker process is gone
        raise StageError(f"theory: {error}") from None
    except MemoryError as error:
        raise InputError(f"theory: this does not fit in memory: {error}") from None


def check_outputs(options: argparse.Namespace) -> None:
    from summ_collapse.report.figures.theory import SUFFIXES

    if options.figure and options.figure.suffix not in SUFFIXES:
        raise ValueError(f"{options.figure}: a figure's name ends in {' or '.join(SUFFIXES)}")
    if options.figure and options.csv and options.figure.resolve() == options.csv.resolve():
        raise ValueError(f"{options.csv}: --csv and --figure name one file")
    for path in filter(None, (options.csv, options.figure)):
        folder = next(parent for parent in path.resolve().parents if parent.exists())
        if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
            raise ValueError(f"{path}: cannot be written ({'a folder' if path.is_dir() else f'{folder} takes no files'})")
