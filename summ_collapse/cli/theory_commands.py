"""What the commands of `theory` do, as values, tables, files and figures; errors name an option."""

import argparse
import json
import os
from collections.abc import Callable, Sequence
from functools import partial

from summ_collapse.cli.arguments import axis
from summ_collapse.cli.terminal import say, show
from summ_collapse.errors import InputError, StageError
from summ_collapse.report import theory_choices, theory_results
from summ_collapse.report.figures import theory as theory_figure
from summ_collapse.report.figures.choices import draw_choice
from summ_collapse.report.results import read_results
from summ_collapse.report.theory_results import Row
from summ_collapse.store import write_atomic
from summ_collapse.theory import gaussian, recursion, sources
from summ_collapse.theory.normal import Floats
from summ_collapse.theory.points import Points
from summ_collapse.theory.reproductions import REPRODUCTIONS, simulated

RATIOS = "0:1.2:0.02"
# What `simulate` needs and an experiment of the paper fixes, with the values of options that are not given.
SHAPE: dict[str, list[float]] = {"mu": [2.0], "d": [50], "n": [4000]}
# How samples are selected: one of these, with the options that it takes.
WAYS = (("p", "phi", "psi"), ("generator", "verifier", "between"), ("generator_samples", "verifier_samples"))


def call(options: argparse.Namespace) -> None:
    """One of these commands; what the theory refuses, and files that cannot be read or written, is told as wrong input."""
    commands = {"breakdown": _breakdown, "phase": _phase, "simulate": _simulate, "recursion": _recursion}
    commands |= {"mixture": partial(_choice, choice=theory_choices.mixture), "keep": partial(_choice, choice=theory_choices.keep)}
    try:
        _check_outputs(options)  # before any work
        commands[options.theory](options)
    except BrokenPipeError:  # whoever read the output has seen enough
        raise
    except (ValueError, ArithmeticError, OSError) as error:
        raise InputError(f"theory: {error}") from None
    except RuntimeError as error:  # a worker process is gone
        raise StageError(f"theory: {error}") from None
    except MemoryError as error:
        raise InputError(f"theory: this does not fit in memory: {error}") from None


def _breakdown(options: argparse.Namespace) -> None:
    axes = {name: getattr(options, name) for name in ("phi", "psi", "p", "mu", "d", "n") if getattr(options, name)}
    if options.figure:
        theory_figure.check_grid(axes)
    points = theory_results.breakdown(axes)
    if options.figure:
        value = "accuracy" if options.mu else "kept_error" if options.p else "p_star"
        theory_figure.draw_grid(points, options.figure, axes, value)
    rows = points.rows()
    single = {name: rows[0][name] for name in theory_results.OUTPUTS}
    _write(options, rows, single if len(rows) == 1 else {"grid": rows})


def _choice(options: argparse.Namespace, choice: Callable[[dict[str, list[float]]], Points]) -> None:
    axes = {name: getattr(options, name) for name in ("ratio", "angle", "rate", "n", "d") if getattr(options, name, None)}
    points = choice(axes)
    if options.figure:
        draw_choice(points, options.figure, axes)
    rows = points.rows()
    _write(options, rows, {"grid": rows})


def _phase(options: argparse.Namespace) -> None:
    measured = theory_results.measured(read_results(options.run).main if options.run else [])
    gaussian.breakdown_point(options.phi, 1.0)  # phi is in its range before anything is asked of it
    ratio = options.ratio or [value for value in axis(RATIOS) if value * options.phi <= 1]
    points = theory_results.phase(options.p, ratio, options.phi, options.mu, options.d, options.n)
    if options.figure:
        theory_figure.draw_phase(points, measured, options.figure)
    grid, arms = points.rows(), measured.rows()
    _write(options, grid + arms, {"grid": grid, "measured": arms}, shown=arms)


def _simulate(options: argparse.Namespace) -> None:
    if options.reproduce:
        _refuse_settings(options)
        cells, repetitions = REPRODUCTIONS[options.reproduce](), options.usual_repetitions[options.reproduce]
        draw: theory_figure.Drawing = theory_figure.DRAWN[options.reproduce]
    else:
        selected, selection = _selection(options)
        axes = {name: getattr(options, name) or value for name, value in SHAPE.items()} | selected
        if options.penalty is not None and options.learner in (None, "averaging"):
            raise ValueError("--penalty is for the learners ridge and logistic")
        if options.figure:
            theory_figure.check_grid(axes)
        penalty = 1.0 if options.penalty is None else options.penalty
        cells, repetitions = theory_results.cells(axes, selection, options.learner or "averaging", penalty), 100
        draw = partial(theory_figure.draw_grid, grid=axes, value="accuracy")
    points = simulated(list(cells), options.repetitions or repetitions, options.seed, options.workers)
    if options.figure:
        draw(points, options.figure)
    rows = points.rows()
    _write(options, rows, {"grid": rows})


def _refuse_settings(options: argparse.Namespace) -> None:
    for name in (*SHAPE, "learner", "penalty", "supervision", "rate", *(name for way in WAYS for name in way)):
        if getattr(options, name) is not None:
            raise ValueError(
                f"--reproduce {options.reproduce} fixes all settings but --repetitions, --seed and --workers: "
                f"leave out {_flag(name)}"
            )


def _selection(options: argparse.Namespace) -> tuple[dict[str, list[float]], str]:
    """The grid's axes beside mu, d and n, and how samples are selected."""
    given = [{name: getattr(options, name) for name in way if getattr(options, name) is not None} for way in WAYS]
    if sum(bool(axes) for axes in given) != 1:
        raise ValueError("expected either --p, --phi and --psi, or --generator and its verifier, or --generator-samples")
    independent, angled, trained = given
    supervision = options.supervision or ("independent" if independent else "weak")
    if options.rate is not None and supervision != "random":
        raise ValueError("--rate is for --supervision random")
    if independent:
        if len(independent) < 3 or options.supervision:
            raise ValueError("selection independent of x needs --p, --phi and --psi, and no --supervision")
        return independent, supervision
    axes = angled or trained
    ways = WAYS[1] if angled else WAYS[2]
    wanted = ways if supervision == "weak" else ways[:1]
    if tuple(axes) != wanted:
        needs = " and ".join(_flag(name) for name in wanted)
        raise ValueError(f"{supervision} supervision of this generator needs {needs}, and no other")
    if supervision == "random":
        axes["rate"] = options.rate or [0.5]
    return axes, supervision


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _recursion(options: argparse.Namespace) -> None:
    if options.seed is not None and not options.simulate:
        raise ValueError("--seed is for --simulate")
    if options.tolerance is not None and "real" not in options.mix:
        raise ValueError("--tolerance is for generations that are mixed with the real data (--mix real)")
    source = _source(options)
    sizes = (options.real, options.synthetic, options.generations, options.simulate, options.seed or 0)
    regimes = {mix: theory_results.generations(source, *sizes, _window(mix), options.tolerance) for mix in options.mix}
    several = len(regimes) > 1
    found = regimes.get("real", next(iter(regimes.values())))
    if options.figure and several:
        theory_figure.draw_regimes(regimes, options.figure)
    elif options.figure:
        theory_figure.draw_generations(found, options.figure)
    content = {mix: each.content() for mix, each in regimes.items()}
    rows = [{**({"mix": mix} if several else {}), **row} for mix, each in regimes.items() for row in each.rows()]
    _write(options, rows, {"regimes": content} if several else found.content())
    if not options.json:
        for name, value in found.bounds.items():
            print(f"{name}: {value}")


def _source(options: argparse.Namespace) -> Floats:
    if (options.corpus is None) == (options.symbols is None):
        raise ValueError("expected either --symbols or --corpus")
    if options.corpus is None:
        if options.context is not None:
            raise ValueError("--context is for a --corpus")
        return sources.zipf(options.symbols, options.zipf or 0.0)
    if options.zipf is not None:
        raise ValueError("--zipf is for --symbols: a corpus has counts of its own")
    try:
        lines = options.corpus.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{options.corpus}: expected UTF-8 text, got {error}") from None
    return sources.from_corpus(lines, options.context)


def _window(mix: str) -> recursion.Window | None:
    if mix == "real":
        return None
    return recursion.every if mix == "all" else recursion.latest(int(mix[7:]))


def _write(options: argparse.Namespace, rows: Sequence[Row], content: object, shown: Sequence[Row] = ()) -> None:
    """All rows into the CSV file; the content as JSON, or the rows, or those that are to be shown, as a table."""
    if options.csv:
        write_atomic(options.csv, theory_results.as_csv(rows).encode())
    if options.json:
        print(json.dumps(content, ensure_ascii=False, allow_nan=False))
        return
    rows = shown or rows
    if len(rows) == 1 and not options.wide:
        show(theory_results.as_list(rows[0]))
        return
    same = {} if options.wide else theory_results.same(rows)
    if same:
        say(f"in all rows: {', '.join(f'{name} {value}' for name, value in same.items())}")
        print()
    show(theory_results.as_rich(rows, options.wide), options.wide)
    if len(rows) > theory_results.SHOWN:
        print(f"{len(rows) - theory_results.SHOWN:,} rows more, in --json and --csv")


def _check_outputs(options: argparse.Namespace) -> None:
    if options.figure and options.figure.suffix not in theory_figure.SUFFIXES:
        raise ValueError(f"{options.figure}: a figure's name ends in {' or '.join(theory_figure.SUFFIXES)}")
    if options.figure and options.csv and options.figure.resolve() == options.csv.resolve():
        raise ValueError(f"{options.csv}: --csv and --figure name one file")
    for path in filter(None, (options.csv, options.figure)):
        folder = next(parent for parent in path.resolve().parents if parent.exists())
        if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
            raise ValueError(f"{path}: cannot be written ({'a folder' if path.is_dir() else f'{folder} takes no files'})")
