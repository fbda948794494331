"""Steps and their advantages on a policy small enough to be known whole (Setlur et al. 2024, sections 4 and 5).

A solution is a path of `depth` steps, each one of `choices`; a policy says how likely each is after each prefix, and a reward
says which paths are right. Q, the expected reward, then follows by enumeration, and so do two optima that the paper says are
one: of direct preference optimisation on pairs of steps behind one prefix, where the better step wins with chance
sigmoid(A(better) - A(worse)); and of advantage-weighted imitation, which weighs what the policy does by exp(A / beta).
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import optimize, special

from summ_collapse.theory.normal import Floats

Prefix = tuple[int, ...]


@dataclass(frozen=True)
class Paths:
    """A policy, (choices,) at every prefix shorter than `depth`, and the reward of every whole path."""

    choices: int
    depth: int
    policy: dict[Prefix, Floats]
    reward: dict[Prefix, float]

    @classmethod
    def drawn(cls, choices: int, depth: int, right: float, seed: int) -> "Paths":
        """A policy at random, and a share of the paths that are right."""
        rng = np.random.default_rng([seed, choices, depth])
        prefixes = [prefix for length in range(depth) for prefix in product(range(choices), repeat=length)]
        policy = {prefix: rng.dirichlet(np.full(choices, 2.0)) for prefix in prefixes}
        reward = {path: float(rng.random() < right) for path in product(range(choices), repeat=depth)}
        return cls(choices, depth, policy, reward)

    def expected(self, prefix: Prefix) -> float:
        """Q: the mean reward of what the policy makes of a prefix."""
        if len(prefix) == self.depth:
            return self.reward[prefix]
        return float(sum(chance * self.expected((*prefix, step)) for step, chance in enumerate(self.policy[prefix])))

    def advantages(self, prefix: Prefix) -> Floats:
        """Q behind each step less Q before it, (choices,)."""
        behind = np.array([self.expected((*prefix, step)) for step in range(self.choices)])
        found: Floats = behind - self.expected(prefix)
        return found

    def sampled(self, prefix: Prefix, times: int, rng: np.random.Generator) -> list[Prefix]:
        """Paths that the policy makes of a prefix."""
        found = []
        for _ in range(times):
            path = prefix
            while len(path) < self.depth:
                path = (*path, int(rng.choice(self.choices, p=self.policy[path])))
            found.append(path)
        return found


def weighted_imitation(policy: Floats, advantages: Floats, beta: float) -> Floats:
    """The optimum of E[exp(A / beta) log pi(step)] over steps of `policy`, (choices,): pi0 exp(A / beta) / Z."""
    found: Floats = special.softmax(np.log(policy) + advantages / beta)
    return found


def preferred(policy: Floats, better: np.ndarray, worse: np.ndarray, beta: float) -> tuple[Floats, Floats]:
    """The policy that minimises DPO's loss on pairs of steps, (pairs,) each; and the standard errors of log pi - log pi0,
    about their mean, (choices,) both.

    The loss is -log sigmoid(beta (h(better) - h(worse))) with h = log pi - log pi0: a Bradley-Terry likelihood, convex.
    """
    choices = len(policy)
    design = np.zeros((len(better), choices))
    design[np.arange(len(better)), better] += beta
    design[np.arange(len(better)), worse] -= beta

    def loss(ratios: Floats) -> tuple[float, Floats]:
        margins = design @ ratios
        slope: Floats = -design.T @ special.expit(-margins)
        return float(-special.log_expit(margins).sum()), slope

    found = optimize.minimize(loss, np.zeros(choices), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    chance = special.expit(design @ found)
    information = design.T @ (design * (chance * (1 - chance))[:, None])
    # Only differences are known: ratios are taken about their mean, and its direction is put in to invert and taken out again.
    mean = np.full((choices, choices), information.trace() / choices**2)
    errors = np.sqrt(np.diag(np.linalg.inv(information + mean) - 1 / information.trace()))
    return special.softmax(np.log(policy) + found), errors
