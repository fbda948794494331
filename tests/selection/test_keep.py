"""Orders by how easy rows are: every order is whole, nests, and covers what it says."""

import numpy as np
import pytest

from summ_collapse.selection.keep import Keep, kept_first

KEYS = [(f"doc-{row}", 0) for row in range(100)]
EASE = np.random.default_rng(0).permutation(100).astype(float)


@pytest.mark.parametrize("keep", ["easiest", "middle", "hardest", "spread"])
def test_every_row_has_one_place_and_those_that_pass_come_first(keep: Keep) -> None:
    passed = np.arange(100) % 3 == 0
    found = kept_first(keep, passed, EASE, KEYS)
    assert sorted(found.tolist()) == list(range(100))
    assert set(found[passed].tolist()) == set(range(int(passed.sum())))


@pytest.mark.parametrize(("keep", "mean"), [("easiest", 89.5), ("hardest", 9.5), ("middle", 49.5)])
def test_the_first_are_what_the_name_says(keep: Keep, mean: float) -> None:
    found = kept_first(keep, np.ones(100, dtype=bool), EASE, KEYS)
    assert EASE[found < 20].mean() == mean


@pytest.mark.parametrize("count", [7, 16, 50])
def test_spread_covers_all_ranks_evenly_however_many_are_kept(count: int) -> None:
    found = kept_first("spread", np.ones(100, dtype=bool), EASE, KEYS)
    kept = np.sort(EASE[found < count])
    gaps = np.diff(np.concatenate([[-1], kept, [100]]))
    assert gaps.max() <= 2 * 128 / count, "van der Corput's: no gap is twice what an even spacing over 2^7 has"


def test_equal_rows_are_told_apart_by_their_keys_alone() -> None:
    ease = np.zeros(100)
    turned = np.random.default_rng(1).permutation(100)
    found = kept_first("easiest", np.ones(100, dtype=bool), ease, KEYS)
    again = kept_first("easiest", np.ones(100, dtype=bool), ease, [KEYS[row] for row in turned])
    assert (again == found[turned]).all()
