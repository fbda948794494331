"""pass@k: the share of draws of k attempts that hold a right one."""

from itertools import combinations

import numpy as np
import pytest

from summ_collapse.metrics.passes import pass_at, powers_up_to


@pytest.mark.parametrize("k", [1, 2, 4, 6])
def test_it_is_the_share_of_all_draws(k: int) -> None:
    for right in range(7):
        attempts = [True] * right + [False] * (6 - right)
        share = np.mean([any(drawn) for drawn in combinations(attempts, k)])
        assert pass_at(k, 6, np.array([right]))[0] == pytest.approx(share, abs=1e-12)


def test_more_draws_than_attempts_are_refused() -> None:
    with pytest.raises(ValueError, match="between 1 and 6"):
        pass_at(7, 6, np.array([1]))
    assert powers_up_to(16) == [1, 2, 4, 8, 16]
    assert powers_up_to(6) == [1, 2, 4]
