"""The best candidates of bare files, with no run and no model."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from summ_collapse import store
from summ_collapse.diagnose.scored import Scored
from summ_collapse.errors import InputError
from summ_collapse.export import Form
from summ_collapse.export.card import Card
from summ_collapse.export.formats import Shown, write
from summ_collapse.plugins import nearest
from summ_collapse.tasks.prompt import Prompt
from summ_collapse.verifiers.ensemble import mean_rank

TOGETHER = "mean rank"  # of several scores, where none is named


@dataclass(frozen=True)
class Wanted:
    """What to select, and how to write it."""

    candidates: Path
    scores: Mapping[str, Path]
    rate: float
    out: Path
    by: str | None = None
    form: Form = "parquet"
    documents: Path | None = None
    prompt: str = "{document}"
    rejected: Path | None = None
    licence: str = "unknown"


def select_files(wanted: Wanted) -> Card:
    """Write what is kept, its card, and on request what is not, with the reason; every candidate is in one or the other."""
    if wanted.by is not None and wanted.by not in wanted.scores:
        raise InputError(f"--by: no --scores is named {wanted.by!r}{nearest(wanted.by, wanted.scores)}")
    pool = Scored.read(wanted.candidates, wanted.scores)
    read = pool.fingerprints
    name = wanted.by or (next(iter(wanted.scores)) if len(wanted.scores) == 1 else TOGETHER)
    if name == TOGETHER:
        pool = replace(pool, scores={TOGETHER: mean_rank(list(pool.scores.values()))})
    kept, values = pool.kept(name, wanted.rate), pool.scores[name]
    columns = {
        "id": pool.keys.ids,
        "sample": pa.array(pool.keys.samples, pa.int32()),
        "completion": pool.texts,
        "score": pa.array(values),
        "rank": pa.array(pool.ranks[name]),
    }
    if wanted.documents is not None:
        columns["document"] = pa.array(pool.keys.documents_of(wanted.documents), pa.string())
    table = pa.table(columns)
    unusable = int(np.isnan(values).sum())
    balance = {"rows in": pool.rows, "rows out": int(kept.sum())}
    reasons = {"below the cut": pool.rows - int(kept.sum()) - unusable, "score is NaN": unusable}
    if wanted.rejected is not None:
        why = np.where(np.isnan(values[~kept]), "score is NaN", "below the cut")
        store.write_table(wanted.rejected, table.filter(pa.array(~kept)).append_column("reason", pa.array(why, pa.string())))
    card = Card(
        wanted.out.name,
        int(kept.sum()),
        wanted.form,
        wanted.licence,
        {"candidates": wanted.candidates.name, "by": name, "scores": ", ".join(wanted.scores), "share that is kept": wanted.rate},
        {},
        {**balance, **{f"rejected, {reason}": number for reason, number in reasons.items() if number}},
        [f"{what} {digest}" for what, digest in read.items()],
    )
    card.write(wanted.out)
    write(table.filter(pa.array(kept)), wanted.form, Shown(Prompt.parse(wanted.prompt)), wanted.out)
    return card
