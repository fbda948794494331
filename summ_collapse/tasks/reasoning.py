"""`reasoning`: multi-step arithmetic in words, with solutions in numbered steps (the setting of Setlur et al. 2024, made small).

A document tells what somebody has, gains and loses; a summary is a solution. Who solves takes the amounts in an order of his
own, so that one problem has many right solutions, each through other sums. Row i does not depend on how many there are.
"""

from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from summ_collapse.metrics.solutions import ANSWER
from summ_collapse.metrics.word_problems import GAINS, HAS, LOSSES
from summ_collapse.plugins import plugin
from summ_collapse.recipe.blocks import Control
from summ_collapse.recipe.preference import StepKind
from summ_collapse.tasks.prompt import PLACEHOLDER, Prompt, Template
from summ_collapse.tasks.task import Task

BLOCK = 1024  # problems that are drawn from one random generator
EASIER = 1  # of the random generator of easier ones
PEOPLE = ("ann", "bob", "cid", "dora", "emil", "fay", "gus", "hana")
THINGS = ("apples", "books", "cards", "coins", "marbles", "pens", "shells", "stamps")
FAULTS = (-3, -2, -1, 1, 2, 3)  # by how much a wrong sum may be off
ORDERS = 50  # orders of the amounts that are tried before that of the text is taken


class Reasoning(Task):
    """Problems and solutions, generated from (rows, seed)."""

    metrics: ClassVar[tuple[str, ...]] = ("solved", "sound")
    controls: ClassVar[tuple[Control, ...]] = ("generator", "real-slice", "real-full", "unfiltered")

    step_kind: ClassVar[StepKind] = "solution"

    kind: Literal["reasoning"]
    rows: int = Field(ge=10, description="problems to learn from, the pool that slices and selections are cut from")
    test: int = Field(ge=2, description="problems held out for evaluation")
    seed: int = Field(0, ge=0, description="seed of the problems and of their solutions")
    steps: int = Field(4, ge=1, le=20, description="sums of a solution: one less than the amounts that count")
    distractors: int = Field(0, ge=0, le=20, description="sentences about somebody who is not asked about")
    largest: int = Field(20, ge=1, description="largest amount that is had, gained or lost")
    limit: int = Field(40, ge=2, description="largest total on the way; the smallest is 0")
    orders: Literal["any", "rotations"] = Field(
        "any",
        description="in which orders solutions take the amounts: any, or that of the text, from any of them on and round again",
    )
    spurious: float = Field(
        0.0, ge=0, le=1, description="share of the solutions to learn from whose answer is right through two wrong steps"
    )
    easier: int = Field(0, ge=0, description="easier problems, of fewer sums, that a tiny base may be pretrained on; none of 0")
    prompt: Template = Field("{document}", description="what the model reads; {document} stands for the problem")
    max_document_tokens: int = Field(120, gt=0, description="tokens of a problem that a model reads; all of them have to fit")

    @model_validator(mode="after")
    def _fits(self) -> "Reasoning":
        if self.limit < self.largest:
            raise ValueError(f"expected a limit of at least `largest`, {self.largest}, got {self.limit}")
        if self.spurious and self.steps == 1:
            raise ValueError("expected steps of at least 2 where solutions are to hold two wrong ones")
        if self._document_words > self.max_document_tokens:
            raise ValueError(
                f"expected max_document_tokens of at least {self._document_words}, which a problem has, "
                f"got {self.max_document_tokens}"
            )
        return self

    @property
    def _document_words(self) -> int:
        return 5 + 4 * (self.steps + self.distractors) + 6

    def splits(self) -> dict[str, pa.Table]:
        """Examples as {"all": table}; the split is drawn from `split_seed`, `test` rows large."""
        rows = self.rows + self.test
        blocks = range(-(-rows // BLOCK))
        written = [one for block in blocks for one in self._block(np.random.default_rng([self.seed, block]))][:rows]
        ids = [f"reasoning-{self.seed}-{row:09d}" for row in range(rows)]
        documents, solutions = zip(*written, strict=True)
        return {"all": pa.table({"id": ids, "document": list(documents), "summary": list(solutions)})}

    @property
    def practised(self) -> bool:
        return self.easier > 0 and self.steps > 1

    def practice(self) -> pa.Table | None:
        """Problems of one sum up to one less than `steps`, with sound solutions; drawn from a random generator of their own."""
        if not self.practised:
            return None
        rng = np.random.default_rng([self.seed, self.easier, EASIER])
        written = []
        for _ in range(self.easier):
            steps = 1 + int(rng.integers(self.steps - 1))
            written.append(self.model_copy(update={"steps": steps, "spurious": 0.0})._problem(rng))
        documents, solutions = zip(*written, strict=True)
        return pa.table({"document": list(documents), "summary": list(solutions)})

    def _block(self, rng: np.random.Generator) -> list[tuple[str, str]]:
        return [self._problem(rng) for _ in range(BLOCK)]

    def _problem(self, rng: np.random.Generator) -> tuple[str, str]:
        """A problem and a solution."""
        given = self._amounts(rng)
        ordered = self._order(given, rng)
        totals = np.cumsum(ordered)
        # Drawn for every problem, so that the problems are the same whatever the share.
        spurious, wrong = rng.random() < self.spurious, self._wrong(totals, rng)
        return self._text(given, rng), _solution(ordered, wrong if spurious else totals)

    def _amounts(self, rng: np.random.Generator) -> list[int]:
        """What is had, and what comes and goes after it, so that all totals are between 0 and the limit."""
        found = [int(rng.integers(1, self.largest + 1))]
        while len(found) <= self.steps:
            total, amount = sum(found), int(rng.integers(1, self.largest + 1))
            signs = [sign for sign in (1, -1) if 0 <= total + sign * amount <= self.limit]
            if signs:
                found.append(signs[int(rng.integers(len(signs)))] * amount)
        return found

    def _order(self, given: list[int], rng: np.random.Generator) -> list[int]:
        """The amounts in another order that begins with a gain and whose totals stay where they may be."""
        count = len(given)
        for _ in range(ORDERS):
            turned = self.orders == "rotations"
            places = np.roll(np.arange(count), rng.integers(count)) if turned else rng.permutation(count)
            ordered = [given[place] for place in places]
            totals = np.cumsum(ordered)
            if totals.min() >= 0 and totals.max() <= self.limit:
                return ordered
        return given

    def _wrong(self, totals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Totals of which one of the sums before the last is wrong, and all that follows from it; the last one is right."""
        if self.steps == 1:
            return totals
        first = 1 + int(rng.integers(self.steps - 1))
        between = totals[first:-1]
        room = [away for away in FAULTS if between.min() + away >= 0 and between.max() + away <= self.limit]
        wrong = totals.copy()
        if room:
            wrong[first:-1] += room[int(rng.integers(len(room)))]
        else:  # totals between that use all of the room there is: one of them is wrong
            wrong[first] += 1 if wrong[first] < self.limit else -1
        return wrong

    def _text(self, given: list[int], rng: np.random.Generator) -> str:
        asked, other = (PEOPLE[place] for place in rng.choice(len(PEOPLE), 2, replace=False))
        thing = THINGS[int(rng.integers(len(THINGS)))]
        said = [f"{asked} {_verb(amount, rng)} {abs(amount)}" for amount in given[1:]]
        for _ in range(self.distractors):
            amount = int(rng.integers(1, self.largest + 1)) * (1 if rng.random() < 0.5 else -1)
            said.insert(int(rng.integers(len(said) + 1)), f"{other} {_verb(amount, rng)} {abs(amount)}")
        return " . ".join([f"{asked} {HAS} {given[0]} {thing}", *said, f"how many {thing} has {asked} ?"])

    def test_rows(self, rows: int) -> int:
        return self.test

    def expected(self) -> dict[str, int]:
        """Rows and tokens of a word-level vocabulary, all known."""
        words = self._document_words
        return {"train": self.rows, "test": self.test, "document_tokens": words, "summary_tokens": 6 * self.steps + 2}

    def vocabulary(self) -> list[str]:
        """All words, numbers up to the limit, numbers of steps, and the prompt's."""
        prompt = Prompt.parse(self.prompt)
        words = [*PEOPLE, *THINGS, HAS, *GAINS, *LOSSES, "how many ? .", "+ - =", ANSWER]
        numbers = [str(number) for number in range(self.limit + 1)] + [f"{number})" for number in range(1, self.steps + 1)]
        return [" ".join([*words, *numbers]), prompt.head.replace(PLACEHOLDER, " "), prompt.tail]

    def judge(self, metric: str) -> Any:
        """Right where the final answer is, or every step as well."""
        if metric in self.metrics:
            return plugin("verifiers", "final-answer").model_validate({"kind": "final-answer", "steps": metric == "sound"})
        return super().judge(metric)


def _verb(amount: int, rng: np.random.Generator) -> str:
    verbs = GAINS if amount > 0 else LOSSES
    return verbs[int(rng.integers(len(verbs)))]


def _solution(ordered: list[int], totals: np.ndarray) -> str:
    """Numbered steps through these totals, and the last of them as the answer."""
    said = [
        f"{number}) {totals[number - 1]} {'+' if amount > 0 else '-'} {abs(amount)} = {totals[number]}"
        for number, amount in enumerate(ordered[1:], 1)
    ]
    return " ".join([*said, f"{ANSWER} {totals[-1]}"])
