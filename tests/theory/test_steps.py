"""A policy that is known whole: what rollouts estimate, and that two optima are one."""

import numpy as np
import pytest
from scipy import special

from summ_collapse.selection.credit import advantages, others_mean, pit, worst
from summ_collapse.theory.steps import Paths, preferred, weighted_imitation

SEED, ROLLOUTS, PAIRS, BETA, STANDARD_ERRORS = 7, 4000, 40_000, 0.5, 4


@pytest.fixture(scope="module")
def paths() -> Paths:
    print("seed", SEED)
    return Paths.drawn(choices=3, depth=3, right=0.4, seed=SEED)


def test_rollouts_give_q_and_advantages(paths: Paths) -> None:
    rng = np.random.default_rng(SEED)
    path = paths.sampled((), 1, rng)[0]
    prefixes = [path[:length] for length in range(paths.depth)]
    rewards = [np.array([paths.reward[one] for one in paths.sampled(prefix, ROLLOUTS, rng)]) for prefix in prefixes]
    means = [float(one.mean()) for one in rewards]
    errors = np.array([one.std(ddof=1) / np.sqrt(ROLLOUTS) for one in rewards] + [0.0])
    exact = np.array([paths.expected(prefix) for prefix in [*prefixes, path]])
    assert (np.abs([*means, paths.reward[path]] - exact) <= STANDARD_ERRORS * errors).all()
    estimated = advantages([*means, paths.reward[path]])
    steps = np.array([paths.advantages(prefix)[step] for prefix, step in zip(prefixes, path, strict=True)])
    assert (np.abs(estimated - steps) <= STANDARD_ERRORS * np.hypot(errors[:-1], errors[1:])).all()


def test_advantages_are_nothing_on_the_average(paths: Paths) -> None:
    for prefix, policy in paths.policy.items():
        assert abs(policy @ paths.advantages(prefix)) < 1e-12


@pytest.mark.parametrize("prefix", [(), (1,), (2, 0)])
def test_preferring_steps_is_imitating_them_by_their_advantage(paths: Paths, prefix: tuple[int, ...]) -> None:
    """The policy that DPO ends in on sampled pairs, and the one that weighs steps by exp(A / beta), from samples too."""
    rng = np.random.default_rng([SEED, len(prefix)])
    policy, found = paths.policy[prefix], paths.advantages(prefix)
    first, second = (rng.choice(3, PAIRS, p=policy) for _ in range(2))
    wins = rng.random(PAIRS) < special.expit(found[first] - found[second])
    learnt, errors = preferred(policy, np.where(wins, first, second), np.where(wins, second, first), BETA)
    exact = weighted_imitation(policy, found, BETA)

    def about(logarithms: np.ndarray) -> np.ndarray:
        return logarithms - logarithms.mean()

    assert (np.abs(about(np.log(learnt / policy)) - about(np.log(exact / policy))) <= STANDARD_ERRORS * errors).all()
    # Weighted imitation from samples: the weighted share of each step, with the standard error of a weighted mean.
    steps = rng.choice(3, PAIRS, p=policy)
    weights = np.exp(found[steps] / BETA)
    for step in range(3):
        share = weights @ (steps == step) / weights.sum()
        spread = np.sqrt((weights**2 * ((steps == step) - share) ** 2).sum()) / weights.sum()
        assert abs(share - exact[step]) <= STANDARD_ERRORS * spread
    # Not nothing: both are far from where they began.
    assert errors.max() < 0.1
    assert np.abs(about(np.log(exact / policy))).max() > 2 * STANDARD_ERRORS * errors.max()


def test_the_pit_is_the_first_clear_fall() -> None:
    assert pit(advantages([0.5, 0.6, 0.4, 0.0]), 0.3) == 2
    assert pit(advantages([0.9, 0.5, 0.4, 0.0]), 0.3) == 0  # and not the last
    assert pit(advantages([0.5, 0.4, 0.3, 0.2]), 0.3) is None


def test_the_worst_are_those_below_their_documents_others() -> None:
    ids = ["a", "a", "a", "b", "b", "c", "d", "d"]
    values = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, np.nan])
    assert others_mean(ids, values).tolist()[:5] == [0.0, 0.5, 0.5, 0.0, 0.0]
    assert np.isnan(others_mean(ids, values)[5:7]).all()
    assert worst(ids, values, 0.5, 2).tolist() == [1, 2]
    assert worst(ids, values, 0.5, 1).tolist() == [1]
    assert worst(ids, values, 0.6, 2).tolist() == []
