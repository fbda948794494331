"""How a solution is written: numbered steps and a final answer, as `1) 7 + 5 = 12 2) 12 - 3 = 9 answer: 9` or as GSM8K has it.

GSM8K writes a step a line, with what a calculator would say between double angle brackets, and the answer behind `####`.
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ANSWER = "answer:"
_FINAL = re.compile(r"(?:answer:|####)\s*(-?[\d,]*\.?\d+)")
BOUNDARY = re.compile(r"\s+(?=\d+\)\s|answer:|####)|\n+")  # a step is numbered or stands on a line of its own
_NUMBER = re.compile(r"^\d+\)\s*")
_CALCULATOR = re.compile(r"<<([^<>=]+)=([^<>=]+)>>")
_PLAIN = re.compile(r"^(-?\d+) ([-+*/]) (\d+) = (-?\d+)$")
_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
TOLERANCE = 0.01  # GSM8K rounds what a division leaves


@dataclass(frozen=True)
class Equation:
    """`left op right = stated`."""

    left: int
    sign: str
    right: int
    stated: int

    @property
    def holds(self) -> bool:
        return evaluated(f"{self.left} {self.sign} {self.right}") == self.stated


def steps_of(text: str) -> list[str]:
    """The steps of a solution, the last of which is its answer where it gives one; joined by what stood between they are it."""
    return [step for step in BOUNDARY.split(text.strip()) if step.strip()]


def final_answer(text: str) -> str | None:
    """The number that a solution gives in the end, without thousands' commas; None where it gives none."""
    found = _FINAL.findall(text)
    return found[-1].replace(",", "") if found else None


def normalised(text: str) -> tuple[str, ...]:
    """What two solutions share that only write the same steps otherwise: by case, blanks and numbers of steps."""
    bare = (_NUMBER.sub("", _CALCULATOR.sub(r"\1=\2", step)).casefold() for step in steps_of(text))
    return tuple("".join(step.split()) for step in bare)


def equation_of(step: str) -> Equation | None:
    """A step that is one equation of whole numbers; None where it is written otherwise."""
    match = _PLAIN.match(" ".join(_NUMBER.sub("", step.strip()).split()))
    return Equation(int(match[1]), match[2], int(match[3]), int(match[4])) if match else None


def arithmetic_holds(step: str) -> bool:
    """Whether all equations of a step are true, plain ones or a calculator's; a step without any is taken as it is."""
    equation = equation_of(step)
    if equation is not None:
        return equation.holds
    return all(_equal(left, right) for left, right in _CALCULATOR.findall(step))


def _equal(left: str, right: str) -> bool:
    ours, theirs = evaluated(left), evaluated(right)
    return ours is not None and theirs is not None and abs(ours - theirs) <= TOLERANCE * max(1.0, abs(theirs))


def evaluated(expression: str) -> float | None:
    """The value of sums, products and brackets of numbers, by precedence; None for what is no such expression."""
    tokens = re.findall(r"\d+\.?\d*|\.\d+|[-+*/()]", expression.replace(",", ""))
    if "".join(tokens) != "".join(expression.replace(",", "").split()):
        return None
    try:
        value, rest = _sum(tokens)
    except (IndexError, ValueError, ZeroDivisionError):
        return None
    return value if not rest else None


Tokens = Sequence[str]


def _sum(tokens: Tokens) -> tuple[float, Tokens]:
    value, tokens = _product(tokens)
    while tokens and tokens[0] in "+-":
        sign = tokens[0]
        other, tokens = _product(tokens[1:])
        value = _OPERATIONS[sign](value, other)
    return value, tokens


def _product(tokens: Tokens) -> tuple[float, Tokens]:
    value, tokens = _atom(tokens)
    while tokens and tokens[0] in "*/":
        sign = tokens[0]
        other, tokens = _atom(tokens[1:])
        value = _OPERATIONS[sign](value, other)
    return value, tokens


def _atom(tokens: Tokens) -> tuple[float, Tokens]:
    if tokens[0] == "-":
        value, rest = _atom(tokens[1:])
        return -value, rest
    if tokens[0] != "(":
        return float(tokens[0]), tokens[1:]
    value, rest = _sum(tokens[1:])
    if rest[0] != ")":
        raise ValueError
    return value, rest[1:]
