"""A stage, a verifier, a task, an engine and a design as somebody else would ship them: one file, by entry points only."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from summ_collapse import store
from summ_collapse.experiment.arms import Arm, Pool
from summ_collapse.experiment.setting import Setting
from summ_collapse.models.engines import Tokens
from summ_collapse.recipe.decoding import Decoding
from summ_collapse.stages.size import Size
from summ_collapse.stages.stage import Context, Outcome, Stage
from summ_collapse.tasks.task import Task
from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.verifier import ModelFree

WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class Counting(Task):
    """Documents are words; the summary is the last of them."""

    metrics: ClassVar[tuple[str, ...]] = ("exact", "rouge1")
    controls: ClassVar[tuple[Any, ...]] = ("generator", "real-slice")
    kind: Literal["counting"]
    rows: int = Field(ge=10)
    prompt: str = "{document} last:"
    max_document_tokens: int = 24
    max_rejected: float = 1.0

    def splits(self) -> dict[str, pa.Table]:
        rng = np.random.default_rng(0)
        words = [[WORDS[place] for place in rng.integers(0, len(WORDS), 8)] for _ in range(self.rows)]
        ids = [f"count-{row}" for row in range(self.rows)]
        return {"all": pa.table({"id": ids, "document": [" ".join(row) for row in words], "summary": [row[-1] for row in words]})}

    def test_rows(self, rows: int) -> int:
        return rows // 5

    def vocabulary(self) -> list[str]:
        return [*WORDS, "last", ":"]


class Vowels(ModelFree):
    """The more vowels the better."""

    kind: Literal["vowels"]

    def score(self, request: Request) -> Scored:
        return Scored(np.array([sum(text.count(letter) for letter in "aeiou") for text in request.candidates], dtype=float), {})


class Echo:
    """Says a prompt's first words again, as many as it may."""

    def complete(
        self, prompts: Sequence[Sequence[int]], decoding: Decoding, seed: int, log_probabilities: bool = False
    ) -> list[list[Tokens]]:
        return [[Tokens(list(prompt[1 : decoding.max_new_tokens]), ended=True)] for prompt in prompts]


def echo(source: object, encoder: object) -> Echo:
    """The engine, which needs no model."""
    return Echo()


class Thin(Stage):
    """Every second row."""

    kind: ClassVar[str] = "thin"
    inputs: ClassVar[Mapping[str, str]] = {"rows": "rows"}
    gives: ClassVar[str] = "rows"
    every: int = 2

    def size(self, of: Mapping[str, Size]) -> Size:
        rows = of["rows"]
        return Size(None if rows.rows is None else -(-rows.rows // self.every), completion=rows.completion)

    def run(self, context: Context) -> Outcome:
        rows = context.inputs["rows"].table("rows")
        kept = rows.filter(pa.array(np.arange(rows.num_rows) % self.every == 0))
        store.write_table(context.out / "rows.parquet", kept)
        return Outcome(rows.num_rows, kept.num_rows, {"between": rows.num_rows - kept.num_rows})


def thinned(setting: Setting, pool: Pool) -> list[Arm]:
    """The generator's slice, thinned."""
    assert pool.slice is not None
    rows = setting.graph.add(Thin(), "slice", None, {"rows": setting.slice(pool.slice)})
    model = setting.train("thinned", pool.seed, setting.recipe.retrain, pool.start, rows)
    return [setting.arm("thinned", pool.seed, model, pool, rows=rows.name)]
