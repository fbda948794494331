"""`export` and `select`: what was chosen, as files that other trainers read."""

import argparse
from pathlib import Path
from typing import Any

from summ_collapse.cli.arguments import named_files, natural, share
from summ_collapse.errors import InputError
from summ_collapse.export import FORMS

UNKNOWN = "unknown"


def add(commands: Any) -> None:
    """The parsers of these commands."""
    export = commands.add_parser("export", help="what an arm of a run was trained on, as a file for other trainers")
    export.add_argument("run", type=Path, metavar="DIR")
    export.add_argument("arm", metavar="ARM", nargs="?")
    export.add_argument("--test", action="store_true", help="the test rows' ids and prompts instead, to be answered elsewhere")
    export.add_argument("--format", choices=FORMS, default="prompt-completion", help="default: prompt-completion")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="its card goes beside it, as FILE.card.md")
    export.add_argument("--seed", type=natural, help="which seed's rows (default: the run's first)")
    export.add_argument("--rejected", type=Path, metavar="FILE", help="write what was not chosen too, with the reason (Parquet)")
    export.add_argument("--licence", default=UNKNOWN, help=f"what the card says (default: {UNKNOWN})")
    export.set_defaults(call=_export)

    select = commands.add_parser("select", help="the best candidates of a file by scores at hand; no run, no model")
    select.add_argument("--candidates", type=Path, required=True, metavar="FILE", help="`id`, `candidate` (`sample`), or lines")
    select.add_argument("--scores", action="append", required=True, metavar="NAME=FILE", help="`id`, `score`; repeatable")
    select.add_argument("--by", metavar="NAME", help="which scores decide (default: the only ones, or the mean of all ranks)")
    select.add_argument("--rate", type=share, required=True, metavar="R", help="share of the candidates that is kept")
    select.add_argument("--out", type=Path, required=True, metavar="FILE", help="its card goes beside it, as FILE.card.md")
    select.add_argument(
        "--format", choices=[one for one in FORMS if one != "preference"], default="parquet", help="default: parquet"
    )
    select.add_argument("--documents", type=Path, metavar="FILE", help="`id`, `document`: needed for prompts")
    select.add_argument("--prompt", default="{document}", help="what a model reads, with {document} in it (default: that alone)")
    select.add_argument("--rejected", type=Path, metavar="FILE", help="write the others too, with the reason (Parquet)")
    select.add_argument("--licence", default=UNKNOWN, help=f"what the card says (default: {UNKNOWN})")
    select.set_defaults(call=_select)


def _export(options: argparse.Namespace) -> None:
    from summ_collapse.cli.terminal import say
    from summ_collapse.export.card import card_path
    from summ_collapse.export.of_run import export_arm, export_rejected, export_test
    from summ_collapse.files.output import check_out, writing

    check_out(options.out)
    if options.test == (options.arm is not None):
        raise InputError("export: expected the name of an arm, or --test")
    if options.rejected is not None:
        check_out(options.rejected)
        if options.test:
            raise InputError("--rejected: expected an arm, not --test")
        _check_suffix(options.rejected, "parquet")
        if options.rejected.resolve() == options.out.resolve():
            raise InputError(f"--rejected {options.rejected}: expected another file than --out")
    if options.test:
        with writing(options.out):
            rows = export_test(options.run, options.out)
        say(f"{rows:,} test rows are in {options.out}: their ids and prompts.")
        return
    _check_suffix(options.out, options.format)
    if options.rejected is not None:
        # First, so that an arm which rejects nothing is told before anything is written.
        with writing(options.rejected):
            others = export_rejected(options.run, options.arm, options.rejected, options.seed)
        say(f"{others:,} that were not chosen are in {options.rejected}.")
    with writing(options.out):
        card = export_arm(options.run, options.arm, options.format, options.out, options.seed, options.licence)
    say(f"{card.rows:,} rows are in {options.out}; {card_path(options.out).name} says where they come from.")


def _select(options: argparse.Namespace) -> None:
    from summ_collapse.cli.terminal import say
    from summ_collapse.export.card import card_path
    from summ_collapse.export.of_files import Wanted, select_files
    from summ_collapse.files.output import check_apart, check_out, writing
    from summ_collapse.tasks.prompt import Prompt

    scores, outs = named_files(options.scores), (options.out, options.rejected)
    for path in outs:
        check_out(path)
    check_apart(outs, [options.candidates, options.documents, *scores.values()])
    _check_suffix(options.out, options.format)
    if options.format != "parquet" and options.documents is None:
        raise InputError(f"--format {options.format}: expected --documents FILE, which prompts are made of")
    try:
        Prompt.parse(options.prompt)
    except ValueError as error:
        raise InputError(f"--prompt: {error}") from None
    wanted = Wanted(
        candidates=options.candidates,
        scores=scores,
        rate=options.rate,
        out=options.out,
        by=options.by,
        form=options.format,
        documents=options.documents,
        prompt=options.prompt,
        rejected=options.rejected,
        licence=options.licence,
    )
    with writing(options.out):
        card = select_files(wanted)
    say(f"{card.rows:,} of {card.balance['rows in']:,} candidates are in {options.out}; {card_path(options.out).name} says how.")


def _check_suffix(out: Path, form: str) -> None:
    """A name that says another form than the content has misleads whoever reads it."""
    wanted = ".parquet" if form == "parquet" else ".jsonl"
    if out.suffix != wanted:
        raise InputError(f"--out {out}: expected a name that ends in {wanted}, which --format {form} is")
