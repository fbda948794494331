"""`generate`: candidates for every document of the pool, k a document."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from summ_collapse import store
from summ_collapse.records import CANDIDATE, check
from summ_collapse.stages.completing import Completing
from summ_collapse.stages.prepare import between, slice_rows
from summ_collapse.stages.reading import MODELS, Reading
from summ_collapse.stages.size import Lengths, Size, Work
from summ_collapse.stages.stage import Context, Outcome, Stage


class Generate(Stage):
    """What a model writes for the training documents; the generator's own slice is counted and left out where excluded."""

    kind: ClassVar[str] = "generate"
    version: ClassVar[int] = 3  # in bfloat16 an adapter is merged where the weights can hold it
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples"}
    further: ClassVar[Mapping[str, str]] = MODELS
    gives: ClassVar[str] = "candidates"
    launch: ClassVar[str | None] = "generate"
    preload: ClassVar[tuple[str, ...]] = ("summ_collapse.models.engines.transformers", "summ_collapse.models.generation")
    completing: Completing
    excluded_slice: float = Field(0.0, ge=0, le=1, description="share of the training rows that is left out")
    within: float | None = Field(None, description="share of the training rows that is written for alone; all where absent")
    documents: int | None = Field(None, description="the most that are written for; all where absent")

    @property
    def reads(self) -> Reading:
        return self.completing.reading

    def size(self, of: Mapping[str, Size]) -> Size:
        documents, summary, decoding = self._documents(of), of["examples"].completion, self.completing.decoding
        # Candidates are taken to be as long as summaries.
        completion = None if summary is None else min(summary, decoding.max_new_tokens)
        rows = None if documents is None else documents * decoding.samples
        return Size(rows, samples=decoding.samples, completion=completion)

    def chunks(self, of: Mapping[str, Size]) -> int | None:
        return self.completing.chunks(self._documents(of))

    def work(self, of: Mapping[str, Size], lengths: Lengths) -> Work:
        return self.completing.work(self._documents(of), lengths)

    def _documents(self, of: Mapping[str, Size]) -> int | None:
        """Those of the pool."""
        rows = of["examples"].rows
        return None if rows is None else self._end(rows) - slice_rows(rows, self.excluded_slice)

    def _end(self, rows: int) -> int:
        """Where the pool ends in the order of slices."""
        end = rows if self.within is None else slice_rows(rows, self.within)
        return end if self.documents is None else min(end, slice_rows(rows, self.excluded_slice) + self.documents)

    def run(self, context: Context) -> Outcome:
        """Write `candidates.parquet`."""
        examples = context.inputs["examples"].table("train", ["id", "document", "slice_rank"])
        excluded = slice_rows(examples.num_rows, self.excluded_slice)
        # What follows the slice in the order of slices is a draw of all that is not in it.
        end = self._end(examples.num_rows)
        pool = between(examples, excluded, end)
        completed = self.completing.complete(context, pool)
        store.write_table(context.out / "candidates.parquet", check(completed.candidates, CANDIDATE, "candidates"))
        notes = {
            "candidates": completed.candidates.num_rows,
            "generated_tokens": completed.generated_tokens,
            "hit_the_limit": completed.hit_the_limit,
            "truncated": completed.truncated,
        }
        beyond = "beyond `documents`" if self.within is None else "beyond the generator's own slice, or `documents`"
        rejected = {"the generator's own slice": excluded, beyond: examples.num_rows - end}
        rejected = {reason: count for reason, count in rejected.items() if count}
        tokens = completed.prompt_tokens + completed.generated_tokens
        return Outcome(examples.num_rows, pool.num_rows, rejected, tokens=tokens, notes=notes)
