"""`select`: part of all candidates by score, with what the theory says of this selection.

The order is the same at every rate, so selections nest; NaN is never among the best.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from summ_collapse import store
from summ_collapse.errors import InputError
from summ_collapse.predict.confusion import Confusion
from summ_collapse.records import keys_of
from summ_collapse.selection.order import Key, near_duplicates, ordered, places
from summ_collapse.stages.prepare import slice_rows
from summ_collapse.stages.stage import Context, Outcome


def run(context: Context) -> Outcome:
    """Write `selection.parquet` (id, sample, score, rank; rank 0 is the best), in source order."""
    scores = context.inputs["scores"].table("scores", ["id", "sample", "score"])
    values, keys = scores["score"].to_numpy(), keys_of(scores)
    usable = ~np.isnan(values)
    ranks = ordered(values, keys, context.config, context.seed, _strata(context, keys))
    repeated = np.zeros(len(keys), dtype=bool)
    if "near_duplicates" in context.config:
        repeated = near_duplicates(_texts(context), ranks, context.config["near_duplicates"]) & usable
        ranks = places(np.lexsort((ranks, repeated | ~usable)))
    count = _count(context, values, keys, int((usable & ~repeated).sum()))
    kept = ranks < count
    if context.config["at_least"] is not None:
        kept = usable & ~repeated & (values >= context.config["at_least"])
    selection = scores.append_column("rank", pa.array(ranks, pa.int64())).filter(pa.array(kept))
    if not selection.num_rows:
        best = f"the best is {values[usable].max():g}" if usable.any() else "all scores are NaN"
        raise InputError(f"{context.name}: nothing scores {context.config['at_least']:g} or more; {best}")
    store.write_table(context.out / "selection.parquet", selection)
    dropped = {
        "below the cut": int((usable & ~repeated & ~kept).sum()),
        "near duplicate": int(repeated.sum()),
        "score is NaN": int((~usable).sum()),
    }
    notes = {**measure(context, kept), "slice_overlap": _overlap(context, selection)}
    rejected = {reason: rows for reason, rows in dropped.items() if rows}
    return Outcome(len(keys), selection.num_rows, rejected, notes=notes)


def selection_rows(candidates: int, rate: float) -> int:
    """How many candidates a rate keeps."""
    return round(candidates * rate)


def _count(context: Context, values: np.ndarray, keys: list[Key], there: int) -> int:
    """How many to keep; InputError where fewer have a score. What near-duplicates leave may be less than the rate asks for."""
    if context.config["at_least"] is not None:
        return 0
    if "size" in context.inputs:
        return int(context.inputs["size"].manifest["rows_out"])
    count = selection_rows(len(keys), context.config["rate"])
    if count < 1:
        raise InputError(f"{context.name}: {context.config['rate']:g} of {len(keys)} candidates is less than one")
    nan = np.flatnonzero(np.isnan(values))
    if count > len(keys) - len(nan):
        raise InputError(
            f"{context.name}: {len(nan)} of {len(keys)} scores are NaN "
            f"(first: id {keys[int(nan[0])][0]!r}); a selection of {count} needs as many numbers"
        )
    return min(count, there)


def _texts(context: Context) -> list[str]:
    return context.inputs["candidates"].table("candidates", ["candidate"])["candidate"].to_pylist()


def _strata(context: Context, keys: list[Key]) -> np.ndarray | None:
    """A label a candidate, (rows,) int64, where the selection keeps the mixture of strata."""
    from summ_collapse.selection.strata import cluster_strata, column_strata, length_strata

    if context.config["across"] != "strata":
        return None
    by = context.config["by"]
    if by == "length":
        return length_strata(_texts(context), context.config["strata"])
    if by == "cluster":
        return cluster_strata(_texts(context), context.config["strata"])
    examples = context.inputs["examples"].table("train")
    if by not in examples.column_names:
        raise InputError(
            f"{context.name}: selection.by: expected length, cluster or one of {', '.join(examples.column_names)}, got {by!r}"
        )
    value_of: dict[str, Any] = dict(zip(examples["id"].to_pylist(), examples[by].to_pylist(), strict=True))
    return column_strata([value_of[identifier] for identifier, _ in keys])


def measure(context: Context, kept: np.ndarray) -> dict[str, object]:
    """p, phi, psi and what follows from them, by the judge's scores and the recipe's threshold for `wrong`."""
    judged = context.inputs["judge"].table("scores", ["score"])["score"].to_numpy()
    wrong = judged < context.config["wrong_below"]
    return Confusion.of(wrong, kept).summary()


def _overlap(context: Context, selection: pa.Table) -> float:
    """The share of the selection whose documents the generator was trained on."""
    examples = context.inputs["examples"].table("train", ["id", "slice_rank"])
    of_slice = examples["slice_rank"].to_numpy() < slice_rows(examples.num_rows, context.config["generator_slice"])
    trained_on = set(examples["id"].filter(pa.array(of_slice)).to_pylist())
    return float(np.mean([identifier in trained_on for identifier in selection["id"].to_pylist()]))
