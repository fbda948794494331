"""`verify`: a score for every candidate, higher better, by one verifier."""

from collections.abc import Mapping
from functools import cache, partial
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, JsonValue, SerializeAsAny

from summ_collapse import store
from summ_collapse.metrics.references import references_of
from summ_collapse.recipe.resolve import Name, described
from summ_collapse.records import SCORE, check, keys_of
from summ_collapse.stages.chunks import in_chunks
from summ_collapse.stages.reading import MODELS, Reading
from summ_collapse.stages.size import Lengths, Size, Work, parts
from summ_collapse.stages.stage import Context, Outcome, Stage
from summ_collapse.verifiers.request import Request
from summ_collapse.verifiers.verifier import Verifier


class Verify(Stage):
    """Scores of one verifier. Those that are NaN stay in the table, are counted, and are never selected."""

    kind: ClassVar[str] = "verify"
    version: ClassVar[int] = 2  # in bfloat16 an adapter is merged where the weights can hold it
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples", "candidates": "candidates"}
    further: ClassVar[Mapping[str, str]] = {**MODELS, "scores of *": "scores"}
    gives: ClassVar[str] = "scores"
    launch: ClassVar[str | None] = "verify"
    preload: ClassVar[tuple[str, ...]] = ("summ_collapse.models.likelihood",)
    verifier: SerializeAsAny[Verifier] = Field(description="options of an installed verifier")
    names: dict[str, Name] = Field({}, description="what the names of files in these options stand for")
    reading: Reading | None = Field(None, description="the model that it reads with, where it needs one")
    chunk_size: int | None = Field(None, description="candidates a chunk; all at once where it reads others' scores")
    batch_size: int = 1
    shared_prompts: bool = Field(False, description="a document is read once for all its candidates: another rounding")

    def described(self) -> dict[str, JsonValue]:
        """Without the verifier's defaults, so that a new option leaves old scores valid; which model it is, inputs say."""
        left = {"train", "adapter", "adapter_revision", "chat"} | ({"model", "revision"} if self.reading else set())
        ours = self.model_dump(mode="json", exclude={"verifier", "names"}, exclude_none=True)
        return {**ours, "verifier": described(self.verifier, self.names, exclude=left, exclude_defaults=True)}

    @property
    def reads(self) -> Reading | None:
        return self.reading

    def size(self, of: Mapping[str, Size]) -> Size:
        return of["candidates"]

    def chunks(self, of: Mapping[str, Size]) -> int | None:
        return None if self.chunk_size is None else parts(of["candidates"].rows, self.chunk_size)

    def work(self, of: Mapping[str, Size], lengths: Lengths) -> Work | None:
        if self.reading is None:
            return None
        candidates = of["candidates"]
        rows = None if candidates.rows is None else candidates.rows * self.verifier.readings
        return self.reading.scoring(rows, candidates.completion, lengths, self.batch_size, candidates.samples)

    def run(self, context: Context) -> Outcome:
        """Write `scores.parquet`, a row a candidate."""
        examples = context.inputs["examples"].table("train")
        place_of = {identifier: row for row, identifier in enumerate(examples["id"].to_pylist())}
        documents, references = examples["document"].to_pylist(), references_of(examples)
        candidates = context.inputs["candidates"].table("candidates")
        keys, texts = keys_of(candidates), candidates["candidate"].to_pylist()
        sources = {
            name: context.inputs[f"scores of {name}"].table("scores", ["score"])["score"] for name in self.verifier.sources
        }

        def work_on(rows: range, index: int) -> pa.Table:
            places = [place_of[keys[row][0]] for row in rows]
            request = Request(
                keys=[keys[row] for row in rows],
                candidates=[texts[row] for row in rows],
                documents=[documents[place] for place in places],
                references=[references[place] for place in places],
                seed=context.seed,
                batch_size=self.batch_size,
                reader=reader,
                scores={name: scores.to_numpy()[rows.start : rows.stop] for name, scores in sources.items()},
            )
            scored = self.verifier.score(request)
            ids, samples = zip(*request.keys, strict=True)
            columns = {"id": list(ids), "sample": pa.array(samples, pa.int32()), "score": scored.score.astype(np.float64)}
            return pa.table({**columns, **scored.columns})

        @cache
        def reader() -> Any:
            assert self.reading is not None, f"{context.name}: no model was given"
            source = self.reading.source(context.inputs)
            return self.verifier.load(source, partial(self.reading.encoder, source, 1))

        # Who reads others' scores ranks all candidates at once; everybody else sees whole documents.
        scores = in_chunks(context, len(keys), self.chunk_size or max(1, len(keys)), work_on, SCORE)
        store.write_table(context.out / "scores.parquet", check(scores, SCORE, "scores"))
        tokens = int(sum(scores["n_tokens"].to_pylist())) if "n_tokens" in scores.column_names else 0
        notes: dict[str, JsonValue] = {"nan_scores": int(np.isnan(scores["score"].to_numpy()).sum())}
        if "truncated" in scores.column_names:  # documents that a model read in part
            notes["truncated"] = int(pc.sum(scores["truncated"]).as_py())
        return Outcome(len(keys), scores.num_rows, tokens=tokens, notes=notes)
