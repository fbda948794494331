"""One table in every format: CSV, Markdown, LaTeX, HTML, JSON and a Rich table for the terminal."""

import csv
import html
import io
from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue
from rich.table import Column, Table

from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.report.results import Delta, Entry, PredictedDelta

MARKS = {"helps": "↑ helps", "hurts": "↓ hurts", "undecided": "· undecided"}
LATEX = str.maketrans(
    {"_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "Δ": r"$\Delta$", "±": r"$\pm$", "′": "$'$"}
    | {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "·": r"$\cdot$"}
)


def as_csv(rows: Sequence[Mapping[str, JsonValue]]) -> str:
    """Every number of the entries that are given, in full precision."""
    buffer = io.StringIO()
    flat = [dict(_flat(row)) for row in rows]
    # Arms without a result have fewer columns, and say nothing of the order.
    headings = list(dict.fromkeys(heading for row in sorted(flat, key=len, reverse=True) for heading in row))
    writer = csv.DictWriter(buffer, headings, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return buffer.getvalue()


def _flat(row: Mapping[str, JsonValue], prefix: str = "") -> Iterator[tuple[str, JsonValue]]:
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, " ".join(map(str, value)) if isinstance(value, list) else value


def as_markdown(entries: Sequence[Entry]) -> str:
    headings, *rows = cells(entries)
    return _lines([headings, ["---"] + ["---:"] * (len(headings) - 1), *rows], "| ", " | ", " |\n")


def as_latex(entries: Sequence[Entry]) -> str:
    headings, *rows = [[text.translate(LATEX) for text in row] for row in cells(entries)]
    head, body = (_lines(part, "", " & ", " \\\\\n") for part in ([headings], rows))
    columns = "l" + "r" * (len(headings) - 1)
    return f"\\begin{{tabular}}{{{columns}}}\n\\hline\n{head}\\hline\n{body}\\hline\n\\end{{tabular}}\n"


def as_html(entries: Sequence[Entry]) -> str:
    headings, *rows = [[html.escape(text) for text in row] for row in cells(entries)]
    head = _lines([headings], "<tr><th>", "</th><th>", "</th></tr>\n")
    return f"<table>\n{head}" + _lines(rows, "<tr><td>", "</td><td>", "</td></tr>\n") + "</table>\n"


def _lines(rows: Sequence[Sequence[str]], before: str, between: str, after: str) -> str:
    return "".join(before + between.join(row) + after for row in rows)


def as_rich(entries: Sequence[Entry], title: str) -> Table:
    headings, *rows = cells(entries)
    columns = [Column(heading, justify="right" if place else "left", no_wrap=True) for place, heading in enumerate(headings)]
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    return table


def cells(entries: Sequence[Entry]) -> list[list[str]]:
    """The table for people, headings first: means with half an interval, differences, verdicts."""
    metrics = list(dict.fromkeys(metric for entry in entries for metric in entry.metrics))
    first = metrics[0]
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
            MARKS.get(entry.observed or "", "") if entry.failed is None else f"failed: {entry.failed}",
        ]
        for entry in entries
    ]
    return [headings, *rows]


def signed(points: float) -> str:
    """One digit with its sign; what rounds to zero is +0.0 from either side."""
    return f"{round(points, 1) + 0.0:+.1f}"


def _mean(found: Interval | None) -> str:
    return "" if found is None else f"{found.mean:.1f} ±{(found.high - found.low) / 2:.1f}"


def _delta(found: Delta | None) -> str:
    return "" if found is None else f"{signed(found.delta)} [{signed(found.low)}, {signed(found.high)}]"


def _predicted(found: PredictedDelta | None) -> str:
    return "" if found is None else f"{signed(found.delta)} ±{(found.high - found.low) / 2:.1f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
