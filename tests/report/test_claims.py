"""What papers claim of generations against planted lines: an effective n, error that grows or stays, a verifier, a cure."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from summ_collapse.experiment.arms import Arm
from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.report.csv_rows import rows_as_csv
from summ_collapse.report.figures.effective import draw_effective
from summ_collapse.report.lines.claims import claims
from summ_collapse.report.lines.cure import Cure, cures, share_within_one
from summ_collapse.report.lines.effective import fitted, regimes_of
from summ_collapse.report.results import Claim, Entry, Results
from summ_collapse.report.summary import closing
from summ_collapse.theory import recursion
from tests.report.results import entry, results

GENERATIONS, ROWS, DRAWS, FIRST, ERROR = 12, 1000, 300, 0.05, 0.002


def grown(regime: str) -> np.ndarray:
    """S_m - S_0 of a learner that counts DRAWS draws where it reads ROWS texts."""
    if regime == "replace":
        return recursion.drift(FIRST, 0, DRAWS, GENERATIONS)
    if regime == "mixed":
        return recursion.drift(FIRST, DRAWS, DRAWS, GENERATIONS)
    return recursion.accumulated_collision(FIRST, DRAWS, DRAWS, GENERATIONS) - FIRST


MIXTURES = {"replace": ("replace", 0.0), "mixed": ("replace", 1.0), "accumulate": ("accumulate", 1.0)}


def planted(noise: float = 0.0, seeds: tuple[int, ...] = (0, 1, 2)) -> tuple[list[Arm], Results]:
    rng = np.random.default_rng(1)
    arms, entries = [], []
    for seed in seeds:
        known = {"word_error": ERROR, "word_collision": FIRST}
        shared = {"seed": seed, "seeds": [seed], "slice": 0.25}
        entries.append(entry("generation-0", generation=0, collapse=known, **{**shared, "n_train": ROWS}))
        for regime, (mixture, share) in MIXTURES.items():
            growth = grown(regime) * (1 + noise * rng.standard_normal())
            for place in range(1, GENERATIONS + 1):
                name = f"{regime}-{place}"
                rows = {"replace": ROWS, "mixed": 2 * ROWS, "accumulate": (1 + place) * ROWS}[regime]
                measured = {"word_error": ERROR + growth[place], "word_collision": FIRST + growth[place]}
                facts = {"regime": regime, "generation": place, "n_train": rows, "collapse": measured, **shared}
                entries.append(entry(name, **facts))
                arms.append(
                    Arm(
                        name=name,
                        seed=seed,
                        evaluate="e",
                        regime=regime,
                        generation=place,
                        mixture=mixture,
                        real_share=share,
                        slice=0.25,
                    )
                )
    return arms, results(*entries)


def test_the_effective_n_is_found_again(tmp_path: Path) -> None:
    arms, found = planted(noise=0.02)
    lines = {one.regime: one for one in fitted(regimes_of(arms, found), found, drawn=True)}
    assert lines.keys() == MIXTURES.keys()
    for regime, one in lines.items():
        assert one.rows == ROWS, regime
        assert one.low is not None
        assert one.high is not None
        assert one.low < one.draws < one.high
        assert one.draws == pytest.approx(DRAWS, rel=0.05)
        assert one.explained > 0.999
        assert one.explained_collision > 0.99
    draw_effective(list(lines.values()), [tmp_path / "theory.svg"], "planted")
    assert (tmp_path / "theory.svg").stat().st_size > 10_000
    assert rows_as_csv(list(lines.values())).splitlines()[0] == (
        "regime,slice,law,rows,draws,low,high,explained,explained_collision"
    )


def test_a_model_that_the_closed_form_does_not_fit_is_seen() -> None:
    arms, found = planted()
    falling = [
        one.model_copy(update={"collapse": {**one.collapse, "word_collision": 2 * FIRST - one.collapse["word_collision"]}})
        for one in found.arms
    ]
    lines = fitted(regimes_of(arms, found), found.model_copy(update={"arms": falling}), drawn=True)
    assert all(one.explained > 0.99 and one.explained_collision < 0 for one in lines)


def stretched(one: Entry) -> Entry:
    """Of `accumulate` an error that is now below and now above its bound."""
    if one.regime != "accumulate":
        return one
    error = ERROR * (1.2, 1.7, 2.2)[one.seed or 0] if one.generation == GENERATIONS else ERROR
    return one.model_copy(update={"collapse": {**one.collapse, "word_error": error}})


def test_errors_that_grow_and_errors_that_stay_are_told_apart() -> None:
    arms, found = planted(noise=0.02)
    said = {(one.regime, one.claim.split(":")[0]): one for one in claims(regimes_of(arms, found), found, drawn=True)}
    growing, staying = said["replace", "replacing"], said["accumulate", "accumulating"]
    assert growing.verdict == "holds"
    errors = np.log(ERROR + grown("replace"))[GENERATIONS // 2 :]
    assert growing.value == pytest.approx(np.exp(np.polyfit(np.arange(len(errors)), errors, 1)[0]), rel=0.02)
    assert staying.expected == "at most 1.645"
    # The planted generation 0 errs less than its draws would have it, so that what accumulates is more than the bound allows.
    assert staying.verdict == ("holds" if 1 + grown("accumulate")[-1] / ERROR < 1.6 else "does not hold")
    # One seed's luck reaches beyond the bound.
    wide = found.model_copy(update={"arms": [stretched(one) for one in found.arms]})
    (doubtful,) = [one for one in claims(regimes_of(arms, wide), wide, drawn=True) if one.claim.startswith("accumulating")]
    assert doubtful.low is not None
    assert doubtful.high is not None
    assert doubtful.low < 1.645 < doubtful.high
    assert doubtful.verdict == "undecided"
    assert len(said) == 2  # nothing is claimed of what is mixed with real rows
    lone = planted(seeds=(0,))
    assert {one.verdict for one in claims(regimes_of(*lone), lone[1], drawn=True)} == {"undecided"}


def line(regime: str, means: list[list[float]], **selected: Any) -> tuple[list[Arm], list[Entry]]:
    """Under every seed a regime that a verifier selects for, with its metric."""
    arms, entries = [], []
    for seed, one in enumerate(means):
        for place, mean in enumerate(one):
            facts: dict[str, Any] = {"seed": seed, "seeds": [seed], "slice": 0.25, "generation": place}
            facts |= {"metrics": {"rouge1": Interval(mean, mean, mean)}}
            if place:
                told = {name: values[place - 1] for name, values in selected.items()}
                facts |= {"regime": regime, "verifier": "oracle", "verifier_kind": "rouge", "rate": 0.25, **told}
                known = {name: facts[name] for name in ("seed", "slice", "regime", "generation", "verifier", "verifier_kind")}
                arms.append(Arm(name=f"{regime}-{place}", evaluate="e", mixture="replace", real_share=0.0, **known))
            entries.append(entry(f"{regime}-{place}" if place else "generation-0", **facts))
    return arms, entries


def test_a_verifier_that_gains_and_then_stays_holds_and_one_that_falls_does_not() -> None:
    rng = np.random.default_rng(2)
    rising = [np.array([80.0, 84, 87, 89, 90, 90, 90, 90, 90]) + rng.normal(0, 0.1, 9) for _ in range(3)]
    falling = [80.0 - np.arange(9) + rng.normal(0, 0.1, 9) for _ in range(3)]
    for means, verdicts in ((rising, ["holds", "holds"]), (falling, ["does not hold", "undecided"])):
        arms, entries = line("oracle", [list(map(float, one)) for one in means])
        found = results(*entries)
        assert [one.verdict for one in claims(regimes_of(arms, found), found, drawn=True)] == verdicts


def cured(kept: list[float], p: list[float]) -> list[Cure]:
    rounds = len(kept)
    phi, psi = [0.4] * rounds, [0.2] * rounds
    _, entries = line("oracle", [[50.0] * (rounds + 1)], p=p, phi=phi, psi=psi, kept_error=kept)
    return cures(results(*entries))


def test_rounds_to_cure_are_read_off_the_first_selection() -> None:
    # odds 4, halved every round: t* = 2, so that the third round is the first below a half.
    (one,) = cured([0.66, 0.5, 0.33, 0.2], [0.8, 0.68, 0.52, 0.35])
    assert (one.t_star, one.predicted, one.observed, one.within_one) == (pytest.approx(2), 3, 3, True)
    assert one.carried == pytest.approx(((0.68 - 0.66) + (0.52 - 0.5) + (0.35 - 0.33)) / 3)
    assert (one.ratio_first, one.ratio_last) == (0.5, 0.5)
    (late,) = cured([0.66, 0.6, 0.58, 0.56, 0.55], [0.8] * 5)
    assert (late.observed, late.within_one) == (None, False)
    (short,) = cured([0.66, 0.6, 0.58], [0.8] * 3)
    assert (short.observed, short.within_one) == (None, False)  # a fourth round might have been, which nobody knows
    (soon,) = cured([0.66, 0.4], [0.8, 0.7])
    assert (soon.observed, soon.within_one) == (2, True)
    (never,) = cured([0.66, 0.6], [0.8, 0.7])
    assert (never.observed, never.within_one) == (None, True)  # none of two rounds was to cure it
    assert cured([0.2], [0.4]) == []  # right more often than not: nothing to cure
    share = share_within_one([one, late, short, soon])
    assert share.mean == 0.5
    assert share.low < 0.5 < share.high


def test_a_summary_says_what_holds_and_for_which_lines() -> None:
    def claim(regime: str, verdict: str) -> Claim:
        return Claim("replacing: grows", "a paper", regime, 0.25, "growth", 0.5, 0.25, 0.75, "above 0", verdict)

    one = results(entry("arm")).model_copy(update={"claims": [claim("replace", "holds")]})
    told = " ".join(closing(one, Path("run"), ["demo"]))
    assert "- replacing: grows: holds (0.50 [0.25, 0.75]; above 0)" in told
    several = one.model_copy(update={"claims": [claim("a", "holds"), claim("b", "undecided"), claim("c", "holds")]})
    assert "- replacing: grows: holds for a, c; undecided for b" in " ".join(closing(several, Path("run"), ["demo"]))
    assert all(len(text) <= 80 for text in closing(several, Path("run"), ["demo"]))


def test_what_failed_and_what_knows_no_formula_is_left_out() -> None:
    arms, found = planted()
    nothing = {"n_train": 0, "failed": "NaN", "metrics": {}, "collapse": {}}
    broken = [one.model_copy(update=nothing) if one.seed == 2 and one.regime else one for one in found.arms]
    some = found.model_copy(update={"arms": broken})
    assert {one.regime: one.rows for one in fitted(regimes_of(arms, some), some, drawn=True)} == dict.fromkeys(MIXTURES, ROWS)
    # Of a part of the real rows there is no closed form, and no bound; of the likeliest texts alone no law is known.
    part = [arm.model_copy(update={"real_share": 0.5}) if arm.real_share else arm for arm in arms]
    assert {one.regime for one in fitted(regimes_of(part, found), found, drawn=True)} == {"replace"}
    assert {one.regime for one in claims(regimes_of(part, found), found, drawn=True)} == {"replace"}
    assert fitted(regimes_of(arms, found), found, drawn=False) == []
    assert claims(regimes_of(arms, found), found, drawn=False) == []


def test_models_that_write_nothing_are_left_out() -> None:
    arms, found = planted()
    silent = [one.model_copy(update={"collapse": {"word_error": 0.0, "word_collision": 0.0}}) for one in found.arms]
    nothing = found.model_copy(update={"arms": silent})
    assert fitted(regimes_of(arms, nothing), nothing, drawn=True) == []
    assert claims(regimes_of(arms, nothing), nothing, drawn=True) == []
