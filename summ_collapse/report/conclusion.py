"""The answer to a run's question, in a sentence with its numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from summ_collapse.experiment.arms import MIXTURE, VERDICT_BASELINE
from summ_collapse.report.layout import KEPT
from summ_collapse.report.lines.trends import last_of_lines
from summ_collapse.report.results import Delta, Entry, Results
from summ_collapse.report.tables import signed

NAMED = 3  # arms that a sentence names of each kind
ALONE = f"real data alone ({VERDICT_BASELINE})"
RANDOM, UNFILTERED = "random", "unfiltered"


def best(entries: Sequence[Entry], metric: str) -> list[Entry]:
    """The best arm of every verifier, method and pool, random ones aside; the best of these first."""

    def worth(entry: Entry) -> tuple[bool, float]:
        found = entry.metrics.get(metric)
        return verdict_of(entry) == "helps", float("-inf") if found is None else found.mean

    groups: dict[tuple[float | str | None, ...], list[Entry]] = {}
    for entry in entries:
        if entry.verifier is not None and entry.verifier_kind != RANDOM:
            groups.setdefault((*entry.of, entry.regime, entry.method, entry.verifier), []).append(entry)
    return sorted((max(group, key=worth) for group in groups.values()), key=worth, reverse=True)


@dataclass(frozen=True)
class _Told:
    """An arm as a sentence tells of it."""

    name: str
    delta: Delta
    verdict: str | None
    random: Delta | None


def conclusion(results: Results) -> str:
    """What training on generated data did, in a sentence with its numbers, and the smallest difference that could be seen."""
    metric = results.metric
    several = len({entry.slice for entry in results.main} - {None}) > 1
    # Mixtures are told of by themselves: beside their own real rows, not beside the generator's.
    main = [entry for entry in last_of_lines(results.main) if entry.method != MIXTURE]
    generated = [entry for entry in main if entry.verifier is not None or entry.control in (None, UNFILTERED)]
    # Of the best of each verifier, and of what no verifier had a part in; random rows are of note where they help.
    lucky = [entry for entry in generated if entry.verifier_kind == RANDOM and verdict_of(entry) == "helps"]
    answers = best(generated, metric) + [entry for entry in generated if entry.verifier is None] + lucky
    told = [
        _Told(_called(entry, several), delta, verdict_of(entry), _beside(entry, metric))
        for entry in answers
        if (delta := entry.observed_delta(metric)) is not None
    ]
    if not told:
        return "No arm that was trained on generated data can be compared with real data."
    if len(seeds_of(results)) == 1:
        top = max(told, key=lambda arm: arm.delta.delta)
        return (
            f"One seed: training's own luck is not in the intervals, so there is no verdict. The best on generated data, "
            f"{top.name}, differs from {ALONE} by {with_interval(top.delta)} points of {metric}."
        )
    smallest = results.smallest.get(metric)
    reach = "" if smallest is None else f" The smallest difference that this table could have called is {smallest:.1f} points."
    worse = sum(verdict_of(entry) == "hurts" for entry in generated)
    return _answer(told, worse, metric, len(seeds_of(results))) + reach


def _beside(entry: Entry, metric: str) -> Delta | None:
    return None if entry.verifier_kind in (None, RANDOM) else entry.vs_random(metric)


def _answer(told: Sequence[_Told], worse: int, metric: str, seeds: int) -> str:
    """The sentence on these arms; `worse` is how many of all arms do worse than real data alone."""
    helps, hurts, undecided = ([arm for arm in told if arm.verdict == verdict] for verdict in ("helps", "hurts", "undecided"))
    if not (helps or hurts or undecided):
        return "There is no conclusion: all verdicts are withheld."
    if not (helps or hurts):
        top = max(undecided, key=lambda arm: arm.delta.delta)
        best_of_all = f"with {seeds} seeds; the best, {top.name}, differs by {with_interval(top.delta)} points of {metric}"
        if worse:
            return (
                f"No arm trained on generated data beats {ALONE} {best_of_all}, and {worse} do{'es' if worse == 1 else ''} worse."
            )
        return f"No arm trained on generated data can be told from {ALONE} {best_of_all}."
    parts = []
    if helps:
        top, *others = sorted(helps, key=lambda arm: -arm.delta.delta)
        parts.append(f"{top.name} beats {ALONE} by {_apart(top.delta)} points of {metric}{_beside_random(top)}")
        parts += _named([f"{arm.name} beats it by {_apart(arm.delta)}" for arm in others], " beat it")
    else:
        parts.append(f"No arm trained on generated data beats real data alone ({VERDICT_BASELINE}; points of {metric})")
    parts += _named([f"{arm.name} does worse by {_apart(arm.delta)}" for arm in hurts], " do worse")
    if undecided:
        parts.append(f"{' and '.join(_named([arm.name for arm in undecided]))} cannot be told from it")
    return f"{'; '.join(parts)}."


def _named(texts: list[str], what: str = "") -> list[str]:
    """So many of them, and how many more there are that do `what`."""
    left = len(texts) - NAMED
    return texts[:NAMED] + ([f"{left} more{what}"] if left > 0 else [])


def _beside_random(arm: _Told) -> str:
    """What is known of the verifier itself: random rows at the same rate had no say of it."""
    if arm.random is None:
        return ""
    if arm.random.low_all > 0:
        return f", and as many random rows by {_apart(arm.random)}"
    how = "is worse than" if arm.random.high_all < 0 else "cannot be told from"
    return f", but {how} as many random rows ({with_interval(arm.random)})"


def seeds_of(results: Results) -> list[int]:
    """Over which seeds the table is."""
    return results.main[0].seeds


def verdict_of(entry: Entry) -> str | None:
    """helps, hurts or undecided, where there is a verdict: not under one seed, and not where it is withheld."""
    return None if len(entry.seeds) == 1 or entry.withheld is not None else entry.observed


def with_interval(found: Delta | None) -> str:
    """A difference with its interval for all arms at once, signs and all."""
    if found is None:
        return ""
    return f"{signed(found.delta)}{KEPT}[{signed(found.low_all)},{KEPT}{signed(found.high_all)}]"


def _apart(found: Delta) -> str:
    """How far arms are apart, whichever is ahead."""
    low, high = (found.low_all, found.high_all) if found.delta > 0 else (-found.high_all, -found.low_all)
    return f"{abs(found.delta):.1f}{KEPT}[{low:.1f},{KEPT}{high:.1f}]"


def _called(entry: Entry, several: bool) -> str:
    """An arm's name for a sentence; with the generator's slice where there are several."""
    if entry.regime is not None:
        return entry.arm
    parts = [
        entry.pool,
        entry.method or entry.verifier or entry.control or entry.arm,
        entry.variant,
        None if entry.rate is None else f"{100 * entry.rate:g}%",
    ]
    told = KEPT.join(part for part in parts if part is not None)
    return f"{told} of the {100 * entry.slice:g}% slice" if several and entry.slice is not None else told
