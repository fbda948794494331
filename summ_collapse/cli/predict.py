"""`predict fit`: coefficients of the predictor from a user's own finished runs, with how they did where they were not fitted."""

import argparse
import json
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """The parsers of these commands."""
    predict = commands.add_parser("predict", help="fit the predictor of differences on runs of your own")
    kinds = predict.add_subparsers(required=True, metavar="COMMAND", dest="predict")
    fit = kinds.add_parser("fit", help="coefficients for `diagnose --coefficients`, and whether they beat what is simpler")
    fit.add_argument("runs", type=Path, nargs="+", metavar="DIR", help="folders of finished runs")
    fit.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON file that the coefficients travel in")
    fit.add_argument("--json", action="store_true", help="print as JSON")
    fit.set_defaults(call=_fit)


def _fit(options: argparse.Namespace) -> None:
    from summ_collapse.cli.terminal import say, show
    from summ_collapse.diagnose.coefficients import TRIAL, tried
    from summ_collapse.diagnose.trial_table import as_rich, sentences
    from summ_collapse.files.output import check_out, write_out

    check_out(options.out)
    found = tried(options.runs)
    content = TRIAL.dump_python(found, mode="json")
    write_out(options.out, content)
    if options.json:
        print(json.dumps(content, ensure_ascii=False, allow_nan=False))
        return
    show(as_rich(found))
    say(*sentences(found))
