"""Types of arguments that several commands take."""

import argparse
import math
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from summ_collapse.errors import InputError

RATES = (0.125, 0.25, 0.5)  # shares to keep, where a user names none
LONGEST_AXIS = 100_000
# What 64 bits and, nearly, float64 hold.
DIGITS = 18


def positive(text: str) -> int:
    """A whole number above zero."""
    number = natural(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a positive whole number, got {text!r}")
    return number


def natural(text: str) -> int:
    """A whole number, zero or more."""
    if not text.isdecimal() or len(text) > DIGITS:
        raise argparse.ArgumentTypeError(f"expected a whole number, 0 or more, of up to {DIGITS} digits, got {text[:40]!r}")
    return int(text)


def share(text: str) -> float:
    """A number in (0, 1]."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found <= 1:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and up to 1, got {text!r}")
    return found


def named_files(given: Sequence[str] | None) -> dict[str, Path]:
    """The files of `--scores NAME=FILE` by name, in their order."""
    files: dict[str, Path] = {}
    for text in given or ():
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise InputError(f"--scores: expected NAME=FILE, got {text!r}")
        if name in files:
            raise InputError(f"--scores: expected each name once, got {name!r} again")
        files[name] = Path(path)
    return files


def axis(text: str) -> list[float]:
    """Numbers separated by commas; START:STOP:STEP stands for all from START to STOP, both included."""
    values = [float(value) for part in text.split(",") for value in _span(part, text)]
    if len(values) > LONGEST_AXIS:
        raise argparse.ArgumentTypeError(f"at most {LONGEST_AXIS:,} values, got {len(values):,} in {text!r}")
    return values


def whole_axis(text: str) -> list[int]:
    """As `axis`, of whole numbers above zero."""
    values = axis(text)
    if any(value < 1 or value != int(value) for value in values):
        raise argparse.ArgumentTypeError(f"expected positive whole numbers, got {text!r}")
    return [int(value) for value in values]


def _span(part: str, text: str) -> list[Decimal]:
    try:
        numbers = [Decimal(number) for number in part.split(":")]
    except ArithmeticError:  # what is no number, or one too large for any
        numbers = []
    if len(numbers) not in (1, 3) or not all(number.is_finite() and math.isfinite(float(number)) for number in numbers):
        raise argparse.ArgumentTypeError(
            f"expected numbers such as 0.5 or 0.5,0.9 or 0.1:0.9:0.1 (START:STOP:STEP), got {text!r}"
        )
    if len(numbers) == 1:
        return numbers
    start, stop, step = numbers
    if step <= 0 or stop < start:
        raise argparse.ArgumentTypeError(f"expected START <= STOP and STEP > 0 in {part!r}")
    # By multiplying: a quotient may be too large for any Decimal.
    if stop - start > step * LONGEST_AXIS:
        raise argparse.ArgumentTypeError(f"at most {LONGEST_AXIS:,} values, and {part!r} has more")
    # Decimal steps: 0.1:0.3:0.1 ends with 0.3, not with 0.30000000000000004.
    return [start + index * step for index in range(int((stop - start) / step) + 1)]
