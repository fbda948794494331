"""The order of training rows: every row once an epoch, batches of one size, and nothing but (seed, epoch) decides it."""

from pathlib import Path

import numpy as np
import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from summ_collapse.models.order import RowOrder, tokens_seen
from summ_collapse.models.training import _Epochs

ROWS, BATCH = 1003, 16
LENGTHS = np.random.default_rng(0).integers(5, 60, ROWS)


def order(seed: int = 5, lengths: np.ndarray = LENGTHS) -> RowOrder:
    return RowOrder(lengths, BATCH, seed)


def test_seeds_and_epochs_have_orders_of_their_own() -> None:
    found = [order(seed).epoch_order(epoch).tolist() for seed in (5, 6) for epoch in (0, 1)]
    assert all(sorted(one) == list(range(ROWS)) for one in found)
    assert len({tuple(one) for one in found}) == 4
    assert list(order()) == found[0]
    later = order()
    later.set_epoch(1)
    assert list(later) == found[1]


def test_the_batch_that_is_not_full_goes_last() -> None:
    """Or else all later batches would begin in the middle of another one's lengths."""
    lengths = np.repeat([10, 50], [800, 203])
    found = order(lengths=lengths).epoch_order(0)
    whole = lengths[found[: ROWS // BATCH * BATCH]].reshape(-1, BATCH)
    mixed = (whole.min(axis=1) != whole.max(axis=1)).sum()
    assert mixed <= 2  # one for each part that was sorted by itself


def test_long_batches_do_not_come_before_short_ones() -> None:
    """Batches are sorted inside and shuffled among each other: their lengths don't go with their places."""
    lengths = np.random.default_rng(1).integers(5, 60, 50 * BATCH)
    means = lengths[order(lengths=lengths).epoch_order(0)].reshape(-1, BATCH).mean(axis=1)
    assert abs(np.corrcoef(means, np.arange(50))[0, 1]) < 5 / np.sqrt(49)


@pytest.mark.parametrize("steps", [0, 1, 30, 62, 63, 64, 100, 200])
def test_tokens_are_those_of_the_rows_that_were_seen(steps: int) -> None:
    ours = order()
    assert ours.batches == 63
    expected, left = 0, steps
    for epoch in range(4):
        rows = ours.epoch_order(epoch)
        batches = [rows[at : at + BATCH] for at in range(0, ROWS, BATCH)][: max(0, left)]
        expected += sum(int(LENGTHS[batch].sum()) for batch in batches)
        left -= len(batches)
    assert tokens_seen(ours, steps) == expected


@pytest.mark.parametrize(("step", "epoch"), [(0, 0), (62, 0), (63, 1), (125, 1), (126, 2)])
def test_a_training_that_resumes_is_in_the_epoch_of_its_step(step: int, epoch: int, tmp_path: Path) -> None:
    ours = order()
    arguments = TrainingArguments(output_dir=str(tmp_path), report_to="none")
    _Epochs(ours).on_epoch_begin(arguments, TrainerState(global_step=step), TrainerControl())
    assert ours.epoch == epoch


@pytest.mark.parametrize("shared", [4, 8, 16])
def test_ranks_share_the_last_batch_and_no_row_of_it_stands_there_twice(shared: int) -> None:
    """1,003 rows in batches of 16 leave 11: what ranks lack is filled up with a row that nobody learns from."""
    ours = RowOrder(LENGTHS, BATCH, 5, shared)
    given = list(ours)
    assert len(given) == len(ours)
    assert len(given) % shared == 0
    assert len(given) - ROWS < shared
    assert [row for row in given if row < ROWS] == list(order())
    assert set(given[ROWS:]) <= {ROWS}
    assert ours.batches == order().batches
    assert tokens_seen(ours, 100) == tokens_seen(order(), 100)
