"""The formula tried beside what is simpler: it earns its place where it is true, and not where a constant is."""

from dataclasses import replace

import numpy as np
import pytest

from summ_collapse.predict.predictor import FITTED, Coefficients, Features, predict
from summ_collapse.predict.trial import FORMULA, LEFT_OUT, RULES, Arm, transferred, trial

PLANTED = Coefficients(amount=5.0, error=12.0, coverage=9.0, residual=1.0)


def arms(seed: int, noise: float, coefficients: Coefficients = PLANTED) -> list[Arm]:
    """Four kinds of verifier at three rates, over two runs of three seeds; differences are the formula's, and noise."""
    rng = np.random.default_rng(seed)
    found = []
    for run, rows, slice_rows in (("one", 4000, 500), ("two", 8000, 2000)):
        for kind, quality in (("rouge", 0.0), ("perplexity", 0.3), ("length", 0.8), ("random", 1.0)):
            for rate in (0.125, 0.25, 0.5):
                for _ in range(3):
                    error = float(np.clip(0.6 * quality + rng.normal(0, 0.05), 0, 1))
                    features = Features(round(rate * rows), error, float(rng.exponential(0.2)), 0.6, slice_rows)
                    delta = predict(features, coefficients).delta + rng.normal(0, noise)
                    known = (error, 0.5 / (0.5 + quality), rate * (1 - quality))
                    found.append(
                        Arm(
                            f"{kind}-{rate}",
                            run,
                            "newswire, tiny model",
                            f"trained as run {run} does",
                            kind,
                            rate,
                            rows,
                            features,
                            *known,
                            delta,
                            delta - 2,
                            delta + 2,
                        )
                    )
    return found


def test_what_is_true_beats_what_is_simpler_and_says_helps() -> None:
    found = trial(arms(1, noise=0.5))
    assert found.fit.beats_baselines
    assert {(score.left_out, score.rule) for score in found.scores} == {(kind, rule) for kind in LEFT_OUT for rule in RULES}
    for score in found.scores:
        assert score.arms == 72
        if score.rule == FORMULA:
            assert score.root_mean_square_error is not None
            # 0.5 of noise, and what is left of the coefficients' errors: a quarter of it again is ample.
            assert 0.5 * (1 - 4 / np.sqrt(2 * 72)) < score.root_mean_square_error < 1.25 * 0.5
            assert score.helped_said > 0
            assert score.helped_wrongly == score.hurt_wrongly == 0
        if score.rule == "always hurts":
            assert (score.hurt_said, score.helped_wrongly) == (score.hurt, score.helped)
            assert score.root_mean_square_error is None
    kinds = next(score for score in found.scores if (score.left_out, score.rule) == ("verifier kind", "arm means"))
    assert kinds.root_mean_square_error is None  # an arm of another verifier has no mean to look up
    assert found.fit.coefficients.error == pytest.approx(PLANTED.error, abs=1)
    assert found.fit.holds == ("newswire, tiny model",)


def test_where_nothing_but_a_constant_is_there_the_formula_does_not_earn_its_place() -> None:
    rng = np.random.default_rng(2)
    flat = []
    for arm in arms(2, noise=0.0):
        delta = float(-4 + rng.normal(0, 1))
        flat.append(replace(arm, delta=delta, low=delta - 2, high=delta + 2))
    found = trial(flat)
    assert not found.fit.beats_baselines
    assert "does not beat what is simpler" in found.fit.tried


def test_arms_that_all_hurt_prove_no_predictor() -> None:
    """However near its numbers are: one that has never said `helps` has shown nothing."""
    hurt = [replace(arm, delta=arm.delta - 60, low=arm.low - 60, high=arm.high - 60) for arm in arms(3, noise=0.1)]
    found = trial(hurt)
    assert {score.helped for score in found.scores} == {0}
    assert not found.fit.beats_baselines


def test_arms_of_one_kind_alone_are_refused() -> None:
    alike = [arm for arm in arms(4, noise=0.5) if (arm.run, arm.verifier_kind) == ("one", "rouge")]
    with pytest.raises(ValueError, match="at least two kinds"):
        trial(alike)


def test_how_far_the_shipped_coefficients_miss_is_told_where_they_may_speak() -> None:
    noise = 2.0
    error = trial(arms(4, noise, FITTED)).shipped_error
    assert error == pytest.approx(noise, abs=5 * noise / np.sqrt(2 * 72))
    elsewhere = [replace(arm, setting="summarization, org/model") for arm in arms(4, noise, FITTED)]
    assert trial(elsewhere).shipped_error is None


def test_rules_learnt_on_one_task_are_tried_on_another() -> None:
    learnt = arms(1, noise=0.5)
    alike = {score.rule: score for score in transferred(learnt, arms(2, noise=0.5))}
    assert set(alike) == {*RULES, "mean score"} - {"arm means"}  # arms of another task bear other names
    same = alike[FORMULA].root_mean_square_error
    assert same is not None
    assert 0.5 * (1 - 4 / np.sqrt(2 * 72)) < same < 1.25 * 0.5
    assert alike[FORMULA].helped_said > 0
    # Where more rows harm, what was learnt errs by more than the arms' own spread, and says the wrong thing for sure.
    other = arms(2, noise=0.5, coefficients=replace(PLANTED, amount=-PLANTED.amount))
    worse = {score.rule: score for score in transferred(learnt, other)}[FORMULA]
    assert worse.root_mean_square_error is not None
    assert worse.root_mean_square_error > np.std([arm.delta for arm in other])
    assert worse.hurt_wrongly > 0
    assert worse.arms == len(other)
