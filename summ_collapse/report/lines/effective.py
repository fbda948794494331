"""The statistical model of training on one's own output beside measured generations: one number is fitted, the effective n.

A learner that smooths, or that sees many words in each text, loses as much as one that counts n of them would. With e_m the
squared distance to the real law and S_m the sum of squares, the closed forms say that both grow alike: e_m - e_0 = S_m - S_0
(`theory.recursion`). n is fitted to e_m; that S_m agrees is a prediction.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from summ_collapse.experiment.arms import Arm
from summ_collapse.report.conclusion import RANDOM
from summ_collapse.report.lines.trends import BySeed, Line, intervals, seeds_lines, series_of
from summ_collapse.report.results import Entry, Results
from summ_collapse.theory import recursion
from summ_collapse.theory.normal import Floats

# What measures are of: a text's first two words where their law is known, else any word of texts that were drawn from the model.
LAWS = ("pair", "word")
LARGEST = 1e8  # an effective n from here on is endless: nothing grew


@dataclass(frozen=True)
class Regime:
    """What a line's generations learn from, in rows: `synthetic` new ones a generation, and `real` ones."""

    mixture: str
    real: float
    synthetic: float
    whole: bool  # all real rows that generation 0 has read, or none: closed forms know no part of them
    selected: bool  # by a verifier that knows something: no closed form holds then

    @property
    def has_closed_form(self) -> bool:
        """Whether the theory has a formula for what is mixed here; `accumulate` without real rows has none either."""
        return (
            self.synthetic > 0 and self.whole and (self.mixture == "replace" or (self.mixture == "accumulate" and self.real > 0))
        )

    def growth(self, first: float, draws: float, generations: int) -> Floats | None:
        """S_m - S_0 where the new rows of a generation count as `draws` draws; None where there is no closed form."""
        if self.selected or not self.has_closed_form:
            return None
        n, real = max(2, round(draws)), round(draws * self.real / self.synthetic)
        if self.mixture == "replace":
            return recursion.drift(first, real, n, generations)
        return recursion.accumulated_collision(first, max(1, real), n, generations) - first


@dataclass(frozen=True)
class Fitted:
    """One regime beside its closed form; curves are means over seeds, (generations + 1,).

    `draws` is the effective n with its interval over seeds, `rows` what it would be if a text were one draw; `explained` is the
    share of the growth's sum of squares that the fit leaves nothing of.
    """

    regime: str
    slice: float | None
    law: str
    rows: float
    draws: float
    low: float | None
    high: float | None
    explained: float
    explained_collision: float
    error: Floats
    collision: Floats
    expected: Floats  # growth of both


def regimes_of(arms: Sequence[Arm], results: Results) -> dict[Line, Regime]:
    """What each line learns from; of lines that have a first generation."""
    found: dict[Line, Regime] = {}
    whole = [entry for entry in results.single if entry.failed is None]
    rows = {(entry.slice, entry.regime, entry.generation): entry for entry in reversed(whole)}
    for arm in arms:
        first, begun = rows.get((arm.slice, arm.regime, 1)), rows.get((arm.slice, None, 0))
        if arm.regime is None or arm.mixture is None or first is None or begun is None:
            continue
        share = arm.real_share or 0.0
        real = share * begun.n_train
        selected = arm.verifier is not None and arm.verifier_kind != RANDOM
        found[arm.slice, arm.regime] = Regime(arm.mixture, real, first.n_train - real, share in (0, 1), selected)
    return found


def law_of(entries: Sequence[Entry], drawn: bool) -> str | None:
    """The finest law that is measured; None where none is, as with the likeliest texts alone (not `drawn`): they are no draws."""
    measured = {name for entry in entries for name in entry.collapse}
    return next((law for law in LAWS if f"{law}_error" in measured and (drawn or law == "pair")), None)


def fitted(regimes: Mapping[Line, Regime], results: Results, drawn: bool) -> list[Fitted]:
    """Of every regime with a closed form; `drawn` says whether test texts were drawn from the models."""
    law = law_of(results.single, drawn)
    return [] if law is None else list(_fitted(law, regimes, seeds_lines(results)))


def _fitted(law: str, regimes: Mapping[Line, Regime], by_seed: BySeed) -> Iterator[Fitted]:
    errors, collisions = (series_of(f"{law}_{name}", by_seed) for name in ("error", "collision"))
    draws = {
        line: [_draws(regimes[line], s[0], e) for s, e in zip(collisions[line], series, strict=True)]
        for line, series in errors.items()
        if line in regimes
        and regimes[line].growth(0.5, 100, 1) is not None
        and all(0 < one[0] <= 1 for one in collisions[line])  # something was written
    }
    spread = intervals({line: np.log(found).tolist() for line, found in draws.items()})
    for line in draws:
        error, collision = (np.mean(series[line], axis=0) for series in (errors, collisions))
        n = _draws(regimes[line], collision[0], error)
        expected = regimes[line].growth(collision[0], n, len(error) - 1)
        assert expected is not None
        _, low, high = spread[line]
        yield Fitted(
            regime=line[1],
            slice=line[0],
            law=law,
            rows=regimes[line].synthetic,
            draws=n,
            low=None if low is None else float(np.exp(low)),
            high=None if high is None else float(np.exp(high)),
            explained=_explained(error, expected),
            explained_collision=_explained(collision, expected),
            error=error,
            collision=collision,
            expected=expected,
        )


def _draws(regime: Regime, first: float, error: Floats) -> float:
    """The n whose growth comes nearest, by least squares."""
    from scipy.optimize import minimize_scalar

    grown = error - error[0]

    def missed(logarithm: float) -> float:
        expected = regime.growth(first, float(np.exp(logarithm)), len(error) - 1)
        assert expected is not None
        return float(((grown - expected) ** 2).sum()) / max(1e-300, float((grown**2).sum()))

    # Rounding to whole draws makes steps where n is small; a grid first, then its best cell.
    grid = np.linspace(np.log(2), np.log(LARGEST), 200)
    best = int(np.argmin([missed(one) for one in grid]))
    around = (grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)])
    return float(np.exp(minimize_scalar(missed, bounds=around, method="bounded").x))


def _explained(measured: Floats, expected: Floats) -> float:
    grown = measured - measured[0]
    return 1 - float(((grown - expected) ** 2).sum()) / max(1e-300, float((grown**2).sum()))
