"""How a solution is written: numbered steps and a final answer, as `1) 7 + 5 = 12 2) 12 - 3 = 9 answer: 9` or as GSM8K has it.

GSM8K writes a step a line, with what a calculator would say between double angle brackets, and the answer behind `####`.
"""

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

ANSWER = "answer:"
_FINAL = re.compile(r"(?:answer:|####)\s*(-?[\d,]*\.?\d+)")
BOUNDARY = re.compile(r"\s+(?=\d+\)\s|answer:|####)|\n+")  # a step is numbered or stands on a line of its own
_NUMBER = re.compile(r"^\d+\)\s*")
_CALCULATOR = re.compile(r"<<([^<>=]+)=([^<>=]+)>>")
_PLAIN = re.compile(r"^(-?\d+) ([-+*/]) (\d+) = (-?\d+)$")
_EXPRESSION = re.compile(r"[\d.+\-*/()\s]+")
_OPERATIONS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
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


def final_answer(text: str) -> str | None:
    """The number that a solution gives in the end, without thousands' commas; None where it gives none."""
    found = _FINAL.findall(text)
    return found[-1].replace(",", "") if found else None


def unnumbered(step: str) -> str:
    """A step without its number and without what stands around a calculator's equation."""
    return _NUMBER.sub("", _CALCULATOR.sub(r"\1=\2", step))


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
    bare = expression.replace(",", "").strip()
    if not _EXPRESSION.fullmatch(bare):
        return None
    try:
        return _value(ast.parse(bare, mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):  # all that a text may be in place of one
        return None


def _value(node: ast.expr) -> float:
    """Of a tree of nothing but numbers and the four operations; ValueError for any other."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("expected numbers, the four operations and brackets")
