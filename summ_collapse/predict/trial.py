"""Coefficients fitted on finished arms, and tried where they have not been: does the formula beat what is simpler?

One kind of setting is left out at a time (a verifier's kind, a slice, a generator's configuration, a corpus size, a run),
everything is fitted on the rest, and the arms left out are predicted: by the formula, and beside it by a constant, by "always
hurts", by the rate, p', p* or J = phi - psi alone, and by what the same arm gave elsewhere. What does not beat all of them has
not earned its place.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from summ_collapse.predict import predictor
from summ_collapse.predict.predictor import LEVEL, Coefficients, Features, Fit

FORMULA, ALWAYS_HURTS = "formula", "always hurts"
VERSION = 1


@dataclass(frozen=True)
class Arm:
    """A trained arm: what was known before, and its difference from the real slice with its simultaneous interval, points."""

    name: str  # the same in every run and slice
    run: str
    setting: str
    generator: str  # how it was trained and how it wrote
    verifier_kind: str
    rate: float
    corpus_rows: int
    features: Features
    kept_error: float
    p_star: float
    informedness: float  # J = phi - psi
    delta: float
    low: float
    high: float
    seed: int | None = None  # none where it is over several
    kept_score: float | None = None  # of what is kept, in standard deviations above all candidates' mean

    @property
    def observed(self) -> str | None:
        """helps or hurts where the interval leaves zero out."""
        return "helps" if self.low > 0 else "hurts" if self.high < 0 else None


@dataclass(frozen=True)
class Score:
    """How one rule did on all arms, each predicted while its kind of setting was left out.

    `root_mean_square_error` is in points; None for a rule that gives no number, or not for every arm. Of the arms that helped,
    and of those that hurt, for sure: how many there were and how many were said to, and how many were said to do the opposite.
    """

    left_out: str
    rule: str
    arms: int
    root_mean_square_error: float | None
    helped: int
    helped_said: int
    helped_wrongly: int
    hurt: int
    hurt_said: int
    hurt_wrongly: int

    @property
    def right_less_wrong(self) -> int:
        """Verdicts that were right less those that were wrong."""
        return self.helped_said + self.hurt_said - self.helped_wrongly - self.hurt_wrongly


@dataclass(frozen=True)
class Trial:
    """A fit with the scores that it stands on: the content of the file that `predict fit` writes.

    `shipped_error` is how far the shipped coefficients miss the same arms, root mean square in points; None of another task.
    """

    version: int
    fit: Fit
    scores: list[Score]
    shipped_error: float | None = None


# A rule learns from arms, and says of another what it predicts with its standard deviation, or None.
Prediction = tuple[float, float]
Rule = Callable[[Sequence[Arm]], Callable[[Arm], Prediction | None]]
LEFT_OUT: dict[str, Callable[[Arm], object]] = {
    "verifier kind": lambda arm: arm.verifier_kind,
    "slice": lambda arm: arm.features.slice_rows,
    "generator": lambda arm: arm.generator,
    "corpus size": lambda arm: arm.corpus_rows,
    "run": lambda arm: arm.run,
}


def trial(arms: Sequence[Arm]) -> Trial:
    """Fit all arms, and try the formula beside what is simpler; ValueError where nothing can be left out, or arms are too few."""
    scores = [score for kind, value in LEFT_OUT.items() for score in _scores(kind, [value(arm) for arm in arms], arms)]
    if not scores:
        raise ValueError("expected arms of at least two kinds of verifier, slices, corpus sizes or runs, got one of each")
    beats = _beats(scores)
    settings = tuple(sorted({arm.setting for arm in arms}))
    kinds = ", ".join(dict.fromkeys(score.left_out for score in scores))
    outcome = "beats what is simpler" if beats else "does not beat what is simpler"
    tried = f"fitted on {len(arms)} arms of {' and '.join(settings)}; with each {kinds} left out in turn it {outcome}"
    return Trial(VERSION, Fit(_formula_fit(arms), settings, tried, beats), scores, _shipped_error(arms))


def _shipped_error(arms: Sequence[Arm]) -> float | None:
    if any(predictor.shipped_for(arm.setting) is None for arm in arms):
        return None
    return float(np.sqrt(np.mean([(predictor.predict(arm.features).delta - arm.delta) ** 2 for arm in arms])))


def _beats(scores: Sequence[Score]) -> bool:
    """Whether, whatever is left out, the formula errs less than every rule, is right more often, and can say `helps`."""
    by_kind: dict[str, dict[str, Score]] = {}
    for score in scores:
        by_kind.setdefault(score.left_out, {})[score.rule] = score
    for rules in by_kind.values():
        ours = rules.pop(FORMULA)
        error = ours.root_mean_square_error
        numbers = [other.root_mean_square_error for other in rules.values()]
        if error is None or any(number is not None and number <= error for number in numbers):
            return False
        if any(other.right_less_wrong >= ours.right_less_wrong for other in rules.values()) or not ours.helped_said:
            return False
    return True


def _scores(kind: str, values: Sequence[object], arms: Sequence[Arm]) -> list[Score]:
    if len(set(values)) < 2:
        return []
    return [_score(kind, name, values, arms, rule) for name, rule in RULES.items()]


def _score(kind: str, name: str, values: Sequence[object], arms: Sequence[Arm], rule: Rule) -> Score:
    told: list[tuple[Arm, Prediction | None]] = []
    for value in dict.fromkeys(values):
        says = rule([arm for arm, one in zip(arms, values, strict=True) if one != value])
        told += [(arm, says(arm)) for arm, one in zip(arms, values, strict=True) if one == value]
    return score_of(kind, name, told)


def transferred(learnt: Sequence[Arm], tried: Sequence[Arm]) -> list[Score]:
    """Every rule learnt from some arms and tried on others; ValueError where the first are too few."""
    scores = []
    for name, rule in TRANSFERRED.items():
        says = rule(learnt)
        scores.append(score_of("task", name, [(arm, says(arm)) for arm in tried]))
    return scores


def score_of(kind: str, name: str, told: Sequence[tuple[Arm, Prediction | None]]) -> Score:
    """How a rule did that said this of these arms, of which what it learnt from had nothing of the `kind`."""
    errors = [arm.delta - found[0] for arm, found in told if found is not None]
    verdicts = [(arm.observed, _verdict(found)) for arm, found in told]
    # Minus infinity is how `always hurts` says so, with no number behind it.
    number = len(errors) == len(told) and np.isfinite(errors).all()
    return Score(
        left_out=kind,
        rule=name,
        arms=len(told),
        root_mean_square_error=float(np.sqrt(np.mean(np.square(errors)))) if number else None,
        helped=sum(observed == "helps" for observed, _ in verdicts),
        helped_said=verdicts.count(("helps", "helps")),
        helped_wrongly=verdicts.count(("helps", "hurts")),
        hurt=sum(observed == "hurts" for observed, _ in verdicts),
        hurt_said=verdicts.count(("hurts", "hurts")),
        hurt_wrongly=verdicts.count(("hurts", "helps")),
    )


def _verdict(found: Prediction | None) -> str:
    if found is None:
        return "undecided"
    reach = float(special.ndtri((1 + LEVEL) / 2)) * found[1]
    return "helps" if found[0] > reach else "hurts" if found[0] < -reach else "undecided"


def _formula_fit(arms: Sequence[Arm]) -> Coefficients:
    return predictor.fit([arm.features for arm in arms], [arm.delta for arm in arms], [arm.name for arm in arms])


def _formula(arms: Sequence[Arm]) -> Callable[[Arm], Prediction]:
    found = _formula_fit(arms)
    return lambda arm: (predictor.predict(arm.features, found).delta, found.residual)


def _always_hurts(_: Sequence[Arm]) -> Callable[[Arm], Prediction]:
    return lambda _: (-math.inf, 0.0)


def _line(value: Callable[[Arm], float]) -> Rule:
    """A straight line in one number, by least squares; flat where that number does not vary."""

    def learn(arms: Sequence[Arm]) -> Callable[[Arm], Prediction]:
        values = np.column_stack([np.ones(len(arms)), [value(arm) for arm in arms]])
        deltas = np.array([arm.delta for arm in arms])
        weights = np.linalg.lstsq(values, deltas, rcond=None)[0]
        spread = float(np.sqrt(np.mean((deltas - values @ weights) ** 2)))
        return lambda arm: (float(weights[0] + weights[1] * value(arm)), spread)

    return learn


def _arm_means(arms: Sequence[Arm]) -> Callable[[Arm], Prediction | None]:
    """What arms of the same name gave; none of a name that is not there."""
    deltas: dict[str, list[float]] = {}
    for arm in arms:
        deltas.setdefault(arm.name, []).append(arm.delta)
    misses = [one - float(np.mean(found)) for found in deltas.values() for one in found]
    spread = float(np.sqrt(np.mean(np.square(misses))))
    return lambda arm: (float(np.mean(deltas[arm.name])), spread) if arm.name in deltas else None


RULES: dict[str, Rule] = {
    FORMULA: _formula,
    "constant": _line(lambda _: 0.0),
    ALWAYS_HURTS: _always_hurts,
    "rate": _line(lambda arm: math.log(arm.rate)),
    "p′": _line(lambda arm: arm.kept_error),
    "p*": _line(lambda arm: arm.p_star),
    "J": _line(lambda arm: arm.informedness),
    "arm means": _arm_means,
}
# Of another task no arm has a name that this one has too.
TRANSFERRED: dict[str, Rule] = {name: rule for name, rule in RULES.items() if name != "arm means"} | {
    "mean score": _line(lambda arm: arm.kept_score or 0.0)
}
