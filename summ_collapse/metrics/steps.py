"""Where the steps of a text begin: of a solution, its numbered steps or lines; of any text, its sentences or clauses.

boundaries("1) 7 + 5 = 12 2) 12 - 3 = 9 answer: 9", "solution")   # [14, 28]
"""

import re
from itertools import pairwise

from summ_collapse.metrics.solutions import BOUNDARY, unnumbered
from summ_collapse.recipe.preference import StepKind

_BETWEEN: dict[str, re.Pattern[str]] = {
    "solution": BOUNDARY,
    "sentence": re.compile(r"(?<=[.!?])\s+(?=\S)"),
    # Behind a comma or the like; before a word that begins another part of the sentence.
    "clause": re.compile(
        r"(?<=[.!?,;:])\s+(?=\S)|\s+(?=(?:and|but|or|after|as|at|because|before|by|for|from|if|in|on|that|to|when|where|which|while|who|with)\s)",
        re.IGNORECASE,
    ),
}


def boundaries(text: str, kind: StepKind) -> list[int]:
    """The places in `text` at which a step begins, its first one left out; what stands before a place is a prefix."""
    return [match.end() for match in _BETWEEN[kind].finditer(text) if match.start() > 0]


def split(text: str, kind: StepKind) -> list[str]:
    """The steps, blanks at their ends taken off."""
    places = [0, *boundaries(text, kind), len(text)]
    return [step for start, end in pairwise(places) if (step := text[start:end].strip())]


def bare(step: str) -> str:
    """What two steps share that differ in case and blanks alone."""
    return "".join(step.split()).casefold()


def identity(text: str, kind: StepKind) -> tuple[str, ...]:
    """What two texts share that take the same steps: numbers of steps, case and blanks aside."""
    return tuple(bare(unnumbered(step) if kind == "solution" else step) for step in split(text, kind))
