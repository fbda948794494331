"""`generate`: candidates for every document of the pool, k a document."""

from collections.abc import Mapping
from typing import ClassVar

import pyarrow.compute as pc
from pydantic import Field

from summ_collapse import store
from summ_collapse.recipe.decoding import Decoding
from summ_collapse.records import CANDIDATE, check
from summ_collapse.stages.completing import Completing
from summ_collapse.stages.prepare import slice_rows
from summ_collapse.stages.reading import MODELS, Reading
from summ_collapse.stages.size import Lengths, Size, Work
from summ_collapse.stages.stage import Context, Outcome, Stage


class Generate(Stage):
    """What a model writes for the training documents; the generator's own slice is counted and left out where excluded."""

    kind: ClassVar[str] = "generate"
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples"}
    further: ClassVar[Mapping[str, str]] = MODELS
    gives: ClassVar[str] = "candidates"
    launch: ClassVar[str | None] = "generate"
    preload: ClassVar[tuple[str, ...]] = ("summ_collapse.models.engines.transformers", "summ_collapse.models.generation")
    completing: Completing
    excluded_slice: float = Field(0.0, ge=0, le=1, description="share of the training rows that is left out")

    @property
    def reads(self) -> Reading:
        return self.completing.reading

    @property
    def decoding(self) -> Decoding:
        return self.completing.decoding

    def size(self, of: Mapping[str, Size]) -> Size:
        rows, samples, summary = of["examples"].rows, self.decoding.samples, of["examples"].completion
        # Candidates are taken to be as long as summaries.
        completion = None if summary is None else min(summary, self.decoding.max_new_tokens)
        pool = None if rows is None else (rows - slice_rows(rows, self.excluded_slice)) * samples
        return Size(pool, samples=samples, completion=completion)

    def chunks(self, of: Mapping[str, Size]) -> int | None:
        rows = self.size(of).rows
        return None if rows is None else -(-rows // self.decoding.samples // self.completing.chunk_size)

    def work(self, of: Mapping[str, Size], lengths: Lengths) -> Work:
        rows = self.size(of).rows
        return self.completing.work(None if rows is None else rows // self.decoding.samples, lengths)

    def run(self, context: Context) -> Outcome:
        """Write `candidates.parquet`."""
        examples = context.inputs["examples"].table("train", ["id", "document", "slice_rank"])
        excluded = slice_rows(examples.num_rows, self.excluded_slice)
        pool = examples.filter(pc.greater_equal(examples["slice_rank"], excluded))
        candidates, prompt_tokens, truncated = self.completing.complete(context, pool)
        store.write_table(context.out / "candidates.parquet", check(candidates, CANDIDATE, "candidates"))
        generated = sum(candidates["n_tokens"].to_pylist())
        notes = {
            "candidates": candidates.num_rows,
            "generated_tokens": generated,
            "hit_the_limit": candidates["finish"].to_pylist().count("length"),
            "truncated": truncated,
        }
        rejected = {"the generator's own slice": excluded} if excluded else {}
        return Outcome(examples.num_rows, pool.num_rows, rejected, tokens=prompt_tokens + generated, notes=notes)
