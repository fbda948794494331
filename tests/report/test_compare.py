"""Differences are paired by test row and by seed, point from the baseline to the arm, and are each in their own metric."""

from collections.abc import Mapping

import numpy as np
import pytest
from scipy import stats

from summ_collapse.metrics.contrasts import contrasts, training_noise
from summ_collapse.report.compare import Comparison
from summ_collapse.report.results import Delta

SEED = 11
ROWS, SEEDS = 60, 3
TRUE = {"better": 0.10, "worse": -0.10, "alike": 0.0}
ROLES = {name: {"real-slice": "real-slice"} for name in TRUE}

Scores = dict[str, dict[str, np.ndarray]]


def drawn(seeds: int = SEEDS, metrics: Mapping[str, float] = {"rouge1": 1.0}) -> Scores:
    """Scores with effects of `TRUE` times what each metric is given, small luck of trainings, and rows that differ little."""
    rng = np.random.default_rng(SEED)
    return {
        metric: {
            name: 0.5 + times * effect + rng.normal(0, 0.002, (seeds, 1)) + rng.normal(0, 0.02, (seeds, ROWS))
            for name, effect in {"real-slice": 0.0, **TRUE}.items()
        }
        for metric, times in metrics.items()
    }


def shifted(scores: Scores, by: np.ndarray) -> Scores:
    return {metric: {name: found + by for name, found in by_arm.items()} for metric, by_arm in scores.items()}


def deltas(scores: Scores) -> dict[str, Delta]:
    found = Comparison(scores, set(scores["rouge1"]), ROLES).versus()
    return {arm: found[arm]["real-slice"]["rouge1"] for arm in TRUE}


@pytest.mark.parametrize("seeds", [1, SEEDS])
def test_a_difference_is_the_arm_less_its_baseline(seeds: int) -> None:
    scores = drawn(seeds)
    for arm, found in deltas(scores).items():
        expected = 100 * (scores["rouge1"][arm].mean() - scores["rouge1"]["real-slice"].mean())
        assert found.delta == pytest.approx(expected)
        assert found.low_all < found.low < found.delta < found.high < found.high_all
        assert found.verdict == {"better": "helps", "worse": "hurts", "alike": "undecided"}[arm]
        assert (found.p < 0.01) == (found.p_all < 0.01) == (arm != "alike")
        assert found.p <= found.p_all


def test_one_seed_gives_students_paired_interval_of_the_rows() -> None:
    scores = drawn(1)["rouge1"]
    for arm, found in deltas(drawn(1)).items():
        expected = stats.ttest_rel(scores[arm][0], scores["real-slice"][0])
        interval = expected.confidence_interval()
        assert (found.low, found.high) == pytest.approx((100 * interval.low, 100 * interval.high))
        assert found.p == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("seeds", [1, SEEDS])
def test_rows_are_paired(seeds: int) -> None:
    """What makes a row easy for all arms takes no part in a difference; unpaired it would be the most of it."""
    plain = deltas(drawn(seeds))
    easy = np.random.default_rng(SEED).normal(0, 5, ROWS)
    paired = deltas(shifted(drawn(seeds), easy))
    unpaired = 100 * 1.96 * easy.std() / np.sqrt(ROWS)
    for arm, found in paired.items():
        assert (found.delta, found.low, found.high) == pytest.approx((plain[arm].delta, plain[arm].low, plain[arm].high))
        assert (found.low_all, found.high_all) == pytest.approx((plain[arm].low_all, plain[arm].high_all))
        assert found.high - found.low < 0.1 * unpaired


def test_seeds_are_paired() -> None:
    """A seed that is lucky for all arms takes no part either; with one arm's seeds in another order it would."""
    plain, scores = drawn(), shifted(drawn(), np.array([[-3.0], [0.0], [3.0]]))
    paired = deltas(scores)
    scores["rouge1"]["real-slice"] = np.roll(scores["rouge1"]["real-slice"], 1, axis=0)
    apart = deltas(scores)
    for arm, found in deltas(plain).items():
        assert (paired[arm].low, paired[arm].high) == pytest.approx((found.low, found.high))
        assert apart[arm].high - apart[arm].low > 100 * (found.high - found.low)


def test_metrics_and_baselines_are_not_mixed_up() -> None:
    scores = drawn(metrics={"rouge1": 1.0, "exact": -3.0})
    scores["rouge1"]["random"], scores["exact"]["random"] = (scores[name]["alike"] + 0.3 for name in ("rouge1", "exact"))
    roles = {"better": {"real-slice": "real-slice", "random-0.5": "random"}, "worse": {"real-slice": "real-slice"}}
    found = Comparison(scores, set(scores["rouge1"]), roles).versus()
    assert list(found["better"]) == ["real-slice", "random-0.5"]
    for role, baseline in roles["better"].items():
        assert list(found["better"][role]) == ["rouge1", "exact"]
        for metric, delta in found["better"][role].items():
            assert delta.delta == pytest.approx(100 * (scores[metric]["better"].mean() - scores[metric][baseline].mean()))
    assert set(found["worse"]) == {"real-slice"}


def test_all_arms_of_one_role_hold_together_also_where_they_have_several_baselines() -> None:
    """Two families share the errors that are allowed: each interval is wider than its family's alone."""
    scores = drawn()
    scores["rouge1"]["other-slice"] = scores["rouge1"]["alike"] + 0.01
    roles = {"better": {"real-slice": "real-slice"}, "worse": {"real-slice": "other-slice"}}
    both = Comparison(scores, set(scores["rouge1"]), roles)
    one = Comparison(scores, set(scores["rouge1"]), {"better": roles["better"]})
    ours, alone = (found.versus()["better"]["real-slice"]["rouge1"] for found in (both, one))
    assert (ours.low, ours.high) == pytest.approx((alone.low, alone.high))
    assert ours.high_all - ours.low_all > 1.05 * (alone.high_all - alone.low_all)
    assert both.smallest()["rouge1"] > one.smallest()["rouge1"]


def test_what_was_not_trained_says_nothing_of_trainings_luck() -> None:
    scores = drawn()
    trained = set(scores["rouge1"])
    expected = Comparison(scores, trained, ROLES).versus()
    scores["rouge1"]["lead"] = np.tile(np.random.default_rng(SEED).random(ROWS), (SEEDS, 1))
    found = Comparison(scores, trained, ROLES)
    assert found.versus() == expected
    wrong = training_noise(np.stack([one.mean(axis=1) for one in scores["rouge1"].values()]))
    assert found.noise["rouge1"] != wrong
    # Its mean is uncertain by the rows alone.
    lead, rows = found.means()["lead"]["rouge1"], scores["rouge1"]["lead"][0]
    assert (lead.high - lead.low) / 2 == pytest.approx(100 * stats.t.isf(0.025, ROWS - 1) * stats.sem(rows))


def test_means_know_of_training_where_there_are_seeds_and_resample_rows_where_there_is_one() -> None:
    scores = drawn()
    scores["rouge1"] = {name: found + np.array([[-0.1], [0.0], [0.1]]) for name, found in scores["rouge1"].items()}
    trained = set(scores["rouge1"])
    means = Comparison(scores, trained, ROLES).means()
    one = {"rouge1": {name: found[:1] for name, found in scores["rouge1"].items()}}
    first, second = (Comparison(one, trained, ROLES, resamples).means() for resamples in (200, 300))
    assert first != second
    for arm, found in scores["rouge1"].items():
        assert means[arm]["rouge1"].mean == pytest.approx(100 * found.mean())
        # Seeds differ by 10 points: their mean by 5.8, and the t of about two degrees of freedom is 4.3.
        assert 20 < means[arm]["rouge1"].high - means[arm]["rouge1"].mean < 30
        assert first[arm]["rouge1"].high - first[arm]["rouge1"].low < 3


def test_smallest_callable_difference_is_that_of_trained_arms_from_the_real_slice() -> None:
    scores = drawn(metrics={"rouge1": 1.0, "exact": 1.0})
    scores["exact"] = {name: 10 * found for name, found in scores["rouge1"].items()}
    noise = training_noise(np.stack([one.mean(axis=1) for one in scores["rouge1"].values()]))
    arms = np.stack([scores["rouge1"][name] for name in TRUE])
    expected = contrasts(arms, scores["rouge1"]["real-slice"], noise).callable_difference()
    found = Comparison(scores, set(scores["rouge1"]), ROLES).smallest()
    assert list(found) == ["rouge1", "exact"]
    assert found["rouge1"] == pytest.approx(100 * expected)
    assert found["exact"] == pytest.approx(1000 * expected)
    assert Comparison(scores, set(scores["rouge1"]), {}).smallest() == {"rouge1": None, "exact": None}


def test_scores_that_never_vary_leave_nothing_to_call() -> None:
    scores = {"rouge1": {name: np.zeros((SEEDS, ROWS)) for name in ("real-slice", *TRUE)}}
    found = Comparison(scores, set(scores["rouge1"]), ROLES)
    assert found.smallest() == {"rouge1": None}
    assert found.versus()["alike"]["real-slice"]["rouge1"] == Delta(0, 0, 0, 0, 0, 1, 1)
