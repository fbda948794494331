"""What a simulation is asked for: the mixture, the generator and its verifier, the amount of data, the learner.

Inputs are x | y ~ N(y mu, I) in d dimensions with labels y = +1 and -1 equally likely; `mu` is the norm of the mean. The
generator labels n of them, the verifier keeps some, and a linear learner is trained on what was kept.
"""

from dataclasses import dataclass

from summ_collapse.theory.gaussian import LONGEST_MEAN, breakdown_point, checked_angles, kept_fraction

LEARNERS = ("averaging", "ridge", "logistic")
# Whole numbers up to here are exact in float64, and counts of them fit in 64 bits.
MOST_SAMPLES = 10**15
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
        if not 0 < self.mu <= LONGEST_MEAN:
            raise ValueError(f"mu is a positive number up to {LONGEST_MEAN:g}, got {self.mu:g}")
        least = 1 if isinstance(self.selection, Independent) else 3
        if self.dimension < least:
            raise ValueError(f"d, the dimension, is at least {least} here, got {self.dimension}")
        if not 2 <= self.samples <= MOST_SAMPLES:
            raise ValueError(f"n, the number of samples, is at least 2 and at most {MOST_SAMPLES:,}, got {self.samples:,}")
        if self.learner not in LEARNERS:
            raise ValueError(f"a learner is one of {', '.join(LEARNERS)}, got {self.learner!r}")
        if not PENALTIES[0] <= self.penalty <= PENALTIES[1]:
            raise ValueError(f"penalty lies in [{PENALTIES[0]:g}, {PENALTIES[1]:g}], got {self.penalty:g}")


def _check_supervision(supervision: str, rate: float) -> None:
    if supervision not in SUPERVISIONS:
        raise ValueError(f"a supervision is one of {', '.join(SUPERVISIONS)}, got {supervision!r}")
    if not 0 < rate <= 1:
        raise ValueError(f"the rate of random selection lies in (0, 1], got {rate:g}")
