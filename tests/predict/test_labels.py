"""Estimates from labels that were drawn on both sides of a selection, and certificates: what they promise, on simulated pools."""

import math

import numpy as np
import pytest

from summ_collapse.predict.certificate import Drawn, certified, labels_needed, upper_bound
from summ_collapse.predict.labels import Labelled, estimated

# How far right and wrong rows' scores stand apart, in standard deviations.
VERIFIERS = {"strong": 1.8, "weak": 0.7, "random": 0.0, "bad": -0.5, "coarse": 1.2}
RATES = (0.125, 0.25, 0.5)
PLANS = {"uniform": 150, "half and half": 75, "three rates": 40}
ROWS = 4000


def pool(rng: np.random.Generator, verifier: str) -> tuple[np.ndarray, np.ndarray]:
    """(whether a row is wrong, its place by score), (ROWS,) each; p is anything from 0.05 to 0.6."""
    wrong = rng.random(ROWS) < rng.uniform(0.05, 0.6)
    scores = rng.standard_normal(ROWS) + VERIFIERS[verifier] * ~wrong
    scores = np.round(scores) if verifier == "coarse" else scores
    places = np.empty(ROWS, dtype=int)
    places[np.lexsort((rng.random(ROWS), -scores))] = np.arange(ROWS)
    return wrong, places


def first(order: np.ndarray, among: np.ndarray, count: int) -> np.ndarray:
    """The first rows of a random order among some."""
    rows = np.flatnonzero(among)
    return rows[np.argsort(order[rows])[:count]]


def drawn(plan: str, order: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows that are labelled inside and outside."""
    if plan == "uniform":
        rows = np.argsort(order)[: PLANS[plan]]
        return rows[kept[rows]], rows[~kept[rows]]
    return first(order, kept, PLANS[plan]), first(order, ~kept, PLANS[plan])


def coverage(pools: int, draws: int) -> dict[tuple[str, str], list[bool]]:
    """Whether the interval of each quantity holds its true value, by (plan, quantity)."""
    found: dict[tuple[str, str], list[bool]] = {}
    for seed in range(pools):
        rng = np.random.default_rng(seed)
        verifier = list(VERIFIERS)[seed % len(VERIFIERS)]
        wrong, places = pool(rng, verifier)
        order = rng.random(ROWS)
        for plan in PLANS:
            rate = RATES[seed // len(VERIFIERS) % 3] if plan == "three rates" else RATES[0]
            kept = places < ROWS * rate
            sides = [
                Labelled(int(side.sum()), len(rows), int(wrong[rows].sum()))
                for side, rows in zip((kept, ~kept), drawn(plan, order, kept), strict=True)
            ]
            told = estimated(sides[0], sides[1], draws)
            true = {
                "p": wrong.mean(),
                "phi": kept[~wrong].mean(),
                "psi": kept[wrong].mean(),
                "kept_error": wrong[kept].mean(),
            }
            for name, value in true.items():
                interval = getattr(told, name)
                if interval is not None:  # a side without labels is not estimated
                    found.setdefault((plan, name), []).append(interval.low <= value <= interval.high)
    return found


def test_intervals_hold_what_they_promise() -> None:
    """No quantity under any plan is held less or more often than 95% by more than three standard errors of so many pools."""
    for key, held in coverage(500, 1000).items():
        error = math.sqrt(0.95 * 0.05 / len(held))
        assert np.mean(held) == pytest.approx(0.95, abs=3 * error), key


@pytest.mark.nightly  # beside the shorter one above: all pools that the documentation's figures are from
def test_intervals_hold_what_they_promise_over_ten_thousand_pools() -> None:
    for key, held in coverage(10_000, 2000).items():
        assert np.mean(held) == pytest.approx(0.95, abs=0.015), key


def test_half_and_half_halves_the_error_of_what_is_kept() -> None:
    """At 12.5% with 100 labels, against as many drawn from the whole pool: a quarter of the variance."""
    errors: dict[str, list[float]] = {"uniform": [], "half": []}
    for seed in range(400):
        rng = np.random.default_rng(seed)
        wrong, places = pool(rng, "weak")
        order, kept = rng.random(ROWS), places < ROWS * RATES[0]
        true = wrong[kept].mean()
        spread = np.argsort(order)[:100]
        for plan, rows in (("uniform", spread[kept[spread]]), ("half", first(order, kept, 50))):
            if len(rows):
                errors[plan].append((wrong[rows].mean() - true) ** 2)
    ratio = math.sqrt(np.mean(errors["half"]) / np.mean(errors["uniform"]))
    assert ratio == pytest.approx(0.5, abs=0.06)


def violations(pools: int, limit: float, confidence: float) -> dict[str, list[bool]]:
    """Whether the loosest rate that was certified breaks the promise, by verifier; False where none was."""
    found: dict[str, list[bool]] = {name: [] for name in VERIFIERS}
    for seed in range(pools):
        rng = np.random.default_rng(seed)
        verifier = list(VERIFIERS)[seed % len(VERIFIERS)]
        # Pools whose kept error is near the limit, where a promise is easiest to break.
        wrong, places = pool(rng, verifier)
        order = rng.random(ROWS)
        kept = {rate: places < ROWS * rate for rate in RATES}
        labels = [Drawn(rate, 60, int(wrong[first(order, kept[rate], 60)].sum())) for rate in RATES]
        chosen = [one.rate for one in certified(labels, limit, confidence) if one.certified]
        found[verifier].append(bool(chosen) and wrong[kept[max(chosen)]].mean() > limit)
    return found


@pytest.mark.parametrize("limit", [0.1, 0.3])
def test_a_certificate_is_broken_in_at_most_one_pool_in_twenty(limit: float) -> None:
    """Also where the rate is chosen by what could be certified; four standard errors at most above."""
    for verifier, broken in violations(2000, limit, 0.95).items():
        assert np.mean(broken) <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / len(broken)), verifier


@pytest.mark.parametrize("limit", [0.1, 0.3])
@pytest.mark.parametrize("labels", [30, 60, 200])
def test_it_is_so_where_every_rate_is_just_above_the_limit(limit: float, labels: int) -> None:
    """Whatever verifier made it so: labels know of the order by scores only which rows are kept."""
    broken, pools = 0, 2000
    wrong = np.zeros(ROWS, dtype=bool)
    for seed in range(pools):
        rng = np.random.default_rng(seed)
        begins = 0
        for rate in RATES:  # each band brings its rate to one wrong row more than is allowed
            ends = round(ROWS * rate)
            wrong[begins:ends] = False
            needed = math.floor(limit * ends) + 1 - int(wrong[:begins].sum())
            wrong[begins + rng.permutation(ends - begins)[:needed]] = True
            begins = ends
        order, places = rng.random(ROWS), np.arange(ROWS)
        drawn_inside = [first(order, places < ROWS * rate, labels) for rate in RATES]
        given = [Drawn(rate, labels, int(wrong[rows].sum())) for rate, rows in zip(RATES, drawn_inside, strict=True)]
        broken += any(one.certified for one in certified(given, limit, 0.95))
    assert broken / pools <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / pools)


@pytest.mark.parametrize(("limit", "labels"), [(0.10, 29), (0.05, 59), (0.01, 299)])
def test_so_many_labels_without_a_wrong_one_certify(limit: float, labels: int) -> None:
    assert labels_needed(0, limit, 0.95) == labels
    assert upper_bound(0, labels, 0.95) <= limit < upper_bound(0, labels - 1, 0.95)
    [one] = certified([Drawn(0.25, labels - 1, 0)], limit, 0.95)
    assert (one.certified, one.more_labels) == (False, 1)


def test_the_bound_is_that_of_the_binomial() -> None:
    from scipy.stats import binom

    for wrong, labels in ((0, 10), (3, 40), (20, 60)):
        bound = upper_bound(wrong, labels, 0.95)
        assert binom.cdf(wrong, labels, bound) == pytest.approx(0.05, abs=1e-9)
    assert upper_bound(5, 5, 0.95) == upper_bound(0, 0, 0.95) == 1.0


def test_what_follows_a_rate_that_fails_is_not_tested() -> None:
    found = certified([Drawn(0.5, 200, 0), Drawn(0.125, 20, 0), Drawn(0.25, 100, 0)], 0.10, 0.95)
    assert [one.rate for one in found] == [0.125, 0.25, 0.5]
    assert [one.certified for one in found] == [False, False, False]
    assert [one.bound is None for one in found] == [False, True, True]
    assert found[0].more_labels == 9


def test_what_is_labelled_is_known() -> None:
    """With all of what is kept labelled nothing is left to guess of it; with half of it, about as much less as half is fewer."""
    for rows, width in ((40, 0.0), (80, math.sqrt(0.5)), (4000, 1.0)):
        found = estimated(Labelled(rows, 40, 10), Labelled(4000, 40, 10), draws=4000).kept_error
        assert found is not None
        # Beside the Beta's own width; 4,000 draws give it to a few hundredths.
        alone = 2 * 1.96 * math.sqrt(0.25 * 0.75 / 41)
        assert found.high - found.low == pytest.approx(width * alone, rel=0.08, abs=1 / 80)


def test_a_side_without_labels_leaves_out_what_needs_it() -> None:
    found = estimated(Labelled(100, 20, 2), Labelled(900, 0, 0))
    assert found.kept_error is not None
    assert found.kept_error.mean == pytest.approx(0.1)
    assert (found.p, found.phi, found.psi) == (None, None, None)
    everything = estimated(Labelled(100, 20, 2), Labelled(0, 0, 0))
    assert everything.p is not None
    assert everything.p.mean == pytest.approx(0.1)
    assert everything.phi is not None
    assert everything.phi.mean == pytest.approx(1.0)
