"""Rounds to cure, predicted from the first selection of a line of generations, beside the round that cured it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from summ_collapse.metrics.bootstrap import Interval, share_interval
from summ_collapse.report.conclusion import RANDOM
from summ_collapse.report.lines.trends import lines_of
from summ_collapse.report.results import Results
from summ_collapse.theory.cure import first_cured, rounds_to_cure

HALF = 0.5


@dataclass(frozen=True)
class Cure:
    """A line whose generator errs more often than not, over all seeds: what its first selection says, and what came.

    `predicted` is the first round whose kept rows are mostly right (inf: none), `observed` the one that was (None: none of
    `rounds`). `carried` is how much more often a student errs than what it learnt from, p - p', the mean over the line: 0 is what
    the prediction takes for granted; `ratio` is psi / phi at the first and at the last round, constant by the same token.
    """

    slice: float | None
    regime: str
    verifier: str
    rate: float | None
    rounds: int
    p: float
    phi: float
    psi: float
    t_star: float
    predicted: float
    observed: int | None
    carried: float | None
    ratio_first: float | None
    ratio_last: float | None

    @property
    def within_one(self) -> bool:
        """Whether the cure came within a round of the predicted one.

        Where none of the line's rounds cured, that is so if none of them was to; what a later round would have done is not known.
        """
        if self.observed is None:
            return self.predicted > self.rounds
        return abs(self.observed - self.predicted) <= 1


def cures(results: Results) -> list[Cure]:
    """Of every line that a verifier selects for and whose generator is wrong at least every other time."""
    return list(_cures(results))


def _cures(results: Results) -> Iterator[Cure]:
    for (share, regime), arms in lines_of(results.main).items():
        selected = [arm for arm in arms if arm.generation and arm.p is not None and arm.kept_error is not None]
        first = selected[0] if selected else None
        if first is None or first.verifier is None or first.verifier_kind == RANDOM:
            continue
        p, phi, psi = first.p, first.phi, first.psi
        if p is None or phi is None or psi is None or p < HALF:
            continue
        cured = [arm.generation for arm in selected if arm.kept_error is not None and arm.kept_error < HALF]
        carried = [
            after.p - before.kept_error
            for before, after in pairwise(selected)
            if after.p is not None and before.kept_error is not None
        ]
        ratios = [arm.psi / arm.phi for arm in selected if arm.psi is not None and arm.phi]
        yield Cure(
            slice=share,
            regime=regime,
            verifier=first.verifier,
            rate=first.rate,
            rounds=len(selected),
            p=p,
            phi=phi,
            psi=psi,
            t_star=rounds_to_cure(p, phi, psi),
            predicted=first_cured(p, phi, psi),
            observed=cured[0] if cured else None,
            carried=float(np.mean(carried)) if carried else None,
            ratio_first=ratios[0] if ratios else None,
            ratio_last=ratios[-1] if ratios else None,
        )


def share_within_one(found: Sequence[Cure]) -> Interval:
    """The share of lines that came within a round of what was predicted, with its Clopper-Pearson interval.

    It takes lines for independent; those of one generator begin with the same pool.
    """
    return share_interval(sum(cure.within_one for cure in found), len(found))
