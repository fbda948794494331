"""Rows to train on: the slice and mixtures hold the rows that they say, each with its weight."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from summ_collapse.errors import InputError
from summ_collapse.records import ROWS
from summ_collapse.stages.mix import Mix, Part, quotas
from summ_collapse.stages.size import Size
from summ_collapse.stages.slice import Slice
from summ_collapse.store import Place, write_table
from tests.stages.tables import done, examples, keyed, published, rows_written

RANKS = np.random.default_rng(3).permutation(40).tolist()
POOL = [f"doc-{row}" for row in range(40)]


def sliced(tmp_path: Path, share: float) -> list[str]:
    outcome, out = done(Slice(share=share), tmp_path / f"slice-{share}", {"examples": examples(tmp_path, RANKS)})
    rows = rows_written(out)
    assert outcome.rows_out == len(rows)
    assert {(row["sample"], row["source"], row["weight"]) for row in rows} == {(0, "real", 1.0)}
    assert all(row["completion"] == f"gist of {row['id']}" for row in rows)
    return [row["id"] for row in rows]


@pytest.mark.parametrize("share", [0.125, 0.25, 0.5, 1.0])
def test_a_slice_is_the_first_rows_by_rank_in_source_order(tmp_path: Path, share: float) -> None:
    assert sliced(tmp_path, share) == [f"doc-{row}" for row in range(40) if RANKS[row] < 40 * share]


def test_smaller_slices_are_part_of_larger_ones(tmp_path: Path) -> None:
    slices = [set(sliced(tmp_path, share)) for share in (0.125, 0.25, 0.5, 1.0)]
    assert [len(part) for part in slices] == [5, 10, 20, 40]
    assert slices[0] < slices[1] < slices[2] < slices[3]


def test_a_part_of_the_world_has_its_rows_of_the_slice_and_counts_the_others(tmp_path: Path) -> None:
    table = examples(tmp_path, RANKS, kind=["storm", "deal", "loan", "deal"] * 10)
    outcome, out = done(Slice(share=0.5, only={"kind": ["deal"]}), tmp_path / "part", {"examples": table})
    assert [row["id"] for row in rows_written(out)] == [f"doc-{row}" for row in range(40) if RANKS[row] < 20 and row % 2]
    assert outcome.rejected["of another part"] == 20 - outcome.rows_out
    assert sum(outcome.rejected.values()) == 40 - outcome.rows_out


@pytest.mark.parametrize(
    ("only", "message"),
    [
        ({"topic": ["deal"]}, "only: expected one of the columns id, document, summary, kind, slice_rank, got 'topic'"),
        ({"kind": ["deals"]}, "only.kind: no row has any of deals; there are deal, storm"),
    ],
)
def test_a_part_that_nobody_has_is_an_error(tmp_path: Path, only: dict[str, list[str]], message: str) -> None:
    table = examples(tmp_path, RANKS, kind=["storm", "deal"] * 20)
    with pytest.raises(InputError, match=message):
        done(Slice(share=0.5, only=only), tmp_path / "part", {"examples": table})


def mixed(tmp_path: Path, parts: dict[str, Part], seed: int = 0, **total: Any) -> list[dict[str, Any]]:
    real = pa.table(
        [POOL[:8], pa.array([0] * 8, pa.int32()), ["real"] * 8, ["gist"] * 8, [1.0, 2.0] * 4],
        names=ROWS.names,
    ).cast(ROWS)
    inputs = {
        "rows of slice": published(tmp_path, "slice", rows=real),
        "candidates of pool": published(tmp_path, "pool", candidates=keyed(POOL, candidate=["made"] * 40)),
    }
    outcome, out = done(Mix(parts=parts, **total), tmp_path / f"mix-{len(list(tmp_path.iterdir()))}", inputs, seed)
    rows = rows_written(out)
    given = sum(8 if name == "slice" else 40 for name in parts)
    assert (outcome.rows_in, outcome.rows_out) == (given, len(rows))
    return rows


def test_a_mixture_has_its_parts_one_behind_the_other_and_multiplies_weights(tmp_path: Path) -> None:
    rows = mixed(tmp_path, {"slice": Part(weight=3.0), "pool": Part(weight=0.5)})
    assert [row["id"] for row in rows] == POOL[:8] + POOL
    assert [row["source"] for row in rows] == ["real"] * 8 + ["pool"] * 40
    assert [row["weight"] for row in rows] == [3.0, 6.0] * 4 + [0.5] * 40
    assert {row["completion"] for row in rows[8:]} == {"made"}


def test_shares_are_drawn_by_seed_and_nest(tmp_path: Path) -> None:
    def drawn(share: float, seed: int = 0) -> list[str]:
        return [row["id"] for row in mixed(tmp_path, {"pool": Part(share=share)}, seed)]

    quarter, half = drawn(0.25), drawn(0.5)
    assert (len(quarter), len(half)) == (10, 20)
    assert set(quarter) < set(half)
    assert quarter == [name for name in POOL if name in quarter]
    # Of ten of forty, drawn anew, ten the same would be one chance in 10^8; the first ten are no draw.
    assert quarter != drawn(0.25, seed=1)
    assert quarter != POOL[:10]
    assert quarter == drawn(0.25)


def test_parts_that_are_apart_share_their_keys_out(tmp_path: Path) -> None:
    pools = {name: published(tmp_path, name, candidates=keyed(POOL, candidate=[f"by {name}"] * 40)) for name in ("a", "b", "c")}
    inputs = {f"candidates of {name}": pool for name, pool in pools.items()}
    stage = Mix(parts={name: Part() for name in pools}, apart=True)
    outcome, out = done(stage, tmp_path / "mix", inputs)
    rows = rows_written(out)
    assert sorted(row["id"] for row in rows) == sorted(POOL)
    assert sorted(sum(row["source"] == name for row in rows) for name in pools) == [13, 13, 14]
    assert {row["completion"] for row in rows} == {"by a", "by b", "by c"}
    assert (outcome.rows_in, outcome.rows_out, outcome.rejected) == (120, 40, {"beyond its share": 80})
    assert stage.size({role: Size(40) for role in inputs}).rows == 39  # as near as a plan can say


def test_a_mixture_of_a_total_is_another_draw_beside_other_tables(tmp_path: Path) -> None:
    drawn = []
    for generation in ("1", "2"):
        place = Place(tmp_path, "made", generation, generation * 64)
        out = place.prepare_work() / "out"
        out.mkdir()
        write_table(out / "candidates.parquet", keyed(POOL, candidate=["made"] * 40))
        other = place.publish(out, {"rows_out": 40, "notes": {}, "fingerprint": generation * 64})
        pool = published(tmp_path, "pool", candidates=keyed(POOL, candidate=["made"] * 40))
        inputs = {"candidates of pool": pool, "candidates of other": other}
        _, mixed_to = done(Mix(parts={"pool": Part(), "other": Part()}, total="pool"), tmp_path / generation, inputs)
        drawn.append({row["id"] for row in rows_written(mixed_to) if row["source"] == "pool"})
    assert [len(one) for one in drawn] == [20, 20]
    assert drawn[0] != drawn[1]


def test_a_total_is_shared_out_by_rows_or_by_parts() -> None:
    rows = {"real": 10, "old": 40, "new": 50}
    assert quotas(rows, 50, "rows") == {"real": 5, "old": 20, "new": 25}
    assert quotas(rows, 50, "parts") == {"real": 10, "old": 20, "new": 20}  # what one lacks falls to the others
    assert quotas({"new": 50, "real": 10}, 50, "parts") == {"new": 40, "real": 10}  # whichever comes first
    assert quotas(rows, 100, "parts") == quotas(rows, 500, "rows") == rows
    assert quotas({"none": 0, "new": 5}, 3, "rows") == quotas({"none": 0, "new": 5}, 3, "parts") == {"none": 0, "new": 3}
    for total in range(0, 101):
        for evenly in ("rows", "parts"):
            found = quotas(rows, total, evenly)
            assert sum(found.values()) == total
            assert all(0 <= found[name] <= rows[name] for name in rows)


def test_a_mixture_of_a_total_draws_each_part_by_itself(tmp_path: Path) -> None:
    rows = mixed(tmp_path, {"slice": Part(), "pool": Part(share=0.25)}, total="pool", evenly="parts")
    by_source = {source: [row["id"] for row in rows if row["source"] == source] for source in ("real", "pool")}
    assert {source: len(ids) for source, ids in by_source.items()} == {"real": 5, "pool": 5}
    assert rows == mixed(tmp_path, {"slice": Part(), "pool": Part(share=0.25)}, total="pool", evenly="parts")
