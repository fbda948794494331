"""How many times the data a method is worth: powers that are known, and intervals that hold what they say."""

from pathlib import Path

import numpy as np
import pytest

from summ_collapse.report.figures.efficiency import draw_efficiency
from summ_collapse.report.lines.efficiency import SFT, Errors, curve, efficiencies

SIZES = np.array([500.0, 1000.0, 2000.0])


def power(scale: float, exponent: float, seeds: int = 1, rows: int = 1, luck: float = 0.0, seed: int = 0) -> Errors:
    """Errors of scale N^-exponent: their means exactly where one row stands for all, else drawn row by row."""
    rng = np.random.default_rng(seed)
    means = scale * SIZES**-exponent
    if rows == 1:
        return Errors(SIZES, np.broadcast_to(means[:, None, None], (3, seeds, 1000)).copy())
    by_seed = np.clip(means[:, None] * np.exp(rng.normal(0, luck, (3, seeds))), 0, 1)
    hard = rng.random(rows)  # rows are hard for all models alike, in part
    return Errors(SIZES, ((0.5 * rng.random((3, seeds, rows)) + 0.5 * hard) < _threshold(by_seed)[..., None]).astype(float))


def _threshold(share: np.ndarray) -> np.ndarray:
    """Where the mean of two uniforms is below with such a chance, up to one half."""
    return np.sqrt(share / 2)


def test_a_method_that_needs_a_third_of_the_data_is_worth_three_times() -> None:
    sft = power(20, 0.5)
    found = efficiencies({SFT: sft, "rft": power(20 * 3**-0.5, 0.5)}, "solved")
    assert [one.problems for one in found] == [500, 1000, 2000, None]
    assert [one.multiplier for one in found] == pytest.approx([3] * 4)
    assert {(one.method, one.against, one.low) for one in found} == {("rft", SFT, None)}
    # Three times 2,000 and three times 1,000 problems were never measured.
    assert [one.beyond for one in found] == [0, 1, 1, pytest.approx(2 / 3)]
    assert curve(SIZES, sft.errors.mean(axis=(1, 2))) == pytest.approx([-0.5, np.log(20)])


def test_methods_are_held_against_each_other_too() -> None:
    found = efficiencies({"rft": power(14, 0.5), SFT: power(20, 0.5), "dpo-step": power(10, 0.5)}, "solved")
    whole = {(one.method, one.against): one.multiplier for one in found if one.problems is None}
    assert whole == {
        ("rft", SFT): pytest.approx((20 / 14) ** 2),
        ("dpo-step", SFT): pytest.approx(4),
        ("dpo-step", "rft"): pytest.approx(1.96),
    }
    assert efficiencies({SFT: power(20, 0.5)}, "solved") == []


def test_intervals_over_seeds_and_rows_hold_the_multiplier() -> None:
    """Simulated: a method worth twice the data, five seeds with luck of a twentieth, 400 rows."""
    tables, held = 100, 0
    for table in range(tables):
        drawn = {
            SFT: power(8, 0.5, 5, 400, 0.05, seed=2 * table),
            "rft": power(8 * 2**-0.5, 0.5, 5, 400, 0.05, seed=2 * table + 1),
        }
        whole = efficiencies(drawn, "solved", seed=table)[-1]
        assert whole.low is not None
        assert whole.high is not None
        held += whole.low <= 2 <= whole.high
    # Four standard errors of so many tables below 95%.
    assert held >= tables * 0.95 - 4 * np.sqrt(tables * 0.95 * 0.05)


def test_the_figure_is_drawn(tmp_path: Path) -> None:
    paths = [tmp_path / "efficiency.svg"]
    errors = {SFT: power(20, 0.5, 2), "rft": power(14, 0.5, 2)}
    draw_efficiency({"solved": errors, "pass@1": errors}, paths, "run")
    assert "problems" in paths[0].read_text()
