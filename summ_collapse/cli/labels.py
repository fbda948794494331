"""`diagnose` with few labels: draw the rows worth labelling, and say what the answers tell."""

import argparse
import json
import sys
from pathlib import Path

from summ_collapse.cli.arguments import RATES, natural, positive, share
from summ_collapse.errors import InputError

CONFIDENCE = 0.95


def add(parser: argparse.ArgumentParser) -> None:
    """The options that `diagnose` has for it."""
    parser.add_argument("--label-next", type=positive, metavar="N", help="write N rows worth labelling to --out, and stop")
    parser.add_argument(
        "--labels", type=Path, action="append", metavar="FILE", help="that file with its labels; of a second labeller too"
    )
    parser.add_argument(
        "--certify", type=share, metavar="X", help="promise that at most this share of what is kept is wrong, or say what lacks"
    )
    parser.add_argument("--label-seed", type=natural, metavar="N", help="another draw of rows to label (default: 0)")
    parser.add_argument("--confidence", type=share, metavar="C", help=f"of the promise (default: {CONFIDENCE})")


def asked(options: argparse.Namespace) -> bool:
    """Whether this call is about labels; InputError where options are left over."""
    about = options.label_next is not None or options.labels is not None
    if not about and (options.certify is not None or options.confidence is not None):
        raise InputError("--certify: expected --label-next N to draw labels for it, or --labels FILE with the answers")
    return about


def run(options: argparse.Namespace, scores: dict[str, Path]) -> None:
    """Draw or read labels, of bare files or of a run's first pool."""
    if options.run is not None:
        scores = _of_run(options, scores)
    _check(options, scores)
    if options.label_next is not None:
        _draw(options, scores)
    else:
        _read(options, scores)


def _of_run(options: argparse.Namespace, scores: dict[str, Path]) -> dict[str, Path]:
    """The run's own files in the place of those that the command line names."""
    from summ_collapse.diagnose.runs import files_of_run

    if options.candidates is not None or scores or options.documents is not None:
        raise InputError("--candidates, --scores and --documents: not with a run's folder, which has its own")
    found = files_of_run(options.run)
    options.candidates, options.documents = found.candidates, found.documents
    if found.others:
        print(f"labels are for the pool of seed {found.seed}; the run has {found.others} more", file=sys.stderr)
    return found.scores


def _check(options: argparse.Namespace, scores: dict[str, Path]) -> None:
    if options.candidates is None or not scores:
        raise InputError("--label-next and --labels: expected a run's folder, or --candidates FILE and --scores NAME=FILE")
    if options.label_next is not None and options.labels is not None:
        raise InputError("--label-next: not with --labels; draw first, then read")
    if options.labels is not None and len(options.labels) > 2:
        raise InputError(f"--labels: expected one file or two, got {len(options.labels)}")
    # What labels that are references say is up to a metric.
    judged = ("metric", "wrong_below") if options.labels is None else ()
    if options.labels is not None and options.metric is not None and options.wrong_below is None:
        raise InputError("--metric: expected --wrong-below X with it, to judge candidates by the references among the labels")
    if options.metric is not None:
        _check_metric(options.metric)
    for name in ("references", "oracle", "verifier", *judged, "slice_rows", "coefficients", "embed"):
        if getattr(options, name) is not None:
            raise InputError(f"--{name.replace('_', '-')}: labels say themselves what is wrong; leave one of them out")
    if options.confidence is not None and (options.certify is None or options.confidence == 1):
        raise InputError("--confidence: expected a number below 1, with --certify")


def _check_metric(name: str) -> None:
    from summ_collapse.metrics.scoring import reads_documents
    from summ_collapse.plugins import unknown_metric

    for problem in unknown_metric(name):
        raise InputError(f"--metric: {problem}")
    if reads_documents(name):
        raise InputError(f"--metric: expected one of two texts, and {name} reads the document too")


def _draw(options: argparse.Namespace, scores: dict[str, Path]) -> None:
    from summ_collapse.cli.terminal import say
    from summ_collapse.diagnose.labelling import Wanted, label_next
    from summ_collapse.diagnose.scored import Scored
    from summ_collapse.files.output import writing

    if options.out is None:
        raise InputError("--label-next: expected --out FILE.jsonl to write the rows to")
    if options.out.suffix != ".jsonl":
        raise InputError(f"--out {options.out}: expected a name that ends in .jsonl")
    if options.out.exists():
        raise InputError(f"--out {options.out}: it is there already, and may hold labels; choose another name")
    confidence = None if options.certify is None else options.confidence or CONFIDENCE
    wanted = Wanted(options.label_next, options.rates or RATES, options.certify, confidence, options.label_seed or 0)
    pool = Scored.read(options.candidates, scores)
    with writing(options.out):
        rows = label_next(pool, wanted, options.out, options.documents)
    say(
        f"{rows:,} rows to label are in {options.out}: write 1 for right and 0 for wrong under `label`.",
        f"Then: --labels {options.out}{'' if options.certify is None else f' --certify {options.certify:g}'}",
    )


def _read(options: argparse.Namespace, scores: dict[str, Path]) -> None:
    from summ_collapse.cli.terminal import say, show
    from summ_collapse.diagnose.from_labels import answers_of, as_json, as_rich, lines
    from summ_collapse.diagnose.labelling import METRIC, ByReference
    from summ_collapse.diagnose.scored import Scored
    from summ_collapse.files.output import write_out

    if options.out is not None and options.out in options.labels:
        raise InputError(f"--out {options.out}: it holds the labels; choose another name")
    if options.rates is not None:
        raise InputError("--rates: labels were drawn for rates of their own; leave it out")
    confidence = options.confidence or CONFIDENCE
    judge = None if options.wrong_below is None else ByReference(options.metric or METRIC, options.wrong_below)
    found = answers_of(Scored.read(options.candidates, scores), options.labels, options.certify, confidence, judge)
    content = as_json(found)
    if options.out is not None:
        write_out(options.out, content)
    if options.json:
        print(json.dumps(content, ensure_ascii=False, allow_nan=False))
        return
    said = lines(found, options.certify, confidence)
    say(said[0])
    show(as_rich(found), options.wide)
    say(*said[1:])
