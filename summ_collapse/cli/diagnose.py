"""`diagnose`: what each verifier is worth as a selector, before anything is retrained."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from summ_collapse.cli import labels
from summ_collapse.cli.arguments import RATES, named_files, positive, share
from summ_collapse.errors import InputError

if TYPE_CHECKING:
    from summ_collapse.diagnose.bare_files import Files
    from summ_collapse.diagnose.built_in import Shown
    from summ_collapse.diagnose.candidates import Candidates
    from summ_collapse.diagnose.diagnosis import Question
    from summ_collapse.predict.predictor import Fit

METRIC = "rouge1"
LABELS_BELOW = 0.5  # of labels that are 0 or 1
QUANTILES = (5, 10, 25, 50, 75, 90)
FILE_OPTIONS = (
    "candidates",
    "references",
    "documents",
    "scores",
    "verifier",
    "prompt",
    "max_document_tokens",
    "metric",
    "oracle",
    "slice_rows",
)


def add(commands: Any) -> None:
    """The command's parser."""
    parser = commands.add_parser("diagnose", help="what each verifier is worth as a selector, before any retraining")
    parser.add_argument("run", type=Path, nargs="?", metavar="DIR", help="run folder whose verify stages are done")
    parser.add_argument("--candidates", type=Path, metavar="FILE", help="`id`, `candidate` (`sample`, `stratum`), or lines")
    parser.add_argument("--references", type=Path, metavar="FILE", help="`id`, `summary`, or lines; some documents will do")
    parser.add_argument("--scores", action="append", metavar="NAME=FILE", help="`id`, `score` (`sample`), or lines; repeatable")
    parser.add_argument(
        "--verifier",
        action="append",
        metavar="KIND[,OPTION=VALUE]",
        help="an installed verifier that needs no run: length, copy-rate, agreement, perplexity,model=FOLDER, …; repeatable",
    )
    parser.add_argument("--documents", type=Path, metavar="FILE", help="`id`, `document`, for a --verifier that reads them")
    parser.add_argument("--prompt", help="what a model reads, with {document} in it (default: the document, then TL;DR:)")
    parser.add_argument(
        "--max-document-tokens", type=positive, metavar="N", help="tokens of a document that a model reads (default: 1024)"
    )
    parser.add_argument("--rates", type=share, nargs="+", metavar="R", help="shares to keep (default: the run's; 0.125 0.25 0.5)")
    parser.add_argument(
        "--wrong-below",
        type=share,
        metavar="X",
        help=f"a candidate that scores less is wrong (default: the run's; {LABELS_BELOW} where all score 0 or 1)",
    )
    parser.add_argument("--metric", help=f"what says how good a candidate is, 0-1 (default: {METRIC})")
    parser.add_argument("--oracle", metavar="NAME", help="the --scores, 0-1, that say it instead of a metric")
    parser.add_argument("--slice-rows", type=positive, metavar="M", help="real rows that the generator was trained on")
    parser.add_argument(
        "--coefficients", type=Path, metavar="FILE", help="of `predict fit`: predict differences from the real rows with them"
    )
    parser.add_argument(
        "--embed", metavar="FOLDER", help="model on disk whose embeddings tell how far texts are from real ones (default: TF-IDF)"
    )
    labels.add(parser)
    parser.add_argument("--wide", action="store_true", help="print every column, and selections within strata")
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the JSON to a file too")
    parser.set_defaults(call=_diagnose)


def _diagnose(options: argparse.Namespace) -> None:
    from summ_collapse.cli.terminal import say, show
    from summ_collapse.diagnose.diagnosis import as_json
    from summ_collapse.diagnose.examine import diagnose
    from summ_collapse.diagnose.runs import mixture_of_run
    from summ_collapse.diagnose.text import as_rich, conclusions, opening
    from summ_collapse.files.output import check_out, write_out

    check_out(options.out)
    if labels.asked(options):
        labels.run(options, named_files(options.scores))
        return
    shown = options.wide or options.json or options.out is not None
    if options.embed is not None and not shown:
        raise InputError("--embed: expected --wide, --json or --out with it, which show what it measures")
    pools, question, where = _pools(options)
    if options.embed is not None:
        pools, question = _embedded(options.embed, pools), replace(question, embed=options.embed)
    found = diagnose(pools, question, _fit(options.coefficients, where), distances=shown)
    content = as_json(found)
    if options.out is not None:
        write_out(options.out, content)
    if options.json:
        print(json.dumps(content, ensure_ascii=False, allow_nan=False))
        return
    say(*opening(found))
    show(as_rich(found, options.wide), options.wide)
    say(*conclusions(found, options.wide))
    if options.run is not None and (mixed := mixture_of_run(options.run)) is not None:
        say(f"Trained already: {mixed}")


def _embedded(folder: str, pools: Sequence["Candidates"]) -> list["Candidates"]:
    """The pools, their texts as vectors that a model makes of them."""
    if not Path(folder).is_dir():
        raise InputError(f"--embed: expected a model's folder on disk, found none at {folder}")
    from summ_collapse.launch.process import quieten
    from summ_collapse.models.embedding import Embedder

    quieten()
    embed = Embedder(folder)
    return [replace(pool, embed=embed) for pool in pools]


def _pools(options: argparse.Namespace) -> tuple[list["Candidates"], "Question", str | None]:
    """The pools, what is asked of them, and the setting that they are from; None for bare files, which never say."""
    from summ_collapse.diagnose.bare_files import candidates_of_files
    from summ_collapse.diagnose.diagnosis import Question

    if options.run is None:
        files = _files(options)
        metric = files.metric if files.oracle is None else files.oracle
        if options.coefficients is not None and files.slice_rows is None:
            raise InputError(
                "--coefficients: expected --slice-rows too; what they predict is a difference from so many real rows"
            )
        if options.coefficients is None and files.slice_rows is not None:
            print(
                "--slice-rows: nothing is predicted from it without --coefficients that hold for your task "
                "(`summ-collapse predict fit`)",
                file=sys.stderr,
            )
        pool = candidates_of_files(files)
        return [pool], Question(options.rates or RATES, _wrong_below(options.wrong_below, pool, metric), metric), None
    from summ_collapse.diagnose.runs import pools_of_run
    from summ_collapse.experiment.experiment import setting_of

    for name in FILE_OPTIONS:
        if getattr(options, name) is not None:
            raise InputError(f"--{name.replace('_', '-')}: not with a run's folder, which has its own; leave one of them out")
    recipe, pools = pools_of_run(options.run)
    selection, wrong = recipe.selection, recipe.wrong
    if selection.across != "corpus" or selection.temperature is not None or selection.near_duplicates is not None:
        print(
            "diagnose takes the best of all candidates together; the recipe's own order of selection is another", file=sys.stderr
        )
    question = Question(options.rates or selection.rates, options.wrong_below or wrong.below, wrong.metric)
    return pools, question, setting_of(recipe)


def _fit(path: Path | None, where: str | None) -> "Fit | None":
    """The coefficients that hold: those of a file, where they have earned their place, or what is shipped, at home only."""
    from summ_collapse.diagnose.coefficients import read_fit
    from summ_collapse.predict.predictor import shipped_for

    if path is None:
        return None if where is None else shipped_for(where)
    fit = read_fit(path)
    if not fit.beats_baselines:
        withheld = fit.tried
    elif where is not None and where not in fit.holds:
        withheld = f"this run is {where}, and they were tried on {' and '.join(fit.holds)}"
    else:
        return fit
    print(f"--coefficients {path}: no differences are predicted with them: {withheld}", file=sys.stderr)
    return None


def _wrong_below(asked: float | None, pool: "Candidates", metric: str) -> float:
    """The threshold that was asked for; 1/2 for labels of right and wrong. A metric alone does not say what is wrong."""
    import numpy as np

    quality = pool.quality[pool.labelled]
    if asked is not None:
        return asked
    if np.isin(quality, (0.0, 1.0)).all():
        return LABELS_BELOW
    told = ", ".join(f"{share}% {np.quantile(quality, share / 100):.3g}" for share in QUANTILES)
    raise InputError(
        f"--wrong-below: expected the {metric} below which a candidate is wrong, which no metric says by itself; of "
        f"{len(quality):,} labelled candidates these shares are below: {told}. Read some near each, and choose"
    )


def _files(options: argparse.Namespace) -> "Files":
    from summ_collapse.diagnose.bare_files import Files

    if options.candidates is None:
        raise InputError("diagnose: expected a run's folder, or --candidates with --references or --oracle")
    metric = METRIC if options.metric is None else options.metric
    return Files(
        options.candidates,
        options.references,
        named_files(options.scores),
        metric,
        options.oracle,
        options.slice_rows,
        options.verifier or (),
        options.documents,
        _shown(options),
    )


def _shown(options: argparse.Namespace) -> "Shown":
    from summ_collapse.diagnose.built_in import Shown
    from summ_collapse.tasks.prompt import Prompt

    given = {name: getattr(options, name) for name in ("prompt", "max_document_tokens") if getattr(options, name) is not None}
    shown = Shown(**given)
    try:
        Prompt.parse(shown.prompt)
    except ValueError as error:
        raise InputError(f"--prompt: {error}") from None
    return shown
