"""Reading a table of pairs: each with its document, as token ids for one model."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from summ_collapse.stages.stage import Context

if TYPE_CHECKING:
    from summ_collapse.models.encoder import Encoder
    from summ_collapse.models.pairs import PairIds


@dataclass(frozen=True)
class Encoded:
    """The pairs whose sides share their prefix to the token, and how many do not."""

    table: pa.Table
    ids: "list[PairIds]"
    apart: int


def encoded(context: Context, encoder: "Encoder") -> Encoded:
    """The input `pairs`, as this model reads them."""
    from summ_collapse.models.pairs import PairText, encode

    examples = context.inputs["examples"].table("train", ["id", "document"])
    document_of = dict(zip(examples["id"].to_pylist(), examples["document"].to_pylist(), strict=True))
    table = context.inputs["pairs"].table("pairs")
    names = ("prefix", "chosen", "rejected", "chosen_ends", "rejected_ends")
    texts = [PairText(document_of[row["id"]], *(row[name] for name in names)) for row in table.select(["id", *names]).to_pylist()]
    found = encode(encoder, texts)
    kept = [place for place, ids in enumerate(found) if ids is not None]
    return Encoded(table.take(pa.array(kept, pa.int64())), [ids for ids in found if ids is not None], len(found) - len(kept))
