"""`select`: the best share of all candidates by score, with what the theory says of this selection.

The order is the same at every rate, so selections nest; ties go by a hash of the id; NaN is never among the best.
"""

import numpy as np
import pyarrow as pa

from summ_collapse import store
from summ_collapse.errors import InputError
from summ_collapse.records import keys_of, tie_break
from summ_collapse.stages.prepare import slice_rows
from summ_collapse.stages.stage import Context, Outcome
from summ_collapse.theory.proxy import Confusion


def run(context: Context) -> Outcome:
    """Write `selection.parquet` (id, sample, score, rank; rank 0 is the best), in source order."""
    scores = context.inputs["scores"].table("scores", ["id", "sample", "score"])
    values, keys = scores["score"].to_numpy(), keys_of(scores)
    usable = ~np.isnan(values)
    count = selection_rows(len(keys), context.config["rate"])
    if count > int(usable.sum()):
        verifier = context.name.partition("/")[2].rpartition("-")[0]
        first = keys[int(np.flatnonzero(~usable)[0])][0]
        raise InputError(
            f"verifiers.{verifier}: {int((~usable).sum())} of {len(keys)} scores are NaN "
            f"(first: id {first!r}); a selection of {count} needs as many numbers"
        )
    ranks = ranking(values, keys)
    kept = ranks < count
    selection = scores.append_column("rank", pa.array(ranks, pa.int64())).filter(pa.array(kept))
    store.write_table(context.out / "selection.parquet", selection)
    dropped = {"below the cut": int((usable & ~kept).sum()), "score is NaN": int((~usable).sum())}
    notes = {**measure(context, kept), "slice_overlap": _overlap(context, selection)}
    return Outcome(len(keys), count, {reason: rows for reason, rows in dropped.items() if rows}, notes=notes)


def selection_rows(candidates: int, rate: float) -> int:
    """How many candidates a rate keeps."""
    return round(candidates * rate)


def ranking(scores: np.ndarray, keys: list[tuple[str, int]]) -> np.ndarray:
    """Each row's place from the best score down, (rows,) int64; NaN comes last."""
    worst_last = np.where(np.isnan(scores), np.inf, -scores)
    order = np.lexsort((tie_break("ties", keys), worst_last, np.isnan(scores)))
    ranks = np.empty(len(keys), dtype=np.int64)
    ranks[order] = np.arange(len(keys))
    return ranks


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
