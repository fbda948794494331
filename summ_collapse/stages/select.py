"""`select`: part of all candidates by score, as rows to train on, with what the theory says of this selection.

The order is the same at every rate, so selections nest; NaN is never among the best.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field, JsonValue

from summ_collapse import store
from summ_collapse.errors import ArmFailed, InputError
from summ_collapse.predict.confusion import Confusion
from summ_collapse.records import keys_of, rows_of
from summ_collapse.selection.keep import Keep, kept_first
from summ_collapse.selection.near_duplicates import near_duplicates
from summ_collapse.selection.order import Key, Order, ordered, places, selection_rows
from summ_collapse.stages.prepare import overlap
from summ_collapse.stages.size import Size
from summ_collapse.stages.stage import Context, Outcome, Stage


class Select(Stage):
    """The best candidates by one verifier: a share of all, as many as another selection, or whatever scores enough."""

    kind: ClassVar[str] = "select"
    inputs: ClassVar[Mapping[str, str]] = {
        "examples": "examples",
        "candidates": "candidates",
        "scores": "scores",
        "judge": "scores",
    }
    further: ClassVar[Mapping[str, str]] = {"size": "rows", "ease": "scores"}
    gives: ClassVar[str] = "rows"
    order: Order
    rate: float | None = Field(None, description="share of the candidates that is kept")
    at_least: float | None = Field(None, description="keep whatever scores this or more")
    wrong_below: float = Field(description="a candidate that the judge scores less is wrong")
    slice: float | None = Field(None, description="the share of real rows that the candidates' generator learnt from")
    source: str = Field(description="what rows that are kept say of where they come from")
    keep: Keep | None = Field(None, description="which of those that pass, by the role `ease`; the best by score where absent")
    among: float | None = Field(None, description="with `keep`: the share of the candidates that pass")
    among_at_least: float | None = Field(None, description="with `keep`: whatever scores this or more passes")

    def size(self, of: Mapping[str, Size]) -> Size:
        """All candidates, at most, where a threshold decides."""
        rows = of["candidates"].rows
        if "size" in of:
            rows = of["size"].rows
        elif rows is not None and self.rate is not None:
            rows = selection_rows(rows, self.rate)
        return Size(rows, completion=of["candidates"].completion)

    def run(self, context: Context) -> Outcome:
        """Write `rows.parquet`: Rows with their score and rank (0 is the best), in source order."""
        scores = context.inputs["scores"].table("scores", ["id", "sample", "score"])
        candidates = context.inputs["candidates"].table("candidates", ["id", "sample", "candidate"])
        values, keys, texts = scores["score"].to_numpy(), keys_of(scores), candidates["candidate"]
        if keys_of(candidates) != keys:
            raise ValueError(f"{context.name}: expected scores in the order of the candidates")
        usable = ~np.isnan(values)
        ranks = ordered(values, keys, self.order, context.seed, self._strata(context, keys, texts))
        repeated = np.zeros(len(keys), dtype=bool)
        if self.order.near_duplicates is not None:
            repeated = near_duplicates(texts.to_pylist(), ranks, self.order.near_duplicates) & usable
            ranks = places(np.lexsort((ranks, repeated | ~usable)))
        if self.keep is not None:
            ranks = self._by_ease(context, self.keep, ranks, values, usable & ~repeated, keys)
        count = self._count(context, values, keys, int((usable & ~repeated).sum()))
        kept = ranks < count
        if self.at_least is not None:
            kept = usable & ~repeated & (values >= self.at_least)
        if not kept.any():
            best = f"the best is {values[usable].max():g}" if usable.any() else "all scores are NaN"
            raise ArmFailed(f"nothing scores {self.at_least or 0:g} or more; {best}", len(keys))
        rows = rows_of(candidates["id"], candidates["sample"], texts, self.source)
        rows = rows.append_column("score", scores["score"]).append_column("rank", pa.array(ranks, pa.int64()))
        rows = rows.filter(pa.array(kept))
        store.write_table(context.out / "rows.parquet", rows)
        dropped = {
            "below the cut": int((usable & ~repeated & ~kept).sum()),
            "near duplicate": int(repeated.sum()),
            "score is NaN": int((~usable).sum()),
        }
        rejected = {reason: rows for reason, rows in dropped.items() if rows}
        # Of these rows the generator itself was trained on the documents.
        learnt = None if self.slice is None else overlap(context.inputs["examples"], self.slice, rows["id"].to_pylist())
        notes: dict[str, JsonValue] = {**self._measured(context, kept), "slice_overlap": learnt}
        return Outcome(len(keys), rows.num_rows, rejected, notes=notes)

    def _by_ease(
        self, context: Context, keep: Keep, ranks: np.ndarray, values: np.ndarray, usable: np.ndarray, keys: list[Key]
    ) -> np.ndarray:
        """The places of candidates by how easy they are, those that pass first; ArmFailed where fewer pass than are kept."""
        passed = usable & (ranks < selection_rows(len(keys), self.among) if self.among else values >= (self.among_at_least or 0))
        ease = context.inputs["ease"].table("scores", ["score"])["score"].to_numpy()
        there, wanted = int((passed & ~np.isnan(ease)).sum()), selection_rows(len(keys), self.rate or 0)
        if wanted > there:
            raise ArmFailed(f"expected {wanted} candidates to keep, and {there} pass", len(keys))
        return kept_first(keep, passed, ease, keys)

    def _count(self, context: Context, values: np.ndarray, keys: list[Key], there: int) -> int:
        """How many to keep; ArmFailed where fewer have a score. What near-duplicates leave may be less than is asked for."""
        if self.at_least is not None:
            return 0
        if "size" in context.inputs:
            return int(context.inputs["size"].manifest["rows_out"])
        assert self.rate is not None, f"{context.name}: neither a rate nor a threshold nor a size to follow"
        count = selection_rows(len(keys), self.rate)
        if count < 1:
            raise ArmFailed(f"{self.rate:g} of {len(keys)} candidates is less than one", len(keys))
        nan = np.flatnonzero(np.isnan(values))
        if count > len(keys) - len(nan):
            raise ArmFailed(
                f"{len(nan)} of {len(keys)} scores are NaN "
                f"(first: id {keys[int(nan[0])][0]!r}); a selection of {count} needs as many numbers",
                len(keys),
            )
        return min(count, there)

    def _strata(self, context: Context, keys: list[Key], texts: pa.ChunkedArray) -> np.ndarray | None:
        """A label a candidate, (rows,) int64, where the selection keeps the mixture of strata."""
        from summ_collapse.selection.strata import CLUSTERS, cluster_strata, column_strata, length_strata

        if self.order.across != "strata":
            return None
        by, count = self.order.by or "cluster", self.order.strata or CLUSTERS
        if by == "length":
            return length_strata(texts.to_pylist(), count)
        if by == "cluster":
            return cluster_strata(texts.to_pylist(), count)
        examples = context.inputs["examples"].table("train")
        if by not in examples.column_names:
            raise InputError(
                f"{context.name}: selection.by: expected length, cluster or one of {', '.join(examples.column_names)}, got {by!r}"
            )
        value_of = dict(zip(examples["id"].to_pylist(), examples[by].to_pylist(), strict=True))
        return column_strata([value_of[identifier] for identifier, _ in keys])

    def _measured(self, context: Context, kept: np.ndarray) -> dict[str, float | str | None]:
        """p, phi, psi and what follows from them, by the judge's scores and the threshold for `wrong`, where it has judged."""
        judged = context.inputs["judge"].table("scores", ["score"])["score"].to_numpy()
        known = ~np.isnan(judged)
        return Confusion.of(judged[known] < self.wrong_below, kept[known]).summary()
