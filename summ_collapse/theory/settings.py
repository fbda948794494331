"""What a simulation is asked for: the mixture, the generator and its verifier, the amount of data, the learner.

Inputs are x | y ~ N(y mu, I) in d dimensions with labels y = +1 and -1 equally likely; `mu` is the norm of the mean. The
generator labels n of them, the verifier keeps some, and a linear learner is trained on what was kept.
"""

import math
from dataclasses import dataclass

from summ_collapse.theory.gaussian import breakdown_point, checked_angles, checked_norm, kept_fraction
from summ_collapse.theory.ranges import MOST_SAMPLES, require

LEARNERS = ("averaging", "ridge", "logistic")
# Beyond these float64 has no digits left for what a penalty does.
PENALTIES = (1e-12, 1e12)
SUPERVISIONS = ("oracle", "weak", "self", "random", "none")


@dataclass(frozen=True)
class Independent:
    """Labels are wrong with probability p, and kept with phi (right) or psi (wrong), whatever x is."""

    p: float
    phi: float
    psi: float

    def __post_init__(self) -> None:
        breakdown_point(self.phi, self.psi)
        kept_fraction(self.p, self.phi, self.psi)


@dataclass(frozen=True)
class Angled:
    """A linear generator and, under weak supervision, a linear verifier, at angles (radians) to the mean and to each other.

    The verifier keeps a sample whose label is also its own. `oracle` keeps what is right, `self` takes the generator for
    its own verifier (and so keeps everything), `random` keeps a share `rate`, `none` keeps everything.
    """

    supervision: str
    generator: float
    verifier: float | None = None
    between: float | None = None
    rate: float = 0.5

    def __post_init__(self) -> None:
        _check_supervision(self.supervision, self.rate)
        if self.supervision != "weak":
            checked_angles(self.generator, self.generator, 0.0)
        elif self.verifier is None or self.between is None:
            raise ValueError("weak supervision needs the verifier's angles, to the mean and to the generator")
        else:
            checked_angles(self.generator, self.verifier, self.between)

    @classmethod
    def in_degrees(cls, supervision: str, *angles: float, rate: float = 0.5) -> "Angled":
        """The same, from angles in degrees: the generator's and, under weak supervision, the verifier's two."""
        radians = dict(zip(("generator", "verifier", "between"), map(math.radians, angles), strict=False))
        return cls(supervision, **radians, rate=rate)


@dataclass(frozen=True)
class Trained:
    """As `Angled`, but generator and verifier are averaging classifiers, each trained on true samples of its own."""

    supervision: str
    generator_samples: int
    verifier_samples: int | None = None
    rate: float = 0.5

    def __post_init__(self) -> None:
        _check_supervision(self.supervision, self.rate)
        for name, trained_on in (("generator", self.generator_samples), ("verifier", self.verifier_samples)):
            if name == "verifier" and self.supervision != "weak":
                continue
            if trained_on is None or not 1 <= trained_on <= MOST_SAMPLES:
                raise ValueError(f"here the {name} is trained on 1 to {MOST_SAMPLES:,} samples, got {trained_on}")


@dataclass(frozen=True)
class Setting:
    """One cell of a grid: the mixture, how labels come about and are kept, n samples before selection, the learner."""

    mu: float
    dimension: int
    samples: int
    selection: Independent | Angled | Trained
    learner: str = "averaging"
    penalty: float = 1.0

    def __post_init__(self) -> None:
        checked_norm(self.mu)
        least = 1 if isinstance(self.selection, Independent) else 3
        require(self.dimension >= least, self.dimension, f"d, the dimension, is at least {least} here")
        allowed = f"n, the number of samples, is at least 2 and at most {MOST_SAMPLES:,}"
        require(2 <= self.samples <= MOST_SAMPLES, self.samples, allowed)
        if self.learner not in LEARNERS:
            raise ValueError(f"a learner is one of {', '.join(LEARNERS)}, got {self.learner!r}")
        low, high = PENALTIES
        require(low <= self.penalty <= high, self.penalty, f"penalty lies in [{low:g}, {high:g}]")


def _check_supervision(supervision: str, rate: float) -> None:
    if supervision not in SUPERVISIONS:
        raise ValueError(f"a supervision is one of {', '.join(SUPERVISIONS)}, got {supervision!r}")
    require(0 < rate <= 1, rate, "the rate of random selection lies in (0, 1]")
