"""What stands above and below a table, in plain words: its warnings, and how small a difference it could have called."""

from collections.abc import Sequence

from summ_collapse.report.results import Results


def above(runs: Sequence[Results]) -> list[str]:
    """The warnings of all runs."""
    return [f"{_named(run)}{warning}" for run in runs for warning in run.warnings]


def below(runs: Sequence[Results]) -> list[str]:
    """What each run's table could see."""
    return [f"{_named(run)}{reach(run)}" for run in runs]


def reach(results: Results) -> str:
    """The smallest callable difference from the real slice, with what it rests on."""
    seeds = max(len(entry.seeds) for entry in results.main)
    rests = f"{results.test_rows:,} test rows, " + ("one seed" if seeds == 1 else f"{seeds} seeds")
    known = [f"{points:.1f} in {metric}" for metric, points in results.smallest.items() if points is not None]
    if not known:
        return f"{rests}: there is no difference from real-slice to call"
    if seeds == 1:
        return f"{rests}: by the rows alone, differences from real-slice of {', '.join(known)} would show (power 80%)"
    return f"{rests}: the smallest difference from real-slice that this table could have called is {', '.join(known)} (power 80%)"


def _named(run: Results) -> str:
    name = run.arms[0].run
    return f"{name}: " if name else ""
