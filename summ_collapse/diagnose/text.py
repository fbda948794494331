"""A diagnosis for people: a table, a row a verifier and rate, and what to do about it in a few plain lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from summ_collapse.predict.verdict import ARM
from summ_collapse.report.tables import MARKS, signed

# A selection that covers this much less of the pool than as many random rows deserves a word.
COVERAGE_LOSS = 0.1
HEADINGS = ("verifier", "keep", "rows", "score ≥", "p", "φ", "ψ", "p*", "p′", "AUC", "coverage", "predicted Δ", "predicted")


def as_rich(found: Mapping[str, Any]) -> Table:
    """Estimates with their 95% intervals, in percent."""
    table = Table(title=_title(found), title_justify="left")
    for place, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if place == 0 else "right", no_wrap=True)
    rankings = {(ranking["name"], *_pool_of(ranking)): ranking for ranking in found["rankings"]}
    for entry in [*found["verifiers"], *found["stratified"]]:
        table.add_row(*_cells(entry, rankings[(entry["name"], *_pool_of(entry))], found["pools"]))
    return table


def _title(found: Mapping[str, Any]) -> str:
    pools = found["pools"]
    labelled = " and ".join(f"{pool['labelled']:,} of {pool['candidates']:,}" for pool in pools)
    return f"{labelled} candidates have a reference; wrong is {found['metric']} below {found['wrong_below']:g}; numbers in %"


def _cells(entry: Mapping[str, Any], ranking: Mapping[str, Any], pools: Sequence[Mapping[str, Any]]) -> list[str]:
    name = _prefix(entry, pools) + entry["name"]
    if len({pool["seed"] for pool in pools}) > 1:
        name += f"@{entry['seed']}"
    name += " in strata" if entry["across"] == "strata" else ""
    name += " (oracle)" if entry["oracle"] else ""
    return [
        name,
        f"{100 * entry['rate']:g}",
        f"{entry['kept_rows']:,}",
        "" if entry["threshold"] is None else f"{entry['threshold']:.4g}",
        *(_interval(entry, estimate) for estimate in ("p", "phi", "psi", "p_star", "kept_error")),
        _interval(ranking, "auc"),
        f"{100 * entry['coverage']:.0f} of {100 * entry['coverage_random']:.0f}",
        _points(entry),
        MARKS[entry["predicted"]],
    ]


def _pool_of(entry: Mapping[str, Any]) -> tuple[int | None, float | None]:
    return entry["seed"], entry["slice"]


def _prefix(entry: Mapping[str, Any], pools: Sequence[Mapping[str, Any]]) -> str:
    """Which generator it is about, where there are several; as arms are called."""
    return f"g{entry['slice']:g}-" if len({pool["slice"] for pool in pools}) > 1 else ""


def _interval(entry: Mapping[str, Any], name: str) -> str:
    if entry[name] is None:
        return ""
    return f"{100 * entry[name]:.1f} [{100 * entry[f'{name}_low']:.1f}, {100 * entry[f'{name}_high']:.1f}]"


def _points(entry: Mapping[str, Any]) -> str:
    """The predicted difference, in points of the metric, with its 80% interval."""
    if entry["predicted_delta"] is None:
        return ""
    low, high = signed(entry["predicted_delta_low"]), signed(entry["predicted_delta_high"])
    return f"{signed(entry['predicted_delta'])} [{low}, {high}]"


def conclusions(found: Mapping[str, Any]) -> list[str]:
    """What to do, a sentence a line."""
    lines = _advice(found)
    if any(pool["labelled"] < pool["candidates"] for pool in found["pools"]):
        lines.append(
            "Shares are estimated from the candidates that have a reference; they hold for all if those are a random draw."
        )
    lines += [
        f"{ranking['name']}: {ranking['nan_scores']:,} scores are NaN; these rows are never kept"
        for ranking in found["rankings"]
        if ranking["nan_scores"]
    ]
    lines += [
        f"strata are clusters of the texts of {pool['strata']['rows']:,} of {pool['candidates']:,} candidates, drawn at random; "
        "selections within strata are left out"
        for pool in found["pools"]
        if pool["strata"]["rows"] < pool["candidates"]
    ]
    return lines


def _advice(found: Mapping[str, Any]) -> list[str]:
    chosen = found["recommended"]
    entries = [entry for entry in [*found["verifiers"], *found["stratified"]] if not entry["oracle"]]
    if chosen is not None:
        return _recommended(chosen, entries, found["pools"])
    doubtful = [entry for entry in entries if entry["predicted"] == "undecided" and entry["labels_needed"] is not None]
    # Labels that would only show an expected harm are not worth their price.
    doubtful = [entry for entry in doubtful if entry["predicted_delta"] is None or entry["predicted_delta"] > 0]
    if doubtful:
        return [_doubt(found, min(doubtful, key=lambda entry: entry["labels_needed"]))]
    if any(entry["criterion"] == "predictor" for entry in entries):
        return [_undecidable(found, entries)]
    if any(entry["predicted"] == "undecided" for entry in entries):
        return [
            "Undecided: too little of what is kept has a reference, or just half of it is wrong. Label more, or another rate."
        ]
    if entries and all(entry["predicted"] == "hurts" for entry in entries):
        return ["Don't train on this: at every rate here most of what any verifier keeps is wrong (p′ above 1/2)."]
    return ["No verifier helps under every seed."]


def _undecidable(found: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> str:
    """Where the formula itself is not sure, no labels help. An arm is worth what it is under its worst seed."""
    worst: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for entry in entries:
        arm = tuple(entry[key] for key in ARM)
        if entry["predicted_delta"] is not None and (
            arm not in worst or entry["predicted_delta"] < worst[arm]["predicted_delta"]
        ):
            worst[arm] = entry
    best = max(worst.values(), key=lambda entry: entry["predicted_delta"])
    told = f"{_prefix(best, found['pools'])}{_way(best)} at {100 * best['rate']:g}% comes nearest: {_points(best)} points"
    seeds = " under its worst seed" if len({pool["seed"] for pool in found["pools"]}) > 1 else ""
    if best["predicted"] == "hurts":
        return f"Don't train on this: every selection here is predicted to do worse than the real rows alone. {told}{seeds}."
    return (
        f"Undecided: no selection here is predicted to beat the real rows alone. {told}{seeds}; more labels would not decide it."
    )


def _way(entry: Mapping[str, Any]) -> str:
    """The verifier, and how it selects where that is not over the whole corpus."""
    return f"{entry['name']} in strata" if entry["across"] == "strata" else str(entry["name"])


def _recommended(
    chosen: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], pools: Sequence[Mapping[str, Any]]
) -> list[str]:
    found = [entry for entry in entries if all(entry[key] == chosen[key] for key in ARM)]
    worst = max(found, key=lambda entry: entry["kept_error_high"])
    name = _prefix(chosen, pools) + _way(chosen)
    if worst["criterion"] == "predictor":
        least_sure = min(found, key=lambda entry: entry["predicted_delta_low"])
        return [
            f"Train on this: keep {100 * chosen['rate']:g}% by {name} ({worst['kept_rows']:,} rows). Predicted against the real "
            f"rows alone: {_points(least_sure)} points (80% interval); {_interval(worst, 'kept_error')}% of them are wrong."
        ]
    lines = [
        f"Train on this: keep {100 * chosen['rate']:g}% by {name} ({worst['kept_rows']:,} rows); "
        f"{_interval(worst, 'kept_error')}% of them are wrong, fewer than half."
    ]
    least = min(found, key=lambda entry: entry["coverage"])
    if least["coverage"] < least["coverage_random"] - COVERAGE_LOSS:
        lines.append(
            f"Mind what it leaves out: it covers {100 * least['coverage']:.0f}% of the pool's mixture of texts, "
            f"random rows {100 * least['coverage_random']:.0f}%. A larger share may do better."
        )
    lines.append("The criterion (p < p*) tells collapse from no collapse; whether this beats real data alone, it does not say.")
    return lines


def _doubt(found: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    pool = next(pool for pool in found["pools"] if _pool_of(pool) == _pool_of(entry))
    name = _prefix(entry, found["pools"]) + _way(entry)
    doubt = f"Undecided: of what {name} keeps at {100 * entry['rate']:g}%, {_interval(entry, 'kept_error')}% are wrong. "
    needed = entry["labels_needed"]
    if needed > pool["candidates"]:
        there = f"{pool['candidates']:,}"
        return f"{doubt}To know takes {needed:,} labelled candidates, and there are {there}: write more, or try other rates."
    return f"{doubt}Label about {max(1, needed - pool['labelled']):,} more candidates ({needed:,} in all) to know."
