"""`demo`, `run`, `plan`, `check`, `slurm`, `recipe`, `data`: from a recipe to a run."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from summ_collapse.cli.arguments import positive
from summ_collapse.cli.terminal import say, show
from summ_collapse.errors import InputError
from summ_collapse.packaged import packaged

if TYPE_CHECKING:
    from summ_collapse.plan.check_site import Finding
    from summ_collapse.run import Request

WIDE = "print all arms and metrics, wider than 80 columns"


def add(commands: Any) -> None:
    """The parsers of these commands."""
    demo = commands.add_parser("demo", help="the packaged experiment, end to end, no network")
    demo.add_argument("--out", type=Path, default=Path("runs/demo"), help="run folder (default: runs/demo)")
    demo.add_argument("--jobs", type=positive, default=2, metavar="N", help="stages at once (default: 2)")
    demo.add_argument("--wide", action="store_true", help=WIDE)
    demo.set_defaults(call=_demo, json=False)

    run = _of_recipe(commands, "run", "run a recipe; what is there already is reused")
    run.add_argument("--out", type=Path, required=True, help="run folder")
    run.add_argument(
        "--only", action="append", default=[], metavar="STAGE", help="only this stage, or pattern such as 'verify/*'"
    )
    run.add_argument("--until", metavar="STAGE", help="this stage and all that it needs")
    run.add_argument(
        "--jobs", type=positive, default=1, metavar="N", help="stages at once, each on its own GPUs or CPU threads (default: 1)"
    )
    run.add_argument("--dry-run", action="store_true", help="print what would run")
    run.add_argument("--verify", action="store_true", help="check the digests of reused files, not only their sizes")
    run.add_argument("--wide", action="store_true", help=WIDE)
    run.add_argument("--json", action="store_true", help="print results.json on stdout instead of the table")
    run.set_defaults(call=_run)

    plan = _of_recipe(commands, "plan", "stages, what is cached, rows, tokens, memory and hours; needs neither data nor models")
    plan.add_argument("--out", type=Path, help="run folder to look for cached stages in")
    plan.add_argument("--gpu", metavar="NAME", help="GPU to count on, such as a100-80gb (default: this machine's, else h100)")
    plan.add_argument(
        "--devices", type=positive, metavar="N", help="GPUs that one stage may use (default: all of this machine, else 8)"
    )
    plan.add_argument(
        "--efficiency", type=float, default=0.4, metavar="X", help="share of the GPU's peaks that is reached, 0-1 (default: 0.4)"
    )
    plan.add_argument("--wide", action="store_true", help="print operations and the memory by part too, wider than 80 columns")
    plan.add_argument("--json", action="store_true", help="print as JSON")
    plan.set_defaults(call=_plan)

    check = _of_recipe(commands, "check", "before any queue: data, tokens, memory, disk, launch shapes, SLURM")
    check.add_argument("--out", type=Path, required=True, help="run folder, whose disk is looked at")
    check.add_argument("--profile", type=Path, metavar="FILE", help="SLURM profile to try with `sbatch --test-only`")
    check.add_argument("--json", action="store_true", help="print as JSON")
    check.set_defaults(call=_check)

    fetch = _of_recipe(
        commands, "fetch", "bring the hub's models and data here, and prove that a run finds them without a network"
    )
    fetch.add_argument("--out", type=Path, default=Path("runs"), help="run folder, where its commits may be frozen already")
    fetch.add_argument("--json", action="store_true", help="print what a run without a network finds as JSON")
    fetch.set_defaults(call=_fetch)

    slurm = _of_recipe(commands, "slurm", "submit one job a stage, chained; again, only what is missing")
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
    newswire.add_argument("--rows", type=positive, required=True, help="rows to write")
    newswire.add_argument("--seed", type=int, default=0, help="seed of the text (default: 0)")
    newswire.add_argument("--out", type=Path, required=True, help="JSONL file")
    newswire.set_defaults(call=_newswire)


def _of_recipe(commands: Any, name: str, help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help)
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="YAML file, or the name of a packaged recipe")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="recipe values to replace, such as retrain.steps=100")
    return parser


def _recipe_path(path: Path) -> Path:
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path
    return packaged("recipes", f"{path.name}.yaml") or path


def _demo(options: argparse.Namespace) -> None:
    from summ_collapse.run import Request

    recipe = packaged("recipes", "demo.yaml")
    if recipe is None:
        raise InputError("the packaged recipe demo.yaml is missing; is the installation whole?")
    _execute(Request(recipe, (), options.out, jobs=options.jobs), ["demo"], options)


def _run(options: argparse.Namespace) -> None:
    from summ_collapse.run import Request

    path = _recipe_path(options.recipe)
    if options.dry_run:
        _dry_run(path, options)
        return
    request = Request(path, options.overrides, options.out, options.only, options.until, options.verify, options.jobs)
    _execute(request, [str(options.recipe), *options.overrides], options)


def _execute(request: "Request", recipe: list[str], options: argparse.Namespace) -> None:
    """Run and print; `recipe` is what the command line called it, with what it replaces of it."""
    from summ_collapse.launch.schedule import run
    from summ_collapse.report import summary
    from summ_collapse.report.results import read_results
    from summ_collapse.report.tables import as_rich

    run(request)
    if request.only or request.until:
        return
    results = read_results(request.out)
    if options.json:
        print(json.dumps(results.model_dump(), ensure_ascii=False))
    elif options.wide:
        print("\n".join(summary.opening(results)))
        show(as_rich([results]), wide=True)
        print("\n".join(["", *summary.closing(results, request.out, recipe)]))
    else:
        print("\n".join(summary.summary(results, request.out, recipe)))


def _dry_run(path: Path, options: argparse.Namespace) -> None:
    from summ_collapse.plan.plan import plan
    from summ_collapse.recipe.load import load

    found = plan(load(path, options.overrides), options.out)
    chosen = {stage.name for stage in found.experiment.chosen(options.only, options.until)}
    for stage in found.stages:
        if stage.name in chosen:
            print(f"{'cached' if stage.cached else 'would run':10} {stage.name}")


def _plan(options: argparse.Namespace) -> None:
    from summ_collapse.plan import table as plan_table
    from summ_collapse.plan.here import machine as chosen
    from summ_collapse.plan.plan import plan
    from summ_collapse.recipe.load import load

    machine, told = chosen(options.gpu, options.devices, options.efficiency)
    found = plan(load(_recipe_path(options.recipe), options.overrides), options.out, machine)
    if options.json:
        print(json.dumps(plan_table.as_json(found), ensure_ascii=False))
        return
    show(plan_table.as_rich(found, options.wide), options.wide)
    print()
    if options.wide:
        show(plan_table.memory_as_rich(found), wide=True)
        print()
    for remark in [*plan_table.remarks(found), *([told] if told else [])]:
        say(remark)
    for what in found.unresolved:
        print(f"not at hand here: {what}", file=sys.stderr)


def _check(options: argparse.Namespace) -> None:
    from summ_collapse.plan.check import check
    from summ_collapse.run import Request

    found = check(Request(_recipe_path(options.recipe), options.overrides, options.out), options.profile)
    _tell(found, options.json)


def _tell(found: "list[Finding]", json_wanted: bool) -> None:
    """InputError where one of them failed."""
    from summ_collapse.report.layout import plain

    if json_wanted:
        print(json.dumps([vars(finding) for finding in found], ensure_ascii=False))
    else:
        table = plain(["verdict", "what", "detail"], {"verdict", "what", "detail"})
        for finding in found:
            table.add_row(finding.verdict, finding.what, finding.detail)
        show(table)
    failed = [finding for finding in found if finding.verdict == "failed"]
    if failed:
        raise InputError(f"{len(failed)} of {len(found)} checks failed; the first: {failed[0].what}: {failed[0].detail}")


def _fetch(options: argparse.Namespace) -> None:
    from summ_collapse.plan.fetch import fetch_data, fetch_model, of_hub, wanted
    from summ_collapse.plan.offline import prove
    from summ_collapse.run import Request, recipe_of

    recipe = recipe_of(Request(_recipe_path(options.recipe), options.overrides, options.out))
    hub = of_hub(recipe)
    # Results are what was proved; how far the fetching is goes where the library's own bars go.
    for model in (one for one in hub.values() if one.reference.kind == "model"):
        print(wanted(model).told(), file=sys.stderr)
        fetch_model(model)  # also where all is here: the cache may know the commit, and not what it is called
    print(f"data: {fetch_data(recipe.task, hub)}", file=sys.stderr)
    _tell(prove(recipe), options.json)


def _slurm(options: argparse.Namespace) -> None:
    from summ_collapse.launch.slurm.jobs import planned, submit
    from summ_collapse.launch.slurm.profile import load_profile
    from summ_collapse.plan.check_site import node_bytes
    from summ_collapse.run import Request, open_run, recipe_of

    request = Request(_recipe_path(options.recipe), options.overrides, options.out)
    profile = load_profile(options.profile)
    run = open_run(recipe_of(request), request.out)
    memory = node_bytes(run, profile)
    if options.dry_run:
        for job in planned(run, profile, memory):
            print(f"##### {job.path}\n{job.script}")
        return
    numbers = submit(run, request, profile, memory)
    if options.json:
        print(json.dumps(numbers))
    else:
        print(f"{len(set(numbers.values()))} jobs wait or run; `summ-collapse status {options.out}` tells how they are")


def _schema(options: argparse.Namespace) -> None:
    from summ_collapse.recipe.load import json_schema

    print(json.dumps(json_schema(), indent=1))


def _newswire(options: argparse.Namespace) -> None:
    from summ_collapse.store import write_atomic
    from summ_collapse.tasks.newswire_articles import examples

    rows = examples(options.rows, options.seed).to_pylist()
    write_atomic(options.out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    print(f"{options.out}: {len(rows):,} rows", file=sys.stderr)
