"""The command line: parse, call, print. Results go to stdout, everything else to stderr.

Exit codes: 0 done, 1 a stage failed, 2 the recipe, data or arguments are wrong, 130 interrupted.
"""

import argparse
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from summ_collapse import __version__
from summ_collapse.errors import InputError, StageError, Stopped
from summ_collapse.packaged import packaged

if TYPE_CHECKING:
    from summ_collapse.launch.runs import Request

FORMATS = ("table", "csv", "json", "latex", "html")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{self.prog}: {message} (see {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    try:
        options = _parsed([word for word in words if word != "--debug"])
        options.call(options)
        sys.stdout.flush()
        return 0
    except InputError as error:
        return _failed(error, 2, debug)
    except StageError as error:
        return _failed(error, 1, debug)
    except (KeyboardInterrupt, Stopped):
        print("interrupted; the same command goes on where this one stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep Python from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    """The arguments; overrides may stand anywhere, also behind options."""
    parser = _parser()
    options, rest = parser.parse_known_args(words)
    if hasattr(options, "overrides"):
        options.overrides += [word for word in rest if "=" in word and not word.startswith("-")]
        rest = [word for word in rest if word not in options.overrides]
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options


def _failed(error: Exception, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    print(f"error: {error}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="summ-collapse",
        description="Will training on this model-generated data help or hurt, and which verifier makes it help?",
        epilog="--debug, anywhere, adds the traceback to an error.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"summ-collapse {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_experiment_commands(commands)
    _add_result_commands(commands)
    return parser


def _add_experiment_commands(commands: Any) -> None:
    demo = commands.add_parser("demo", help="the packaged experiment, end to end, no network")
    demo.add_argument("--out", type=Path, default=Path("runs/demo"), help="run folder (default: runs/demo)")
    demo.add_argument("--jobs", type=_positive, default=2, metavar="N", help="stages at once (default: 2)")
    demo.set_defaults(call=_demo)

    run = commands.add_parser("run", help="run a recipe; what is there already is reused")
    _add_recipe(run)
    run.add_argument("--out", type=Path, required=True, help="run folder")
    run.add_argument(
        "--only", action="append", default=[], metavar="STAGE", help="only this stage, or pattern such as 'verify/*'"
    )
    run.add_argument("--until", metavar="STAGE", help="this stage and all that it needs")
    run.add_argument(
        "--jobs", type=_positive, default=1, metavar="N", help="stages at once, each on its own GPUs or CPU threads (default: 1)"
    )
    run.add_argument("--dry-run", action="store_true", help="print what would run")
    run.add_argument("--verify", action="store_true", help="check the digests of reused files, not only their sizes")
    run.add_argument("--json", action="store_true", help="print results.json on stdout instead of the table")
    run.set_defaults(call=_run)

    plan = commands.add_parser(
        "plan", help="stages, what is cached, rows, tokens, memory and hours; needs neither data nor models"
    )
    _add_recipe(plan)
    plan.add_argument("--out", type=Path, help="run folder to look for cached stages in")
    plan.add_argument("--gpu", default="h100", metavar="NAME", help="GPU to count on, such as a100-80gb (default: h100)")
    plan.add_argument("--devices", type=_positive, default=8, metavar="N", help="GPUs that one stage may use (default: 8)")
    plan.add_argument(
        "--efficiency", type=float, default=0.4, metavar="X", help="share of the GPU's peaks that is reached, 0-1 (default: 0.4)"
    )
    plan.add_argument("--json", action="store_true", help="print as JSON")
    plan.set_defaults(call=_plan)

    check = commands.add_parser("check", help="before any queue: data, tokens, memory, disk, launch shapes, SLURM")
    _add_recipe(check)
    check.add_argument("--out", type=Path, required=True, help="run folder, whose disk is looked at")
    check.add_argument("--profile", type=Path, metavar="FILE", help="SLURM profile to try with `sbatch --test-only`")
    check.add_argument("--json", action="store_true", help="print as JSON")
    check.set_defaults(call=_check)

    slurm = commands.add_parser("slurm", help="submit one job a stage, chained; again, only what is missing")
    _add_recipe(slurm)
    slurm.add_argument("--out", type=Path, required=True, help="run folder, on a disk that every node sees")
    slurm.add_argument("--profile", type=Path, metavar="FILE", help="YAML: partition, account, sizes, time, modules")
    slurm.add_argument("--dry-run", action="store_true", help="print every script, submit nothing")
    slurm.add_argument("--json", action="store_true", help="print the jobs' numbers as JSON")
    slurm.set_defaults(call=_slurm)

    recipe = commands.add_parser("recipe", help="about recipes")
    recipe.add_argument("--schema", action="store_true", required=True, help="print the JSON schema of recipes, for editors")
    recipe.set_defaults(call=_schema)

    data = commands.add_parser("data", help="write a built-in corpus").add_subparsers(required=True, metavar="CORPUS")
    newswire = data.add_parser("newswire", help="the built-in news corpus, as JSONL")
    newswire.add_argument("--rows", type=_positive, required=True, help="rows to write")
    newswire.add_argument("--seed", type=int, default=0, help="seed of the text (default: 0)")
    newswire.add_argument("--out", type=Path, required=True, help="JSONL file")
    newswire.set_defaults(call=_newswire)


def _add_result_commands(commands: Any) -> None:
    status = commands.add_parser("status", help="what is done, running, failed or left in a run folder, and why")
    status.add_argument("run", type=Path, metavar="DIR")
    status.add_argument("--json", action="store_true", help="print as JSON")
    status.set_defaults(call=_status)

    score = commands.add_parser("score", help="ROUGE of predictions against references")
    score.add_argument("--predictions", type=Path, required=True, metavar="FILE", help="text lines, or JSONL with `candidate`")
    score.add_argument("--references", type=Path, required=True, metavar="FILE", help="text lines, or JSONL with `summary`")
    score.add_argument("--metrics", default="rouge1,rouge2,rougeL,rougeLsum", help="comma-separated (default: all four)")
    score.add_argument("--bootstrap", type=_positive, default=1000, help="bootstrap resamples (default: 1000)")
    score.add_argument("--out", type=Path, metavar="FILE", help="per-example scores (.jsonl, .csv or .parquet)")
    score.add_argument("--json", action="store_true", help="print as JSON")
    score.set_defaults(call=_score)

    compare = commands.add_parser("compare", help="the tables of several runs as one")
    compare.add_argument("runs", type=Path, nargs="+", metavar="DIR")
    compare.add_argument("--format", choices=FORMATS, default="table", help="default: table")
    compare.add_argument("--json", action="store_true", help="the same as --format json")
    compare.set_defaults(call=_compare)


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="YAML file, or the name of a packaged recipe")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="recipe values to replace, such as retrain.steps=100")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive whole number, got {text!r}")
    return int(text)


def packaged_recipe(name: str) -> Path | None:
    """The recipe of that name that came with the package, or None."""
    return packaged("recipes", f"{Path(name).stem}.yaml")


def _recipe_path(path: Path) -> Path:
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path
    return packaged_recipe(path.name) or path


def _demo(options: argparse.Namespace) -> None:
    from summ_collapse.launch.runs import Request

    recipe = packaged_recipe("demo")
    if recipe is None:
        raise InputError("the packaged recipe demo.yaml is missing; is the installation whole?")
    _execute(Request(recipe, (), options.out, jobs=options.jobs))


def _run(options: argparse.Namespace) -> None:
    from summ_collapse.launch.runs import Request

    path = _recipe_path(options.recipe)
    if options.dry_run:
        _dry_run(path, options)
        return
    request = Request(path, options.overrides, options.out, options.only, options.until, options.verify, options.jobs)
    _execute(request, options.json)


def _execute(request: "Request", as_json: bool = False) -> None:
    from rich.console import Console

    from summ_collapse.launch.runs import read_results
    from summ_collapse.launch.schedule import run
    from summ_collapse.report.tables import as_rich

    run(request)
    if request.only or request.until:
        return
    results = read_results(request.out)
    if as_json:
        print(json.dumps(results, ensure_ascii=False))
        return
    Console(width=None if sys.stdout.isatty() else 200).print(
        as_rich(results, f"{results['recipe']}: {results['test_rows']:,} test rows")
    )
    print(f"report: {(request.out / 'report').resolve()}")


def _dry_run(path: Path, options: argparse.Namespace) -> None:
    from summ_collapse.launch.plan import plan
    from summ_collapse.recipe import load

    found = plan(load(path, options.overrides), options.out)
    chosen = found.chosen(options.only, options.until)
    for stage in found.stages:
        if stage.name not in chosen:
            continue
        print(f"{'cached' if stage.cached else 'would run':10} {stage.name}")


def _plan(options: argparse.Namespace) -> None:
    from rich.console import Console

    from summ_collapse.launch import plan_table
    from summ_collapse.launch.plan import Machine, plan
    from summ_collapse.recipe import load

    machine = Machine(options.gpu, options.devices, options.efficiency)
    found = plan(load(_recipe_path(options.recipe), options.overrides), options.out, machine)
    if options.json:
        print(json.dumps(plan_table.as_json(found), ensure_ascii=False))
        return
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(plan_table.as_rich(found))
    console.print(plan_table.memory_as_rich(found))
    for remark in plan_table.remarks(found):
        print(remark)
    for what in found.unresolved:
        print(f"not at hand here: {what}", file=sys.stderr)


def _check(options: argparse.Namespace) -> None:
    from summ_collapse.launch.check import check
    from summ_collapse.launch.runs import Request

    found = check(Request(_recipe_path(options.recipe), options.overrides, options.out), options.profile)
    if options.json:
        print(json.dumps([vars(finding) for finding in found], ensure_ascii=False))
    else:
        for finding in found:
            print(f"{finding.verdict:7} {finding.what}: {finding.detail}")
    failed = [finding for finding in found if finding.verdict == "failed"]
    if failed:
        raise InputError(f"{len(failed)} of {len(found)} checks failed; the first: {failed[0].what}: {failed[0].detail}")


def _slurm(options: argparse.Namespace) -> None:
    from summ_collapse.launch.jobs import planned, submit
    from summ_collapse.launch.profile import load_profile
    from summ_collapse.launch.runs import Request, open_run, recipe_of

    request = Request(_recipe_path(options.recipe), options.overrides, options.out)
    profile = load_profile(options.profile)
    opened = open_run(recipe_of(request), request.out)
    if options.dry_run:
        for plan in planned(opened, profile):
            print(f"##### {plan.path}\n{plan.script}")
        return
    numbers = submit(opened, request, profile)
    if options.json:
        print(json.dumps(numbers))
    else:
        print(f"{len(numbers)} jobs wait or run; `summ-collapse status {options.out}` tells how they are")


def _schema(options: argparse.Namespace) -> None:
    from summ_collapse.recipe import json_schema

    print(json.dumps(json_schema(), indent=1))


def _newswire(options: argparse.Namespace) -> None:
    from summ_collapse.store import write_atomic
    from summ_collapse.tasks.newswire import examples

    rows = examples(options.rows, options.seed).to_pylist()
    write_atomic(options.out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    print(f"{options.out}: {len(rows):,} rows", file=sys.stderr)


def _status(options: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.table import Table

    from summ_collapse.launch.status import as_json, reopen, states

    found = states(reopen(options.run))
    if options.json:
        print(json.dumps(as_json(found), ensure_ascii=False))
        return
    table = Table("stage", "state", "")
    for state in found:
        table.add_row(state.name, state.state, state.detail)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _score(options: argparse.Namespace) -> None:
    from summ_collapse.report.score import score_files

    metrics = [name.strip() for name in options.metrics.split(",") if name.strip()]
    found = score_files(options.predictions, options.references, metrics, options.bootstrap, options.out)
    if options.json:
        print(json.dumps(found))
        return
    print(f"{found['n']:,} pairs")
    for name in metrics:
        print(f"{name:18} {found[name]['mean']:6.2f}  [{found[name]['low']:.2f}, {found[name]['high']:.2f}]")


def _compare(options: argparse.Namespace) -> None:
    from rich.console import Console

    from summ_collapse.launch.runs import read_results
    from summ_collapse.report import tables

    together = tables.pooled_runs([(run.name or str(run), read_results(run)) for run in options.runs])
    wanted = "json" if options.json else options.format
    if wanted == "table":
        Console(width=None if sys.stdout.isatty() else 220).print(tables.as_rich(together, "runs"))
    elif wanted == "json":
        print(json.dumps(together, ensure_ascii=False))
    else:
        print({"csv": tables.as_csv, "latex": tables.as_latex, "html": tables.as_html}[wanted](together), end="")


if __name__ == "__main__":
    sys.exit(main())
