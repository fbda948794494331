"""What a reader sees first of a run, in 80 columns: the arms that answer the question, and the answer in a sentence.

    for line in summary(results, Path("runs/demo"), ["demo"]):
        print(line)

All arms and metrics are in the report's files.
"""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.table import Table

from summ_collapse.experiment.arms import GENERATOR_ROLE, MIXTURE, VERDICT_BASELINE
from summ_collapse.report.conclusion import RANDOM, UNFILTERED, best, conclusion, seeds_of, verdict_of, with_interval
from summ_collapse.report.layout import WIDTH, plain, rendered, wrapped
from summ_collapse.report.lines.certificates import told as certified
from summ_collapse.report.lines.efficiency import FEWEST_SIZES
from summ_collapse.report.lines.mixtures import answer
from summ_collapse.report.lines.trends import last_of_lines, lines_of
from summ_collapse.report.results import Claim, Entry, Results
from summ_collapse.report.tables import MARKS

MOST = 10  # rows of the table
FAILURES = 3  # arms whose failure is told
CONTROLS = (VERDICT_BASELINE, "real-full", GENERATOR_ROLE, UNFILTERED)
LEAD = "lead"
VERDICTS = ("holds", "does not hold", "undecided")  # of a claim


def summary(results: Results, out: Path, recipe: Sequence[str]) -> list[str]:
    """Warnings, a table, what it says, what its columns mean, and where to go on; lines of up to 80 columns.

    `out` is the run's folder, `recipe` the words of the command line that name the recipe and what it replaces of it.
    """
    shown = chosen(last_of_lines(results.main), results.metric)
    left = len(results.main) - len(shown)
    lines = [*opening(results), *rendered(table(shown, results.metric))]
    if left:
        lines.append(f"{left} more arm{'s' if left > 1 else ''}: --wide, or table.csv in the report")
    return [*lines, "", *closing(results, out, recipe)]


def opening(results: Results) -> list[str]:
    """What stands above any table of a run: its warnings, its name, and what was drawn."""
    seeds = seeds_of(results)
    lines = [line for warning in results.warnings for line in wrapped(f"warning: {warning}")]
    lines += [""] if lines else []
    over = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
    return [*lines, *wrapped(f"{results.recipe}: {results.test_rows:,} test rows, {over}"), ""]


def closing(results: Results, out: Path, recipe: Sequence[str]) -> list[str]:
    """What stands below any table of a run."""
    lines = [*_failures(results), *wrapped(conclusion(results), indent=""), "", *_further(results)]
    lines += [*wrapped(meaning(results), indent=""), ""]
    lines += [*_claims(results), ""] if results.claims else []
    # Each on a line of its own, and whole: they are there to be copied.
    return [
        *lines,
        f"report: {out / 'report'}",
        f"figure: {out / 'report' / 'figures' / f'{_figure(results)}.svg'}",
        *_copied(["next:  ", *_next(results, out, recipe)]),
    ]


def table(entries: Sequence[Entry], metric: str) -> Table:
    """Arms with their rows, a metric, the difference from the real slice and its verdict, in 80 columns."""
    rows = [
        [
            entry.arm,
            f"{entry.n_train:,.0f}",
            "" if metric not in entry.metrics else f"{entry.metrics[metric].mean:.1f}",
            with_interval(entry.observed_delta(metric)),
            _mark(entry),
        ]
        for entry in entries
    ]
    headings = ["arm", "rows", metric, "Δ real-slice", "verdict"]
    if not any(row[-1] for row in rows):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    found = plain(headings, {"arm", "verdict"})
    for row in rows:
        found.add_row(*row)
    return found


def chosen(entries: Sequence[Entry], metric: str) -> list[Entry]:
    """At most MOST of them, pool by pool: controls, every verifier's best arm, and random rows at the same rate.

    Where there are more, the best of each pool comes before its other verifiers, and these before their random rows.
    """
    wanted: list[tuple[int, Entry]] = []
    pools = list(dict.fromkeys(entry.of for entry in entries))
    for pool in sorted(pools, key=lambda pool: pool != (None, None)):
        wanted += _wanted([entry for entry in entries if entry.of == pool], metric)
    ranks: dict[str, int] = {}
    for rank, entry in wanted:
        ranks[entry.arm] = min(rank, ranks.get(entry.arm, rank))  # two arms may stand beside the same random rows
    kept = sorted(ranks, key=ranks.__getitem__)[:MOST]
    return list({entry.arm: entry for _, entry in wanted if entry.arm in kept}.values())


def _wanted(pool: Sequence[Entry], metric: str) -> Iterator[tuple[int, Entry]]:
    """The entries that a table of one pool would have, in its order, each with its rank; 0 is the last to be left out."""
    controls = [entry for entry in pool if entry.control not in (None, LEAD)]
    places = {control: place for place, control in enumerate(CONTROLS)}
    for entry in sorted(controls, key=lambda entry: places.get(entry.control or "", len(places))):
        yield {VERDICT_BASELINE: 0, "real-full": 0, UNFILTERED: 1}.get(entry.control or "", 2), entry
    for entry in pool:
        if entry.control is None and entry.verifier is None:  # of another design
            yield 3, entry
    for place, entry in enumerate(best(pool, metric)):
        yield 3 if place else 0, entry
        beside = next((other for other in pool if other.verifier_kind == RANDOM and _alike(other, entry)), None)
        if beside is not None:
            yield 4 if place else 1, beside


def _alike(one: Entry, other: Entry) -> bool:
    """Whether both keep as much of their pool; what a threshold keeps is known by its rows alone."""
    return one.rate == other.rate and (one.rate is not None or one.n_train == other.n_train)


def meaning(results: Results) -> str:
    """What the columns mean."""
    luck = "all arms together" if len(seeds_of(results)) > 1 else "the test rows alone"
    controls = {entry.control: entry for entry in results.main}
    generator = controls.get(GENERATOR_ROLE)
    same = VERDICT_BASELINE in controls and generator is not None and generator.metrics and not generator.vs
    return (
        f"rows: trained on. Δ: {results.metric} less that of {VERDICT_BASELINE} (trained alike, on the generator's own real "
        f"rows{'; here the generator itself' if same else ''}), with its 95% interval for {luck}."
    )


def _figure(results: Results) -> str:
    """The one that answers the question."""
    if lines_of(results.main):
        return "generations"
    if any(entry.method == MIXTURE for entry in results.main):
        return "mixtures"
    return "efficiency" if len({entry.slice for entry in results.main if entry.method is not None}) >= FEWEST_SIZES else "rates"


def _further(results: Results) -> list[str]:
    """Which mixture of real and synthetic rows did best, and what is certified of selections; where there is any of it."""
    told = [text for text in (answer(results), certified(results.certificates)) if text is not None]
    return [line for text in told for line in (*wrapped(text, indent=""), "")]


def _failures(results: Results) -> list[str]:
    failed = [(entry.arm, entry.failed) for entry in results.main if entry.failed is not None]
    lines = [line for arm, reason in failed[:FAILURES] for line in wrapped(f"failed: {arm}: {reason}")]
    left = len(failed) - FAILURES
    lines += [f"failed: {left} more arm{'s' if left > 1 else ''}; see table.csv"] if left > 0 else []
    return [*lines, ""] if lines else []


def _claims(results: Results) -> list[str]:
    """What the papers say of generations and what was found, a line a claim; numbers where one line of generations decides."""
    told = ["What the papers claim of generations (claims.csv has the numbers):"]
    for claim in dict.fromkeys(claim.claim for claim in results.claims):
        same = [one for one in results.claims if one.claim == claim]
        if len(same) == 1:
            found = f"{same[0].verdict} ({_number(same[0])}; {same[0].expected})"
        else:
            several = len({one.slice for one in same}) > 1
            names = {one: f"g{one.slice:g}-{one.regime}" if several and one.slice is not None else one.regime for one in same}
            counts = {verdict: [names[one] for one in same if one.verdict == verdict] for verdict in VERDICTS}
            found = "; ".join(f"{verdict} for {', '.join(lines)}" for verdict, lines in counts.items() if lines)
        told += wrapped(f"- {claim}: {found}")
    return told


def _number(claim: Claim) -> str:
    bounds = "" if claim.low is None or claim.high is None else f" [{claim.low:.2f}, {claim.high:.2f}]"
    return f"{claim.value:.2f}{bounds}"


def _next(results: Results, out: Path, recipe: Sequence[str]) -> list[str]:
    """The words of a command that says more: further seeds, or what could have been known before."""
    seeds, folder = seeds_of(results), shlex.quote(str(out))
    if len(seeds) > 1:
        return ["summ-collapse", "diagnose", folder]
    named = [shlex.quote(word) for word in recipe if not word.startswith("seeds=")]
    more = ",".join(str(seeds[0] + further) for further in range(3))
    return ["summ-collapse", "run", *named, f'"seeds=[{more}]"', "--jobs 2", f"--out {folder}"]


def _copied(words: Sequence[str]) -> list[str]:
    """Words in lines that a shell takes for one."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + len("  \\") > WIDTH:
            lines[-1] += " \\"
            lines.append(" " * len(words[0]) + "  ")
        lines[-1] += f" {word}"
    return lines


def _mark(entry: Entry) -> str:
    if entry.failed is not None:
        return "failed"
    return "withheld" if entry.withheld is not None else MARKS.get(verdict_of(entry) or "", "")
