"""The command line: parse, call, print; a file a family of commands. Results go to stdout, everything else to stderr.

Exit codes: 0 done, 1 a stage failed, 2 the recipe, data or arguments are wrong, 130 interrupted.
"""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from summ_collapse import __version__
from summ_collapse.cli import diagnose, experiments, export, predict, results, theory
from summ_collapse.errors import InputError, StageError, Stopped


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{self.prog}: {message} (see {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    try:
        options = _parsed([word for word in words if word != "--debug"])
        options.call(options)
        sys.stdout.flush()
        return 0
    except (InputError, StageError) as error:
        if debug:
            traceback.print_exception(error)
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except (KeyboardInterrupt, Stopped):
        print("interrupted; the same command goes on where this one stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep Python from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    """The arguments; overrides may stand anywhere, also behind options."""
    parser = _parser()
    options, rest = parser.parse_known_args(words)
    if hasattr(options, "overrides"):
        options.overrides += [word for word in rest if "=" in word and not word.startswith("-")]
        rest = [word for word in rest if word not in options.overrides]
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="summ-collapse",
        description="Will training on this model-generated data help or hurt, and which verifier makes it help?",
        epilog="--debug, anywhere, adds the traceback to an error.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"summ-collapse {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for family in (experiments, diagnose, export, predict, results, theory):
        family.add(commands)
    return parser
