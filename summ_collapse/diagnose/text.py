"""A diagnosis for people: a table, a row a verifier and rate, and what to do about it in a few plain lines."""

from collections.abc import Iterable

from rich import box
from rich.table import Table

from summ_collapse.diagnose.diagnosis import Baseline, Diagnosis, Ranking, Selection
from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.predict.comparison import BETTER, NOT_TOLD, WORSE
from summ_collapse.report.tables import MARKS, signed

# A selection that covers this much less of the pool than as many random rows deserves a word.
COVERAGE_LOSS = 0.1
NARROW = ("verifier", "keep", "p′", "p′ − p", "than random")
WIDE = ("verifier", "keep", "rows", "score ≥", "p", "φ", "ψ", "p*", "p′", "p′ − p", "than random", "AUC", "coverage")
OTHERS = ("J", "mean score", "MMD", "A")  # what one would go by without a prediction
PREDICTED = ("predicted Δ", "predicted")
NAME_WIDTH = 20  # characters; what is longer goes on in the next line
SHORT = {BETTER: "better", WORSE: "worse", NOT_TOLD: "not told apart"}


def opening(found: Diagnosis) -> list[str]:
    """What was looked at, and how good the pools are by themselves, a sentence a line."""
    question = found.question
    counts = dict.fromkeys(f"{len(pool.labelled):,} of {pool.rows:,}" for pool in found.pools)
    labelled = " and ".join(counts) + " candidates" + (" of each pool" if len(counts) == 1 < len(found.pools) else "")
    wrong = f"wrong is {question.metric} below {question.wrong_below:g}"
    lines = [f"{labelled} are labelled; {wrong}. In %, 95% intervals."]
    for pool, everything in zip(found.pools, (one for one in found.baselines if one.name == "keep all"), strict=True):
        which = [f"seed {pool.seed}"] if _several_seeds(found) else []
        which += [f"slice {pool.slice:g}"] if _several_slices(found) else []
        which += [pool.pool] if pool.pool else []
        called = f"pool of {', '.join(which)}" if which else "pool"
        if everything.estimates.p is not None:
            lines.append(f"The {called}: p = {_percent(everything.estimates.p)} are wrong. {_meaning(everything.theory)}")
    return lines


def _meaning(theory: str) -> str:
    if theory == "p < p*":
        return "Theory (p < p* = 1/2, kept as it comes): the right ones outvote the wrong."
    if theory == "p > p*":
        return "Theory (p > p* = 1/2, kept as it comes): the wrong ones win; don't train on all of it."
    return "Theory (p* = 1/2, kept as it comes): undecided, about half are wrong or too few are labelled."


def as_rich(found: Diagnosis, wide: bool = False) -> Table:
    """Estimates with their 95% intervals, in percent. Not wide: fits 80 columns, of selections in strata has the best."""
    predicted = PREDICTED if found.predictor is not None else ()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    first, *others = (*WIDE, *OTHERS, *predicted) if wide else NARROW
    table.add_column(first, no_wrap=wide, overflow="fold", max_width=None if wide else NAME_WIDTH)
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)
    rankings = {(ranking.name, ranking.seed, ranking.slice, ranking.pool): ranking for ranking in found.rankings}
    for baseline in found.baselines:
        table.add_row(*(_wide_baseline(found, baseline) if wide else _narrow_baseline(found, baseline)))
    chosen = None if found.recommended is None else found.recommended.arm
    for entry in found.selections if wide else [*found.verifiers, *(one for one in found.stratified if one.arm == chosen)]:
        ranking = rankings[entry.name, entry.seed, entry.slice, entry.pool]
        table.add_row(*(_wide(found, entry, ranking) if wide else _narrow(found, entry)))
    return table


def _narrow(found: Diagnosis, entry: Selection) -> list[str]:
    wrong = _percent(entry.estimates.kept_error)
    return [_row_name(found, entry), f"{100 * entry.rate:g}", wrong, _shift(entry.difference), SHORT[entry.against_random]]


def _narrow_baseline(found: Diagnosis, entry: Baseline) -> list[str]:
    return [_called(found, entry, _at_seed(found, entry)), f"{100 * entry.rate:g}", _percent(entry.estimates.kept_error), "", ""]


def _wide(found: Diagnosis, entry: Selection, ranking: Ranking) -> list[str]:
    estimates = entry.estimates
    shares = (estimates.p, estimates.phi, estimates.psi, estimates.p_star, estimates.kept_error)
    cells = [
        _row_name(found, entry),
        f"{100 * entry.rate:g}",
        f"{entry.kept_rows:,}",
        "" if entry.threshold is None else f"{entry.threshold:.4g}",
        *map(_percent, shares),
        _shift(entry.difference),
        SHORT[entry.against_random],
        _percent(ranking.auc),
        f"{100 * entry.coverage:.0f} of {100 * entry.coverage_random:.0f}",
        _number(entry.informedness, "+.2f"),
        _number(entry.kept_score, "+.2f"),
        _number(entry.mmd, ".4f"),
        _number(entry.a_distance, ".2f"),
    ]
    return cells if found.predictor is None else [*cells, _points(entry.predicted_delta), MARKS.get(entry.predicted or "", "")]


def _wide_baseline(found: Diagnosis, entry: Baseline) -> list[str]:
    estimates, rate = entry.estimates, f"{100 * entry.rate:g}"
    cells = [_called(found, entry, _at_seed(found, entry)), rate, f"{entry.kept_rows:,}", "", _percent(estimates.p), rate, rate]
    cells += ["50", _percent(estimates.kept_error), "", "", "50", f"{100 * entry.coverage:.0f}", "+0.00", "", "", ""]
    return cells if found.predictor is None else [*cells, _points(entry.predicted_delta), MARKS.get(entry.predicted or "", "")]


def _row_name(found: Diagnosis, entry: Selection) -> str:
    within = " in strata" if entry.across == "strata" else ""
    return _called(found, entry, _at_seed(found, entry)) + within + ("*" if entry.oracle else "")


def _called(found: Diagnosis, entry: Selection | Baseline | Ranking, seed: str = "") -> str:
    """Which generator it is about, where there are several, and which further pool, as arms are called; and the verifier."""
    prefix = (f"g{entry.slice:g}-" if _several_slices(found) else "") + (f"{entry.pool}-" if entry.pool else "")
    return f"{prefix}{entry.name}{seed}"


def _arm(found: Diagnosis, entry: Selection) -> str:
    """A selection in a sentence, whatever the seed."""
    return f"{100 * entry.rate:g}% by {_called(found, entry)}{' in strata' if entry.across == 'strata' else ''}"


def _at_seed(found: Diagnosis, entry: Selection | Baseline | Ranking) -> str:
    return f"@{entry.seed}" if _several_seeds(found) else ""


def _several_slices(found: Diagnosis) -> bool:
    return len({pool.slice for pool in found.pools}) > 1


def _several_seeds(found: Diagnosis) -> bool:
    return len({pool.seed for pool in found.pools}) > 1


def _percent(share: Interval | None) -> str:
    return "" if share is None else f"{100 * share.mean:.1f} [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _shift(difference: Interval | None) -> str:
    return (
        ""
        if difference is None
        else _points(Interval(*(100 * one for one in (difference.mean, difference.low, difference.high))))
    )


def _points(delta: Interval | None) -> str:
    """A difference with its interval, signed."""
    return "" if delta is None else f"{signed(delta.mean)} [{signed(delta.low)}, {signed(delta.high)}]"


def conclusions(found: Diagnosis, wide: bool = False) -> list[str]:
    """What to do, a sentence a line."""
    lines = []
    if found.verifiers:
        lines.append(
            "p′: wrong among the kept. p′ − p: below 0 is better than keeping all and than random rows; "
            f"{100 * found.difference_level:g}% intervals that hold for all rows at once."
        )
        if any(entry.oracle for entry in found.selections):
            lines.append("*: an oracle. It reads what says what is wrong: a bound, and never advised.")
        lines += _advice(found)
    lines += _worse(found)
    if any(len(pool.labelled) < pool.rows for pool in found.pools):
        lines.append("Shares are estimated from the candidates that are labelled; they hold for all if those are a random draw.")
    lines += [
        f"{_called(found, ranking, _at_seed(found, ranking))}: {ranking.nan_scores:,} scores are NaN; these rows are never kept"
        for ranking in found.rankings
        if ranking.nan_scores
    ]
    lines += [
        f"strata are clusters of the texts of {len(pool.strata.rows):,} of {pool.rows:,} candidates, drawn at random; "
        "selections within strata are left out"
        for pool in found.pools
        if len(pool.strata.rows) < pool.rows
    ]
    if wide and found.verifiers:
        lines.append(
            "J = φ − ψ; mean score: of what is kept, in standard deviations above all; MMD (unbiased) and A (0 to 2): how far it "
            f"is from the real texts, by {found.question.embed or 'TF-IDF'}. Others go by these; nothing is advised by them."
        )
    if not wide and found.verifiers:
        lines.append("--wide: φ, ψ, p*, AUC, coverage, distances, within strata; --json: everything.")
    return lines


def _advice(found: Diagnosis) -> list[str]:
    entries = [entry for entry in found.selections if not entry.oracle]
    if found.recommended is not None:
        return _recommended(found, found.recommended)
    if not entries:
        return ["Nothing but oracles here: they read what says what is wrong, and are bounds, not verifiers."]
    lines = ["Nothing here is better for sure than keeping all, or than as many random rows."]
    doubtful = [(entry.labels_needed, entry) for entry in entries if entry.labels_needed is not None]
    if doubtful:
        needed, entry = min(doubtful, key=lambda pair: pair[0])
        lines.append(_doubt(found, needed, entry))
    return lines


def _recommended(found: Diagnosis, chosen: Selection) -> list[str]:
    """What to keep, in the numbers of the worst seed; whether it is any good; and what that does not say."""
    estimates, several = chosen.estimates, " under its worst seed" if _several_seeds(found) else ""
    told = (
        f"{_arm(found, chosen)} ({chosen.kept_rows:,} rows): {_percent(estimates.kept_error)}% of them are wrong{several}, "
        f"{_shift(chosen.difference)} points from keeping all and from random rows."
    )
    if chosen.theory == "p > p*":
        return [f"Don't train on this as it is: the best is {told} Most of it is wrong all the same (p > p*)."]
    lines = [f"Best to keep: {told}"]
    if chosen.theory == "undecided":
        lines.append("Whether most of it is right (p < p*) is not decided by these labels.")
    if chosen.coverage < chosen.coverage_random - COVERAGE_LOSS:
        lines.append(
            f"Mind what it leaves out: it covers {100 * chosen.coverage:.0f}% of the pool's mixture of texts, "
            f"random rows {100 * chosen.coverage_random:.0f}%. A larger share may do better."
        )
    if chosen.predicted_delta is not None and found.predictor is not None:
        exploratory = "" if found.predictor.beats_baselines else ", exploratory"
        told = _points(chosen.predicted_delta)
        lines.append(
            f"Predicted against the real rows alone{exploratory}: {told} points (80% interval); {found.predictor.tried}."
        )
    else:
        lines.append("That it beats training on real data alone, or that fewer rows cost nothing, this does not say.")
    return lines


def _doubt(found: Diagnosis, needed: int, entry: Selection) -> str:
    pool = next(pool for pool in found.pools if (pool.seed, pool.slice, pool.pool) == (entry.seed, entry.slice, entry.pool))
    doubt = f"Nearest to it is {_arm(found, entry)}, {_shift(entry.difference)} points."
    if needed > pool.rows:
        there = f"{pool.rows:,}"
        return f"{doubt} To know takes {needed:,} labelled candidates, and there are {there}: write more, or try other rates."
    return f"{doubt} Label about {needed - len(pool.labelled):,} more candidates ({needed:,} in all) to know."


def _worse(found: Diagnosis) -> Iterable[str]:
    """Verifiers that make a pool worse, each at all the rates where they do."""
    rates: dict[str, list[float]] = {}
    for entry in found.selections:
        if entry.against_random == WORSE:
            rates.setdefault(_called(found, entry), []).append(entry.rate)
    for name, worse in rates.items():
        told = ", ".join(f"{100 * rate:g}" for rate in sorted(set(worse)))
        yield f"{name} makes the pool worse: at {told}% what it keeps is worse than random."
