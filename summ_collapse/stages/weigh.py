"""`weigh`: every candidate with the weight that a noisy verdict on it is worth: r~ = (r - psi) / (phi - psi).

r is 1 where the verifier takes a candidate for right, else 0. Over verdicts E[r~] is 1 for a right candidate and 0 for a wrong
one (arXiv:2510.00915), so that a loss weighed so is, on the average, that of the right candidates alone. Rows that are taken for
wrong weigh less than nothing; clipped they weigh nothing, and what is left is the hard filter with another constant.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field, JsonValue

from summ_collapse import store
from summ_collapse.errors import ArmFailed
from summ_collapse.predict.confusion import Confusion
from summ_collapse.records import ROWS, rows_of
from summ_collapse.stages.size import Size
from summ_collapse.stages.stage import Context, Outcome, Stage


class Weigh(Stage):
    """Rows with weights; phi and psi are measured on this pool, by the judge."""

    kind: ClassVar[str] = "weigh"
    inputs: ClassVar[Mapping[str, str]] = {"candidates": "candidates", "scores": "scores", "judge": "scores"}
    gives: ClassVar[str] = "rows"
    at_least: float
    clipped: bool
    wrong_below: float = Field(description="a candidate that the judge scores less is wrong")
    source: str = Field(description="what rows say of where they come from")

    def size(self, of: Mapping[str, Size]) -> Size:
        """At most: what is clipped is left out."""
        return Size(of["candidates"].rows, completion=of["candidates"].completion)

    def run(self, context: Context) -> Outcome:
        """Write `rows.parquet`; ArmFailed where the verdict tells right from wrong no better than chance."""
        candidates = context.inputs["candidates"].table("candidates", ["id", "sample", "candidate"])
        scores = context.inputs["scores"].table("scores", ["score"])["score"].to_numpy()
        judged = context.inputs["judge"].table("scores", ["score"])["score"].to_numpy()
        known = ~np.isnan(scores)
        verdict = known & (scores >= self.at_least)
        told = ~np.isnan(judged)
        found = Confusion.of(judged[told] < self.wrong_below, verdict[told])
        if not found.right or not found.wrong:
            raise ArmFailed(f"of {len(scores)} candidates {found.right} are right: phi or psi cannot be measured", len(scores))
        weights = soft_weights(verdict, found.right_kept / found.right, found.wrong_kept / found.wrong)
        if weights is None:
            raise ArmFailed("the verdict keeps wrong candidates as often as right ones", len(scores))
        if self.clipped:
            weights = np.maximum(weights, 0.0)
        kept = known & (weights != 0)
        if not kept.any():
            raise ArmFailed(f"nothing scores {self.at_least:g} or more", len(scores))
        rows = rows_of(candidates["id"], candidates["sample"], candidates["candidate"], self.source)
        rows = rows.set_column(ROWS.get_field_index("weight"), "weight", pa.array(weights, pa.float64())).filter(pa.array(kept))
        store.write_table(context.out / "rows.parquet", rows)
        dropped = {"no weight": int((known & ~kept).sum()), "score is NaN": int((~known).sum())}
        rejected = {reason: count for reason, count in dropped.items() if count}
        notes: dict[str, JsonValue] = {
            **found.summary(),
            "weights": {"right": float(weights[verdict].max()), "wrong": float(weights.min())},
        }
        return Outcome(len(scores), rows.num_rows, rejected, notes=notes)


def soft_weights(verdict: np.ndarray, phi: float, psi: float) -> np.ndarray | None:
    """(r - psi) / (phi - psi) of each row, (rows,) float64; None where phi is not above psi."""
    return (verdict - psi) / (phi - psi) if phi > psi else None
