"""Completing the documents of a table through an engine, in fixed chunks: what `generate` and `evaluate` share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from pydantic import Field

from summ_collapse.plugins import plugin
from summ_collapse.recipe.blocks import Options
from summ_collapse.recipe.decoding import Decoding
from summ_collapse.records import CANDIDATE, tie_break
from summ_collapse.stages.chunks import in_chunks
from summ_collapse.stages.reading import Reading
from summ_collapse.stages.size import Lengths, Work, parts
from summ_collapse.stages.stage import Context

if TYPE_CHECKING:
    from summ_collapse.models.engines import Engine
    from summ_collapse.models.generation import Completion


@dataclass(frozen=True)
class Completed:
    """Candidates, the tokens of their prompts, and how many documents were truncated."""

    candidates: pa.Table
    prompt_tokens: int
    truncated: int

    @property
    def generated_tokens(self) -> int:
        return sum(self.candidates["n_tokens"].to_pylist())

    @property
    def hit_the_limit(self) -> int:
        """How many candidates were cut off before their end."""
        return self.candidates["finish"].to_pylist().count("length")


# Where chunks follow from the documents: so many of them are one chunk, and more fall into about as many chunks, of several
# batches each, since those of a chunk are sorted by length together.
SMALL, CHUNKS, BATCHES = 1024, 64, 4


class Completing(Options):
    """Which model completes, through which engine, and how."""

    reading: Reading
    decoding: Decoding
    chunk_size: int | None = Field(None, gt=0, description="documents a chunk; from their number where absent")
    engine: str

    def documents_a_chunk(self, documents: int) -> int:
        """What the recipe says; else a size that keeps any usual number of devices busy to the end."""
        if self.chunk_size is not None:
            return self.chunk_size
        if documents <= SMALL:
            return SMALL
        batch = self.decoding.batch_size
        return batch * max(BATCHES, -(-documents // (CHUNKS * batch)))

    def chunks(self, documents: int | None) -> int | None:
        """Into how many chunks so many documents fall."""
        return None if documents is None else parts(documents, self.documents_a_chunk(documents))

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
            sharing=decoding.samples if decoding.method == "sampling" else 1,
        )

    def complete(self, context: Context, examples: pa.Table) -> Completed:
        """Candidates for all examples."""
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

        candidates = in_chunks(context, len(ids), self.documents_a_chunk(len(ids)), work_on, CANDIDATE)
        prompts = encoder.encode(documents)
        return Completed(candidates, sum(len(prompt.ids) for prompt in prompts), sum(prompt.truncated for prompt in prompts))


def chunk_seed(seed: int, stage: str, index: int) -> int:
    """The random seed of chunk `index` of a stage: 63 bits from (seed, stage, index)."""
    return int(tie_break(f"chunk {seed}", [(stage, index)])[0] >> 1)


def _table(ids: list[str], completions: "list[list[Completion]]") -> pa.Table:
    rows = [
        {"id": key, "sample": sample, "candidate": one.text, "n_tokens": one.n_tokens, "finish": one.finish}
        for key, several in zip(ids, completions, strict=True)
        for sample, one in enumerate(several)
    ]
    return pa.Table.from_pylist(rows, schema=CANDIDATE)
