"""One table in every format: CSV, Markdown, LaTeX, HTML, JSON and a Rich table for the terminal."""

import csv
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

Cell = tuple[str, str]  # heading, text

MARKS = {"helps": "↑ helps", "hurts": "↓ hurts", "undecided": "· undecided"}


def main_entries(results: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The entries that a table shows: pooled over seeds where there are several."""
    pooled = [arm for arm in results["arms"] if arm["seed"] is None]
    return pooled or list(results["arms"])


def as_csv(results: Mapping[str, Any]) -> str:
    """Every entry, every number, full precision."""
    buffer = io.StringIO()
    rows = [_flat(arm) for arm in results["arms"]]
    headings = list(dict.fromkeys(heading for row in rows for heading in row))
    writer = csv.DictWriter(buffer, headings, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def _flat(arm: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in arm.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}."))
        elif isinstance(value, list):
            flat[prefix + key] = " ".join(map(str, value))
        else:
            flat[prefix + key] = "" if value is None else repr(value) if isinstance(value, float) else str(value)
    return flat


def as_markdown(results: Mapping[str, Any]) -> str:
    headings, rows = cells(results)
    lines = [headings, ["---"] + ["---:"] * (len(headings) - 1), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def as_latex(results: Mapping[str, Any]) -> str:
    headings, rows = cells(results)
    body = "".join(" & ".join(map(_latex, row)) + " \\\\\n" for row in rows)
    columns = "l" + "r" * (len(headings) - 1)
    head = " & ".join(map(_latex, headings))
    return f"\\begin{{tabular}}{{{columns}}}\n\\hline\n{head} \\\\\n\\hline\n{body}\\hline\n\\end{{tabular}}\n"


def as_html(results: Mapping[str, Any]) -> str:
    headings, rows = cells(results)
    head = "".join(f"<th>{html.escape(heading)}</th>" for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>\n" for row in rows)
    return f"<table>\n<tr>{head}</tr>\n{body}</table>\n"


def as_rich(results: Mapping[str, Any], title: str) -> Table:
    headings, rows = cells(results)
    table = Table(title=title, title_justify="left")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def cells(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of the table for people: means with half an interval, differences, verdicts."""
    entries = main_entries(results)
    metrics = list(entries[0]["metrics"])
    first = metrics[0]
    headings = ["arm", "rows", *metrics, f"Δ {first} vs real-slice", "vs random"]
    headings += ["p", "p*", "p′", "coverage", "predicted Δ", "predicted", "observed"]
    rows = [
        [
            entry["arm"] if "run" not in entry else f"{entry['run']}: {entry['arm']}",
            f"{entry['n_train']:,.0f}",
            *(_mean(entry["metrics"].get(metric)) for metric in metrics),
            _delta(entry["vs"], "real-slice", first),
            _delta(entry["vs"], _random_of(entry["vs"]), first),
            *(_share(entry[name]) for name in ("p", "p_star", "kept_error", "coverage")),
            _predicted(entry["predicted_delta"]),
            entry["predicted"] or "",
            MARKS.get(entry["observed"] or "", ""),
        ]
        for entry in entries
    ]
    return headings, rows


def _random_of(versus: Mapping[str, Any]) -> str:
    return next((name for name in versus if name not in ("real-slice", "generator")), "")


def signed(points: float) -> str:
    """One digit with its sign; what rounds to zero is +0.0 from either side."""
    return f"{round(points, 1) + 0.0:+.1f}"


def _mean(found: Mapping[str, float] | None) -> str:
    return "" if found is None else f"{found['mean']:.1f} ±{(found['high'] - found['low']) / 2:.1f}"


def _delta(versus: Mapping[str, Any], baseline: str, metric: str) -> str:
    found = versus.get(baseline, {}).get(metric)
    return "" if found is None else f"{signed(found['delta'])} [{signed(found['low'])}, {signed(found['high'])}]"


def _predicted(found: Mapping[str, float] | None) -> str:
    return "" if found is None else f"{signed(found['delta'])} ±{(found['high'] - found['low']) / 2:.1f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _latex(text: str) -> str:
    replaced = {"_": r"\_", "%": r"\%", "&": r"\&", "Δ": r"$\Delta$", "±": r"$\pm$", "′": "$'$", "↑": r"$\uparrow$"}
    replaced |= {"↓": r"$\downarrow$", "·": r"$\cdot$", "#": r"\#"}
    return "".join(replaced.get(letter, letter) for letter in text)


def pooled_runs(named: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Several runs' entries in one table; each names its run."""
    arms = [{"run": name, **entry} for name, results in named for entry in main_entries(results)]
    return {"runs": [name for name, _ in named], "arms": arms}


def single_seeds(named: Sequence[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Several runs' entries under single seeds; each names its run."""
    return [{"run": name, **entry} for name, results in named for entry in results["arms"] if entry["seed"] is not None]
