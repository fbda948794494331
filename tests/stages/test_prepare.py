"""Splits and slices of a file of the user's: held-out rows stay held out, and each draw has its own seed and purpose."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from summ_collapse.records import tie_break
from summ_collapse.stages.prepare import Prepare
from summ_collapse.stages.stage import Outcome
from summ_collapse.tasks.summarization import Summarization
from tests.stages.tables import done, rows_written

ROWS = 200
Prepared = tuple[Outcome, list[dict[str, Any]], list[dict[str, Any]]]


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., Prepared]:
    """Prepares the rows of each file; what it says, the training rows and the test rows."""

    def prepare(files: Mapping[str, Sequence[Mapping[str, Any]]], **options: Any) -> Prepared:
        folder = tmp_path / f"data-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for name, rows in files.items():
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        task = Summarization(kind="summarization", data=str(folder), **options)
        outcome, out = done(Prepare(task=task, names={}), folder / "stage", {})
        return outcome, rows_written(out, "train"), rows_written(out, "test")

    return prepare


def storms(count: int = ROWS) -> list[dict[str, Any]]:
    return [{"id": f"row-{row}", "document": f"Storm {row} hit", "summary": f"storm {row}"} for row in range(count)]


def ids(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def test_as_many_rows_are_held_out_as_are_asked_for_and_the_rest_is_learnt_from(prepared) -> None:
    _, train, test = prepared({"all": storms()}, test_share=0.15)
    assert len(test) == 30
    assert sorted(ids(train) + ids(test)) == sorted(ids(storms()))
    place = {row["id"]: at for at, row in enumerate(storms())}
    for part in (train, test):
        assert [place[name] for name in ids(part)] == sorted(place[name] for name in ids(part))


def test_the_split_is_drawn_by_its_seed(prepared) -> None:
    first, again, other = (set(ids(prepared({"all": storms()}, split_seed=seed)[2])) for seed in (0, 0, 1))
    assert first == again != other
    assert first != set(ids(storms()[:20]))


def test_slices_are_drawn_by_their_seed_and_not_as_the_split_is(prepared) -> None:
    _, train, _ = prepared({"all": storms()})
    ranks = [row["slice_rank"] for row in train]
    assert sorted(ranks) == list(range(len(train)))
    # Independent of the source's order and of the split's draw: rank correlations within 5 standard errors of none.
    keys = [(row["id"], 0) for row in train]
    for order in (np.arange(len(train)), tie_break("split 0", keys).argsort().argsort()):
        assert abs(np.corrcoef(ranks, order)[0, 1]) < 5 / np.sqrt(len(train) - 1)
    # The same rows under another seed: with files of their own for train and test, only the slices are drawn.
    files = {"train": storms(), "test": [{"id": "test", "document": "calm", "summary": "calm"}]}
    one, other = ([row["slice_rank"] for row in prepared(files, split_seed=seed)[1]] for seed in (0, 1))
    assert one != other


def test_what_is_held_out_is_not_learnt_also_in_other_letters_and_blanks(prepared) -> None:
    train = storms(20)
    test = [{"id": "t0", "document": "STORM  3 hit\n", "summary": "x"}, {"id": "t1", "document": "calm", "summary": "calm"}]
    outcome, kept, held_out = prepared({"train": train, "test": test}, max_rejected=0.5)
    assert ids(held_out) == ["t0", "t1"]
    assert ids(kept) == [name for name in ids(train) if name != "row-3"]
    assert dict(outcome.rejected) == {"overlap with test": 1}


def test_of_equal_documents_the_first_is_learnt_from(prepared) -> None:
    train = [*storms(20), {"id": "again", "document": " storm 7 HIT", "summary": "y"}]
    test = [{"id": "t1", "document": "calm", "summary": "calm"}]
    outcome, kept, _ = prepared({"train": train, "test": test}, max_rejected=0.5)
    assert ids(kept) == ids(train[:20])
    assert dict(outcome.rejected) == {"duplicate document": 1}
