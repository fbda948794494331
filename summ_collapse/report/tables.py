"""One table in every format: CSV, Markdown, LaTeX, HTML, JSON and a Rich table for the terminal.

For people, warnings stand above the table and below it how small a difference it could have called.
"""

import csv
import html
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields

from pydantic import JsonValue
from rich.table import Table

from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.report import notes
from summ_collapse.report.layout import plain
from summ_collapse.report.results import Delta, Entry, Outputs, PredictedDelta, Results, role_order

MARKS = {"helps": "↑ helps", "hurts": "↓ hurts", "undecided": "· undecided"}
LATEX = str.maketrans(
    {character: f"\\{character}" for character in "_%&#${}"}
    | {"<": "$<$", ">": "$>$", "Δ": r"$\Delta$", "±": r"$\pm$", "′": "$'$"}
    | {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "·": r"$\cdot$"}
)

Columns = Mapping[str, "Columns | None"]


def as_csv(entries: Sequence[Entry], metrics: Sequence[str]) -> str:
    """Every number of the entries, in full precision.

    Columns have one order, whatever is known of which arm: the entry's own fields, then `metrics`, then differences by
    baseline. `run` is there where entries name theirs.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(_headings(_columns(entries, metrics))), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(dict(_flat(entry.model_dump())) for entry in entries)
    return buffer.getvalue()


def _columns(entries: Sequence[Entry], metrics: Sequence[str]) -> Columns:
    """All columns, those of one thing below its name."""
    roles = sorted({role for entry in entries for role in entry.vs}, key=role_order)
    inside: dict[str, Columns] = {
        "outputs": _of(Outputs),
        "predicted_delta": _of(PredictedDelta),
        "predicted_vs_random": _of(PredictedDelta),
        "diversity": dict.fromkeys(sorted({name for entry in entries for name in entry.diversity})),
        "attempts": dict.fromkeys(dict.fromkeys(name for entry in entries for name in entry.attempts)),
        "collapse": dict.fromkeys(dict.fromkeys(name for entry in entries for name in entry.collapse)),
        "truncated": dict.fromkeys(sorted({name for entry in entries for name in entry.truncated})),
        "metrics": dict.fromkeys(metrics, _of(Interval)),
        "vs": dict.fromkeys(roles, dict.fromkeys(metrics, _of(Delta))),
    }
    named = any(entry.run is not None for entry in entries)
    return {name: inside.get(name) for name in Entry.model_fields if named or name != "run"}


def _of(kind: type[Interval | Delta | PredictedDelta | Outputs]) -> Columns:
    return dict.fromkeys(field.name for field in fields(kind))


def _headings(columns: Columns, prefix: str = "") -> Iterator[str]:
    for name, inside in columns.items():
        if inside is None:
            yield prefix + name
        else:
            yield from _headings(inside, f"{prefix}{name}.")


def _flat(row: Mapping[str, JsonValue], prefix: str = "") -> Iterator[tuple[str, JsonValue]]:
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield prefix + key, " ".join(map(str, value)) if isinstance(value, list) else value


def as_markdown(runs: Sequence[Results]) -> str:
    headings, *rows = cells(runs)
    table = _lines([headings, ["---"] + ["---:"] * (len(headings) - 1), *rows], "| ", " | ", " |\n")
    return "".join(f"**{line}**\n\n" for line in notes.above(runs)) + table + "".join(f"\n{line}\n" for line in notes.below(runs))


def as_latex(runs: Sequence[Results]) -> str:
    """A tabular; what stands above and below it is in comments, for a caption."""
    headings, *rows = [[text.translate(LATEX) for text in row] for row in cells(runs)]
    head, body = (_lines(part, "", " & ", " \\\\\n") for part in ([headings], rows))
    columns = "l" + "r" * (len(headings) - 1)
    table = f"\\begin{{tabular}}{{{columns}}}\n\\hline\n{head}\\hline\n{body}\\hline\n\\end{{tabular}}\n"
    return _paragraphs(notes.above(runs), "% ", "\n") + table + _paragraphs(notes.below(runs), "% ", "\n")


def as_html(runs: Sequence[Results]) -> str:
    headings, *rows = [[html.escape(text) for text in row] for row in cells(runs)]
    head = _lines([headings], "<tr><th>", "</th><th>", "</th></tr>\n")
    table = f"<table>\n{head}" + _lines(rows, "<tr><td>", "</td><td>", "</td></tr>\n") + "</table>\n"
    above = _paragraphs(map(html.escape, notes.above(runs)), "<p><strong>", "</strong></p>\n")
    return above + table + _paragraphs(map(html.escape, notes.below(runs)), "<p>", "</p>\n")


def _paragraphs(lines: Iterable[str], before: str, after: str) -> str:
    return "".join(before + line + after for line in lines)


def _lines(rows: Sequence[Sequence[str]], before: str, between: str, after: str) -> str:
    return "".join(before + between.join(row) + after for row in rows)


def as_rich(runs: Sequence[Results]) -> Table:
    """All of it, much wider than 80 columns; `report.summary` has a table for these."""
    headings, *rows = cells(runs)
    table = plain(headings, headings[:1])
    for row in rows:
        table.add_row(*row)
    return table


def cells(runs: Sequence[Results]) -> list[list[str]]:
    """The table for people, headings first: means with half an interval, differences, verdicts.

    Intervals of differences are those that hold for all arms together, which verdicts are made from.
    """
    metrics = list(dict.fromkeys(metric for run in runs for metric in run.metrics))
    first = runs[0].metric
    headings = ["arm", "rows", *metrics, f"Δ {first} vs real-slice", "vs random"]
    headings += ["p", "p*", "p′", "coverage", "predicted Δ", "predicted", "observed"]
    rows = [
        [
            entry.arm if entry.run is None else f"{entry.run}: {entry.arm}",
            f"{entry.n_train:,.0f}",
            *(_mean(entry.metrics.get(metric)) for metric in metrics),
            _delta(entry.observed_delta(first)),
            _delta(entry.vs_random(first)),
            *(_share(value) for value in (entry.p, entry.p_star, entry.kept_error, entry.coverage)),
            _predicted(entry.predicted_delta),
            entry.predicted or "",
            _observed(entry),
        ]
        for run in runs
        for entry in run.main
    ]
    return [headings, *rows]


def _observed(entry: Entry) -> str:
    if entry.failed is not None:
        return f"failed: {entry.failed}"
    return MARKS.get(entry.observed or "", "withheld" if entry.withheld else "")


def signed(points: float) -> str:
    """One digit with its sign; what rounds to zero is +0.0 from either side."""
    return f"{round(points, 1) + 0.0:+.1f}"


def _mean(found: Interval | None) -> str:
    return "" if found is None else f"{found.mean:.1f} ±{(found.high - found.low) / 2:.1f}"


def _delta(found: Delta | None) -> str:
    return "" if found is None else f"{signed(found.delta)} [{signed(found.low_all)}, {signed(found.high_all)}]"


def _predicted(found: PredictedDelta | None) -> str:
    return "" if found is None else f"{signed(found.delta)} ±{(found.high - found.low) / 2:.1f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
