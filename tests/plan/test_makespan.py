"""Stages side by side, on graphs small enough to see through."""

import pytest

from summ_collapse.plan.makespan import makespan


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [(1, 10.0), (2, 6.0), (3, 6.0)],
)
def test_stages_wait_for_what_they_need(jobs: int, expected: float) -> None:
    """A diamond: a, then b and c, then d."""
    seconds = {"a": 1.0, "b": 4.0, "c": 4.0, "d": 1.0}
    assert makespan(seconds, {"b": ["a"], "c": ["a"], "d": ["b", "c"]}, jobs) == expected


def test_what_others_wait_for_comes_first() -> None:
    """With two places and `long` last, its follower would start at 4 and end at 7."""
    seconds = {"x": 2.0, "y": 2.0, "long": 2.0, "after": 3.0}
    assert makespan(seconds, {"after": ["long"]}, 2) == 5.0


def test_nothing_takes_no_time_and_what_cannot_run_is_refused() -> None:
    assert makespan({}, {}, 4) == 0.0
    with pytest.raises(ValueError, match="a: expected b to stand before it"):
        makespan({"a": 1.0, "b": 1.0}, {"a": ["b"]}, 1)
    with pytest.raises(ValueError, match="at least one job"):
        makespan({"a": 1.0}, {}, 0)
