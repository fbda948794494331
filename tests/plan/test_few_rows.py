"""The rows that a rehearsal works on: the longest, the first of every table, and in their own order."""

from pathlib import Path

import numpy as np

from summ_collapse.plan import few_rows
from summ_collapse.store import Artifact, read_table
from tests.stages.tables import examples, keyed, published, rows_written

ROWS = 400


def made(folder: Path) -> Artifact:
    """Training rows of which one is long at each side, in an order of slices that is not theirs."""
    texts = {"document": [f"text {row}" for row in range(ROWS)], "summary": [f"gist {row}" for row in range(ROWS)]}
    texts["document"][123] *= 50
    texts["summary"][321] *= 50
    ranks = np.random.default_rng(0).permutation(ROWS)
    train = examples(folder / "a", ranks.tolist(), **texts).table("train")
    test = train.slice(0, 30).set_column(0, "id", [[f"test-{row}" for row in range(30)]])
    return published(folder, "examples", {"train_rows": ROWS, "test_rows": 30}, train=train, test=test)


def test_the_longest_and_some_of_every_table_are_kept(tmp_path: Path) -> None:
    rare = [f"doc-{row}" for row in (7, 77, 177)]
    whole = {"prepare": made(tmp_path), "slice": published(tmp_path, "rare", rows=keyed(rare))}
    ids, learnt_from = few_rows.chosen(whole, {"prepare": "examples", "slice": "rows"})
    assert {"doc-123", "doc-321", *rare} <= set(ids)
    assert few_rows.ROWS <= learnt_from <= few_rows.ROWS + 2 * few_rows.LONGEST + 2 * few_rows.FIRST
    assert len(ids) - learnt_from <= few_rows.TEST_ROWS + 2 * few_rows.LONGEST


def test_a_cut_keeps_the_order_of_slices_without_gaps(tmp_path: Path) -> None:
    artifact = made(tmp_path)
    ids, learnt_from = few_rows.chosen({"prepare": artifact}, {"prepare": "examples"})
    few = few_rows.cut(artifact, ids, tmp_path / "few")
    rank_of = dict(zip(*artifact.table("train", ["id", "slice_rank"]).to_pydict().values(), strict=True))
    rows = rows_written(few.path, "train")
    assert sorted(row["slice_rank"] for row in rows) == list(range(learnt_from))
    by_rank = sorted(rows, key=lambda row: row["slice_rank"])
    assert [row["id"] for row in by_rank] == sorted((row["id"] for row in rows), key=rank_of.__getitem__)
    assert few.manifest["notes"] == {"train_rows": learnt_from, "test_rows": len(ids) - learnt_from}


def test_of_the_candidates_of_a_document_one_is_right_and_the_next_is_wrong(tmp_path: Path) -> None:
    table = keyed(["doc-1", "doc-1", "doc-2"], [0, 1, 0], candidate=["", "", ""], n_tokens=[1] * 3, finish=["stop"] * 3)
    written = published(tmp_path, "generate", candidates=table)
    few_rows.stand_in(written, examples(tmp_path, range(5)))
    assert read_table(written.path / "candidates.parquet")["candidate"].to_pylist() == [
        "gist of doc-2",
        "gist of doc-1",
        "gist of doc-2",
    ]
