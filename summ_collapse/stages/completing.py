"""Completing the documents of a table through an engine, in fixed chunks: what `generate` and `evaluate` share."""

from typing import TYPE_CHECKING

import pyarrow as pa
from pydantic import Field

from summ_collapse.plugins import plugin
from summ_collapse.recipe.blocks import Options
from summ_collapse.recipe.decoding import Decoding
from summ_collapse.records import CANDIDATE
from summ_collapse.stages.chunked import in_chunks
from summ_collapse.stages.reading import Reading
from summ_collapse.stages.size import Lengths, Work
from summ_collapse.stages.stage import Context, chunk_seed

if TYPE_CHECKING:
    from summ_collapse.models.engines import Engine
    from summ_collapse.models.generation import Completion


class Completing(Options):
    """Which model completes, through which engine, and how."""

    reading: Reading
    decoding: Decoding
    chunk_size: int = Field(gt=0, description="documents a chunk")
    engine: str

    def work(self, documents: int | None, lengths: Lengths) -> Work:
        """What completing so many documents costs."""
        summary, decoding = lengths.summary, self.decoding
        return Work(
            "generate",
            rows=None if documents is None else documents * decoding.sequences,
            prompt=self.reading.mean_prompt(lengths.document),
            completion=None if summary is None else min(summary, decoding.max_new_tokens),
            longest_prompt=self.reading.longest_prompt,
            longest_completion=decoding.max_new_tokens,
            batch=decoding.batch_size * decoding.sequences,
        )

    def complete(self, context: Context, examples: pa.Table) -> tuple[pa.Table, int, int]:
        """Candidates for all examples, the prompts' tokens, and how many documents were truncated."""
        from summ_collapse.models.generation import generate

        source = self.reading.source(context.inputs)
        encoder = self.reading.encoder(source, self.decoding.max_new_tokens)
        documents = examples["document"].to_pylist()
        ids = examples["id"].to_pylist()
        opened: list[Engine] = []

        def work_on(rows: range, index: int) -> pa.Table:
            if not opened:  # a stage that finds all its chunks made needs no model
                opened.append(plugin("engines", self.engine)(source, encoder))
            seed = chunk_seed(context.seed, context.name, index)
            completions = generate(opened[0], encoder, [documents[row] for row in rows], self.decoding, seed)
            return _table([ids[row] for row in rows], completions)

        candidates = in_chunks(context, len(ids), self.chunk_size, work_on)
        prompts = encoder.encode(documents)
        return candidates, sum(len(prompt.ids) for prompt in prompts), sum(prompt.truncated for prompt in prompts)


def _table(ids: list[str], completions: "list[list[Completion]]") -> pa.Table:
    rows = [(key, sample, text) for key, texts in zip(ids, completions, strict=True) for sample, text in enumerate(texts)]
    return pa.table(
        {
            "id": [key for key, _, _ in rows],
            "sample": [sample for _, sample, _ in rows],
            "candidate": [completion.text for _, _, completion in rows],
            "n_tokens": [completion.n_tokens for _, _, completion in rows],
            "finish": [completion.finish for _, _, completion in rows],
        },
        schema=CANDIDATE,
    )
