"""`status`, `score`, `compare`: what a run is and came to."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from summ_collapse.cli.arguments import positive
from summ_collapse.cli.terminal import say, show
from summ_collapse.errors import InputError

if TYPE_CHECKING:
    from summ_collapse.report.results import Results

FORMATS = ("table", "csv", "json", "latex", "html")


def add(commands: Any) -> None:
    """The parsers of these commands."""
    status = commands.add_parser("status", help="what is done, running, failed or left in a run folder, and why")
    status.add_argument("run", type=Path, metavar="DIR")
    status.add_argument("--json", action="store_true", help="print as JSON")
    status.set_defaults(call=_status)

    score = commands.add_parser("score", help="ROUGE of predictions against references")
    score.add_argument("--predictions", type=Path, required=True, metavar="FILE", help="text lines, or JSONL with `candidate`")
    score.add_argument("--references", type=Path, required=True, metavar="FILE", help="text lines, or JSONL with `summary`")
    score.add_argument("--metrics", default="rouge1,rouge2,rougeL,rougeLsum", help="comma-separated (default: all four)")
    score.add_argument("--bootstrap", type=positive, default=1000, help="bootstrap resamples (default: 1000)")
    score.add_argument("--out", type=Path, metavar="FILE", help="per-example scores (.jsonl, .csv or .parquet)")
    score.add_argument("--json", action="store_true", help="print as JSON")
    score.set_defaults(call=_score)

    compare = commands.add_parser("compare", help="several runs as one table, and how well their arms were predicted")
    compare.add_argument("runs", type=Path, nargs="+", metavar="DIR")
    compare.add_argument("--format", choices=FORMATS, default="table", help="default: table")
    compare.add_argument("--wide", action="store_true", help="all metrics and predictions, wider than 80 columns")
    compare.add_argument("--json", action="store_true", help="the same as --format json")
    compare.add_argument("--figure", type=Path, metavar="FILE", help="predicted against observed, of all arms (.svg or .png)")
    compare.set_defaults(call=_compare)


def _status(options: argparse.Namespace) -> None:
    from summ_collapse.launch.status import as_json, states
    from summ_collapse.report.layout import plain
    from summ_collapse.run import reopen

    found = states(reopen(options.run))
    if options.json:
        print(json.dumps(as_json(found), ensure_ascii=False))
        return
    table = plain(["stage", "state", "detail"], {"stage", "state", "detail"})
    for state in found:
        table.add_row(state.name, state.state, state.detail)
    show(table)


def _score(options: argparse.Namespace) -> None:
    from summ_collapse.report.score import score_files

    metrics = [name.strip() for name in options.metrics.split(",") if name.strip()]
    found = score_files(options.predictions, options.references, metrics, options.bootstrap, options.out)
    if options.json:
        print(json.dumps({"n": found.pairs, **{name: asdict(mean) for name, mean in found.means.items()}}))
        return
    print(f"{found.pairs:,} pairs")
    for name, mean in found.means.items():
        print(f"{name:18} {mean.mean:6.2f}  [{mean.low:.2f}, {mean.high:.2f}]")


def _compare(options: argparse.Namespace) -> None:
    from summ_collapse.predict.agreement import sentences
    from summ_collapse.report import notes, tables
    from summ_collapse.report.figures.prediction import draw_prediction
    from summ_collapse.report.results import agreement_of, read_results

    if options.figure is not None and options.figure.suffix not in (".svg", ".png"):
        raise InputError(f"--figure {options.figure}: expected a name that ends in .svg or .png")
    given = [run.name for run in options.runs]
    names = [run.name if run.name and given.count(run.name) == 1 else str(run) for run in options.runs]
    runs = [read_results(run).of_run(name) for run, name in zip(options.runs, names, strict=True)]
    entries = [entry for run in runs for entry in run.arms]
    main = [entry for run in runs for entry in run.main]
    found = agreement_of(entries, runs[0].metric, main)
    if options.figure is not None:
        try:
            draw_prediction([entry for entry in entries if entry.seed is not None], found, [options.figure], ", ".join(names))
        except OSError as error:
            raise InputError(f"--figure {options.figure}: cannot be written: {error}") from None
    wanted = "json" if options.json else options.format
    if wanted == "table":
        _show(runs, names, options.wide)
        for sentence in sentences(found):
            say(sentence)
    elif wanted == "json":
        told = {"warnings": notes.above(runs), "smallest": {name: run.smallest for name, run in zip(names, runs, strict=True)}}
        arms = [entry.model_dump() for entry in main]
        print(json.dumps({"runs": names, **told, "arms": arms, "agreement": asdict(found)}, ensure_ascii=False))
    elif wanted == "csv":
        print(tables.as_csv(main, list(dict.fromkeys(metric for run in runs for metric in run.metrics))), end="")
    else:
        print(tables.as_latex(runs) if wanted == "latex" else tables.as_html(runs), end="")


def _show(runs: Sequence["Results"], names: Sequence[str], wide: bool) -> None:
    """All arms: a narrow table a run, or one of everything."""
    from summ_collapse.report import notes, summary, tables

    if wide:
        for warning in notes.above(runs):
            say(warning)
        show(tables.as_rich(runs), wide=True)
        for line in notes.below(runs):
            say(line)
        print()
        return
    for run, name in zip(runs, names, strict=True):
        say(name)
        print("\n".join(summary.opening(run)))
        show(summary.table(run.main, run.metric))
        print()
        say(notes.reach(run))
        print()
