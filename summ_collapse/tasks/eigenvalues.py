"""`eigenvalues`: random symmetric matrices and their eigenvalues, as tokens (Charton 2021; first experiment of Feng et al. 2024).

A document is a matrix, row by row; its summary is its eigenvalues in decreasing order, both rounded to `digits` significant
digits. Row i does not depend on how many there are. Gaussian entries have the standard deviation of uniform ones, bound/√3;
eigenvalues of large matrices follow the semicircle law with radius 2σ√n (Wigner 1955).
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from summ_collapse.metrics.number_tokens import MOST_DIGITS, Encoding, Kind
from summ_collapse.plugins import plugin
from summ_collapse.recipe.blocks import Control
from summ_collapse.tasks.prompt import PLACEHOLDER, Prompt, Template
from summ_collapse.tasks.task import Task

BLOCK = 1024  # matrices that are drawn from one random generator


class Eigenvalues(Task):
    """Matrices and their eigenvalues, generated from (rows, seed)."""

    metrics: ClassVar[tuple[str, ...]] = ("within_5", "within_2", "within_1", "within_0.5")
    controls: ClassVar[tuple[Control, ...]] = ("generator", "real-slice", "real-full", "unfiltered")

    kind: Literal["eigenvalues"]
    rows: int = Field(ge=10, description="matrices to learn from, the pool that slices and selections are cut from")
    test: int = Field(ge=2, description="matrices held out for evaluation")
    seed: int = Field(0, ge=0, description="seed of the matrices")
    size: int = Field(5, ge=1, le=20, description="rows of a matrix")
    entries: Literal["uniform", "gaussian"] = Field("uniform", description="law of the entries on and above the diagonal")
    bound: float = Field(10.0, gt=0, description="uniform entries lie between plus and minus this")
    encoding: Kind = Field("P1000", description="how numbers are written: P10, P1000 or FP15")
    digits: int = Field(3, ge=1, description="significant digits of entries and eigenvalues")
    prompt: Template = Field("{document} :", description="what the model reads; {document} stands for the matrix")
    max_document_tokens: int = Field(200, gt=0, description="tokens of a matrix that a model reads; all of them have to fit")

    @model_validator(mode="after")
    def _fits(self) -> "Eigenvalues":
        if self.digits > MOST_DIGITS[self.encoding]:
            raise ValueError(f"expected at most {MOST_DIGITS[self.encoding]} digits in {self.encoding}, got {self.digits}")
        needed = self.size**2 * self.numbers.tokens
        if needed > self.max_document_tokens:
            raise ValueError(
                f"expected max_document_tokens of at least {needed}, which a matrix has, got {self.max_document_tokens}"
            )
        return self

    @property
    def numbers(self) -> Encoding:
        """How numbers are written."""
        return Encoding(self.encoding, self.digits)

    def splits(self) -> dict[str, pa.Table]:
        """Examples as {"all": table}; the split is drawn from `split_seed`, `test` rows large."""
        return {"all": self.examples(self.rows + self.test)}

    def examples(self, rows: int) -> pa.Table:
        """`rows` examples: ids, matrices, eigenvalues."""
        drawn = matrices(rows, self.size, self.seed, self.entries, self.bound)
        # What a model reads is rounded; the eigenvalues are those of what it reads.
        read = _as_written(drawn, self.numbers)
        solved = np.linalg.eigvalsh(read)[:, ::-1]
        return pa.table(
            {
                "id": [f"eigenvalues-{self.seed}-{row:09d}" for row in range(rows)],
                "document": _lines(self.numbers.texts(drawn), rows),
                "summary": _lines(self.numbers.texts(solved), rows),
            }
        )

    def test_rows(self, rows: int) -> int:
        return self.test

    def expected(self) -> dict[str, int]:
        """Rows and tokens, all known."""
        tokens = self.numbers.tokens
        return {
            "train": self.rows,
            "test": self.test,
            "document_tokens": self.size**2 * tokens,
            "summary_tokens": self.size * tokens,
        }

    def vocabulary(self) -> list[str]:
        """All numbers' tokens, and the prompt's words."""
        prompt = Prompt.parse(self.prompt)
        return [" ".join(self.numbers.vocabulary()), prompt.head.replace(PLACEHOLDER, " "), prompt.tail]

    def judge(self, metric: str) -> Any:
        """Right within the metric's tolerance; it needs no reference but the matrix itself."""
        tolerance = float(metric.removeprefix("within_")) / 100 if metric.startswith("within_") else 0.05
        return plugin("verifiers", "eigenvalues").model_validate({"kind": "eigenvalues", "tolerance": tolerance})


def matrices(rows: int, size: int, seed: int, entries: str, bound: float) -> np.ndarray:
    """(rows, size, size) float64, symmetric; a longer array begins with the shorter one."""
    above = np.triu_indices(size)
    found = np.empty((rows, size, size))
    for start in range(0, rows, BLOCK):
        chance = np.random.default_rng([seed, start // BLOCK])
        shape = (BLOCK, len(above[0]))
        drawn = chance.uniform(-bound, bound, shape) if entries == "uniform" else chance.normal(0, bound / np.sqrt(3), shape)
        part = drawn[: rows - start]
        found[start : start + BLOCK, above[0], above[1]] = part
        found[start : start + BLOCK, above[1], above[0]] = part
    return found


def _as_written(values: np.ndarray, encoding: Encoding) -> np.ndarray:
    sign, mantissa, exponent = encoding.rounded(values)
    power = 10.0 ** np.abs(exponent)
    read: np.ndarray = sign * np.where(exponent < 0, mantissa / power, mantissa * power)
    return read


def _lines(numbers: Sequence[str], rows: int) -> list[str]:
    """So many lines of equally many numbers."""
    each = len(numbers) // rows
    return [" ".join(numbers[start : start + each]) for start in range(0, len(numbers), each)]
