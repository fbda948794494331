"""Multi-step arithmetic in words, as it is read: what is had, gained and lost, and which steps of a solution are right.

    ann has 7 apples . ann finds 5 . bob sells 4 . ann loses 3 . how many apples has ann ?
    1) 7 - 3 = 4 2) 4 + 5 = 9 answer: 9

Steps may take the amounts in any order: a running total begins with what is had or gained, and every amount is used once.
"""

import re
from collections import Counter

from summ_collapse.metrics.solutions import arithmetic_holds, equation_of, final_answer
from summ_collapse.metrics.steps import split

GAINS = ("finds", "buys", "gets", "wins")
LOSSES = ("loses", "sells", "gives", "breaks")
HAS = "has"
_SENTENCE = re.compile(rf"^(\w+) ({'|'.join((HAS, *GAINS, *LOSSES))}) (\d+)(?: \w+)?$")
_QUESTION = re.compile(r"^how many \w+ has (\w+) \?$")


def amounts(document: str) -> list[int] | None:
    """What the one who is asked about has, gains (positive) and loses (negative), in order; None for any other text."""
    *sentences, question = document.split(" . ")
    asked = _QUESTION.match(question)
    read = [_SENTENCE.match(sentence) for sentence in sentences]
    if asked is None or not all(read):
        return None
    found = [(one[1], -int(one[3]) if one[2] in LOSSES else int(one[3])) for one in read if one is not None]
    return [amount for name, amount in found if name == asked[1]]


def right_steps(document: str, solution: str) -> list[bool]:
    """Of every step, the answer among them, whether it is right by itself.

    Of a word problem: it goes on from the total before it, with an amount that is left, and its arithmetic holds; an answer
    repeats the last total once nothing is left. Of any other document only arithmetic is looked at.
    """
    given = amounts(document)
    steps = split(solution, "solution")
    if given is None:
        return [arithmetic_holds(step) for step in steps]
    left, total = Counter(given), None
    found = []
    for step in steps:
        right, total = _right(step, left, total)
        found.append(right)
    return found


def sound(document: str, solution: str) -> bool:
    """Whether it ends in an answer, and every step is right."""
    steps = right_steps(document, solution)
    return final_answer(solution) is not None and all(steps)


def _right(step: str, left: Counter[int], total: int | None) -> tuple[bool, int | None]:
    """Whether a step is right, and the total that it states; what it uses is taken from `left`."""
    equation = equation_of(step)
    if equation is None:
        answer = final_answer(step)
        return answer is not None and str(total) == answer and not left.total(), total
    amount = equation.right if equation.sign == "+" else -equation.right
    begins = total is not None or _take(left, equation.left)
    follows = (total is None or equation.left == total) and begins and equation.sign in "+-" and _take(left, amount)
    return follows and equation.holds, equation.stated


def _take(left: Counter[int], amount: int) -> bool:
    if not left[amount]:
        return False
    left[amount] -= 1
    return True
