"""What the papers claim of generations, each held against what was measured: holds, does not hold, or undecided.

Intervals are those of `trends.intervals`: over seeds, at 95%, each by itself. Under one seed nothing is decided.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from scipy import special

from summ_collapse.report.lines.cure import cures, share_within_one
from summ_collapse.report.lines.effective import Regime, law_of
from summ_collapse.report.lines.trends import Line, intervals, seeds_lines, series_of, slope
from summ_collapse.report.results import Claim, Results

FEWEST = 4  # generations that a line's two halves take


def claims(regimes: Mapping[Line, Regime], results: Results, drawn: bool) -> list[Claim]:
    """All that can be said of these lines; `drawn` says whether test texts were drawn from the models."""
    return [*_errors(regimes, results, drawn), *_verifiers(regimes, results), *_cured(results)]


def _errors(regimes: Mapping[Line, Regime], results: Results, drawn: bool) -> Iterator[Claim]:
    """Of the squared distance to the real law, in units of generation 0's (Dey and Donoho 2024).

    Ratios vary by factors, so that it is their logarithms that have an interval; lines of one kind vary alike.
    """
    law = law_of(results.single, drawn)
    if law is None:
        return
    logarithms = {
        line: [np.log(one / one[0]) for one in series]
        for line, series in series_of(f"{law}_error", seeds_lines(results)).items()
        if line in regimes and not regimes[line].selected and all((one > 0).all() for one in series)
    }
    replaced = {
        line: found for line, found in logarithms.items() if regimes[line].mixture == "replace" and not regimes[line].real
    }
    late = intervals(
        {line: [slope(one[len(one) // 2 :]) for one in found] for line, found in replaced.items() if len(found[0]) > FEWEST}
    )
    for (share, name), growth in late.items():
        value, low, high = _factors(growth)
        yield Claim(
            "replacing: the error grows without bound",
            "Dey and Donoho 2024",
            name,
            share,
            "factor of growth a generation in the later half",
            *(value, low, high),
            "above 1",
            _above(1.0, low, high),
        )
    kept = {
        line: found
        for line, found in logarithms.items()
        if regimes[line].mixture == "accumulate" and regimes[line].has_closed_form
    }
    largest = intervals({line: [float(one.max()) for one in found] for line, found in kept.items()})
    for line, most in largest.items():
        value, low, high = _factors(most)
        k = regimes[line].real / regimes[line].synthetic
        # 1 + k (1/(k+1)^2 + 1/(k+2)^2 + ...), which is pi^2 / 6 where there are as many new rows as real ones.
        bound = float(1 + k * special.polygamma(1, 1 + k))
        yield Claim(
            "accumulating: the error stays within a bound (pi^2 / 6 where as many are added as there were)",
            "Dey and Donoho 2024",
            line[1],
            line[0],
            "largest error, in errors of generation 0",
            *(value, low, high),
            f"at most {bound:.3f}",
            _below(bound, low, high),
        )


def _factors(logarithms: tuple[float, float | None, float | None]) -> tuple[float, float | None, float | None]:
    value, low, high = logarithms
    return float(np.exp(value)), None if low is None else float(np.exp(low)), None if high is None else float(np.exp(high))


def _verifiers(regimes: Mapping[Line, Regime], results: Results) -> Iterator[Claim]:
    """Of the first metric under a verifier: gains first, then a level of the verifier's own (Yi et al. 2025)."""
    metric = results.metric
    halves = {
        line: [(slope(one[: len(one) // 2 + 1]), slope(one[len(one) // 2 :])) for one in series]
        for line, series in series_of(metric, seeds_lines(results)).items()
        if line in regimes and regimes[line].selected and len(series[0]) > FEWEST
    }
    early = intervals({line: [first for first, _ in found] for line, found in halves.items()})
    bend = intervals({line: [first - then for first, then in found] for line, found in halves.items()})
    for share, name in halves:
        for found, what, measured in (
            (early, "gains first", f"points of {metric} a generation in the earlier half"),
            (bend, "then a level of its own", f"points of {metric} a generation: the earlier half less the later"),
        ):
            value, low, high = found[share, name]
            yield Claim(
                f"a verifier in the loop: {what}",
                "Yi et al. 2025",
                name,
                share,
                measured,
                *(value, low, high),
                "above 0",
                _above(0.0, low, high),
            )


def _cured(results: Results) -> Iterator[Claim]:
    found = cures(results)
    if not found:
        return
    share = share_within_one(found)
    one_seed = len({entry.seed for entry in results.single}) < 2
    yield Claim(
        "rounds to cure: ln odds(p) / ln(phi / psi), within a round",
        "odds(p') = odds(p) psi / phi",
        f"all {len(found)} lines whose generator mostly errs",
        None,
        "share of lines, taken for independent",
        *(share.mean, share.low, share.high),
        "above 0.5",
        "undecided" if one_seed else _above(0.5, share.low, share.high),
    )


def _above(bound: float, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "undecided"
    return "holds" if low > bound else "does not hold" if high < bound else "undecided"


def _below(bound: float, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "undecided"
    return "holds" if high <= bound else "does not hold" if low > bound else "undecided"
