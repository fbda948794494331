"""A diagnosis for people: a table, a row a verifier and rate, and what to do about it in a few plain lines."""

import math
from collections.abc import Sequence

from rich.table import Table

from summ_collapse.diagnose.diagnosis import Diagnosis, Ranking, Selection, best_arm
from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.report.tables import MARKS, signed

# A selection that covers this much less of the pool than as many random rows deserves a word.
COVERAGE_LOSS = 0.1
HEADINGS = ("verifier", "keep", "rows", "score ≥", "p", "φ", "ψ", "p*", "p′", "AUC", "coverage", "predicted Δ", "predicted")


def as_rich(found: Diagnosis) -> Table:
    """Estimates with their 95% intervals, in percent."""
    labelled = " and ".join(f"{len(pool.labelled):,} of {pool.rows:,}" for pool in found.pools)
    wrong = f"{found.question.metric} below {found.question.wrong_below:g}"
    title = f"{labelled} candidates have a reference; wrong is {wrong}; numbers in %"
    table = Table(title=title, title_justify="left")
    for place, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if place == 0 else "right", no_wrap=True)
    rankings = {(ranking.name, ranking.seed, ranking.slice): ranking for ranking in found.rankings}
    for entry in found.selections:
        table.add_row(*_cells(found, entry, rankings[(entry.name, entry.seed, entry.slice)]))
    return table


def _cells(found: Diagnosis, entry: Selection, ranking: Ranking) -> list[str]:
    estimates = entry.estimates
    shares = (estimates.p, estimates.phi, estimates.psi, estimates.p_star, estimates.kept_error, ranking.auc)
    return [
        _called(found, entry, f"@{entry.seed}" if _several_seeds(found) else "") + (" (oracle)" if entry.oracle else ""),
        f"{100 * entry.rate:g}",
        f"{entry.kept_rows:,}",
        "" if entry.threshold is None else f"{entry.threshold:.4g}",
        *map(_percent, shares),
        f"{100 * entry.coverage:.0f} of {100 * entry.coverage_random:.0f}",
        _points(entry.predicted_delta),
        MARKS[entry.predicted],
    ]


def _called(found: Diagnosis, entry: Selection, seed: str = "") -> str:
    """Which generator it is about, where there are several, as arms are called; the verifier; and whether it is within strata."""
    prefix = f"g{entry.slice:g}-" if len({pool.slice for pool in found.pools}) > 1 else ""
    return f"{prefix}{entry.name}{seed}{' in strata' if entry.across == 'strata' else ''}"


def _several_seeds(found: Diagnosis) -> bool:
    return len({pool.seed for pool in found.pools}) > 1


def _percent(share: Interval | None) -> str:
    return "" if share is None else f"{100 * share.mean:.1f} [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def _points(delta: Interval | None) -> str:
    """The predicted difference, in points of the metric, with its 80% interval."""
    return "" if delta is None else f"{signed(delta.mean)} [{signed(delta.low)}, {signed(delta.high)}]"


def conclusions(found: Diagnosis) -> list[str]:
    """What to do, a sentence a line."""
    lines = _advice(found)
    if any(len(pool.labelled) < pool.rows for pool in found.pools):
        lines.append(
            "Shares are estimated from the candidates that have a reference; they hold for all if those are a random draw."
        )
    lines += [
        f"{ranking.name}: {ranking.nan_scores:,} scores are NaN; these rows are never kept"
        for ranking in found.rankings
        if ranking.nan_scores
    ]
    lines += [
        f"strata are clusters of the texts of {len(pool.strata.rows):,} of {pool.rows:,} candidates, drawn at random; "
        "selections within strata are left out"
        for pool in found.pools
        if len(pool.strata.rows) < pool.rows
    ]
    return lines


def _advice(found: Diagnosis) -> list[str]:
    entries = [entry for entry in found.selections if not entry.oracle]
    if found.recommended is not None:
        return _recommended(found, found.recommended)
    # Labels that would only show an expected harm are not worth their price.
    doubtful = [
        (entry.labels_needed, entry)
        for entry in entries
        if entry.predicted == "undecided"
        and entry.labels_needed is not None
        and (entry.predicted_delta is None or entry.predicted_delta.mean > 0)
    ]
    if doubtful:
        return [_doubt(found, *min(doubtful, key=lambda pair: pair[0]))]
    if any(entry.criterion == "predictor" for entry in entries):
        return [_undecidable(found, entries)]
    if any(entry.predicted == "undecided" for entry in entries):
        return [
            "Undecided: too little of what is kept has a reference, or just half of it is wrong. Label more, or another rate."
        ]
    if entries and all(entry.predicted == "hurts" for entry in entries):
        return ["Don't train on this: at every rate here most of what any verifier keeps is wrong (p′ above 1/2)."]
    return ["No verifier helps under every seed."]


def _undecidable(found: Diagnosis, entries: Sequence[Selection]) -> str:
    """Where the formula itself is not sure, no labels help."""
    predicted = [entry for entry in entries if entry.predicted_delta is not None]
    best = best_arm(predicted, lambda entry: entry.predicted_delta.mean if entry.predicted_delta else -math.inf)
    assert best is not None, "nothing was predicted"
    told = f"{_called(found, best)} at {100 * best.rate:g}% comes nearest: {_points(best.predicted_delta)} points"
    seeds = " under its worst seed" if _several_seeds(found) else ""
    if best.predicted == "hurts":
        return f"Don't train on this: every selection here is predicted to do worse than the real rows alone. {told}{seeds}."
    return (
        f"Undecided: no selection here is predicted to beat the real rows alone. {told}{seeds}; more labels would not decide it."
    )


def _recommended(found: Diagnosis, chosen: Selection) -> list[str]:
    ours = [entry for entry in found.selections if entry.arm == chosen.arm]
    worst = max(ours, key=lambda entry: entry.estimates.kept_error.high if entry.estimates.kept_error else 0.0)
    kept = f"Train on this: keep {100 * worst.rate:g}% by {_called(found, worst)} ({worst.kept_rows:,} rows)"
    wrong = f"{_percent(worst.estimates.kept_error)}% of them are wrong"
    if worst.criterion == "predictor":
        least_sure = _points(chosen.predicted_delta)
        return [f"{kept}. Predicted against the real rows alone: {least_sure} points (80% interval); {wrong}."]
    lines = [f"{kept}; {wrong}, fewer than half."]
    least = min(ours, key=lambda entry: entry.coverage)
    if least.coverage < least.coverage_random - COVERAGE_LOSS:
        lines.append(
            f"Mind what it leaves out: it covers {100 * least.coverage:.0f}% of the pool's mixture of texts, "
            f"random rows {100 * least.coverage_random:.0f}%. A larger share may do better."
        )
    lines.append("The criterion (p < p*) tells collapse from no collapse; whether this beats real data alone, it does not say.")
    return lines


def _doubt(found: Diagnosis, needed: int, entry: Selection) -> str:
    pool = next(pool for pool in found.pools if (pool.seed, pool.slice) == (entry.seed, entry.slice))
    wrong = _percent(entry.estimates.kept_error)
    doubt = f"Undecided: of what {_called(found, entry)} keeps at {100 * entry.rate:g}%, {wrong}% are wrong. "
    if needed > pool.rows:
        there = f"{pool.rows:,}"
        return f"{doubt}To know takes {needed:,} labelled candidates, and there are {there}: write more, or try other rates."
    return f"{doubt}Label about {max(1, needed - len(pool.labelled)):,} more candidates ({needed:,} in all) to know."
