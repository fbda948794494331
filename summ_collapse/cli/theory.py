"""`theory breakdown`, `phase`, `simulate`, `recursion`: what the papers predict, and what simulation says of it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from summ_collapse.cli.arguments import axis, natural, positive, whole_axis
from summ_collapse.cli.theory_output import told, write

if TYPE_CHECKING:
    from summ_collapse.theory.normal import Floats
    from summ_collapse.theory.recursion import Window

RATIOS = "0:1.2:0.02"
GRID = "one number, or a grid: 0.5,0.9 or 0.1:0.9:0.1"
REPETITIONS = {"transition": 50, "samples": 50, "sweet-spot": 4000, "quality": 50}
# What `simulate` needs and an experiment of the paper fixes, with the values of options that are not given.
SHAPE: dict[str, list[float]] = {"mu": [2.0], "d": [50], "n": [4000]}
LEARNING = ("learner", "penalty")
# How samples are selected: one of these, with the options that it takes.
WAYS = (("p", "phi", "psi"), ("generator", "verifier", "between"), ("generator_samples", "verifier_samples"))


def add(commands: Any) -> None:
    """The parsers of these commands."""
    theory = commands.add_parser("theory", help="what the papers predict: breakdown points, phases, simulations, recursion")
    kinds = theory.add_subparsers(required=True, metavar="COMMAND")

    breakdown = kinds.add_parser("breakdown", help="p*, kept error, kept fraction and accuracy from p, phi and psi")
    breakdown.add_argument("--phi", type=axis, required=True, metavar="F", help=f"share of right samples that is kept ({GRID})")
    breakdown.add_argument("--psi", type=axis, required=True, metavar="F", help="share of wrong samples that is kept")
    breakdown.add_argument("--p", type=axis, metavar="P", help="share of wrong samples")
    breakdown.add_argument("--mu", type=axis, metavar="M", help="norm of the mean; alone: accuracy with endless data")
    breakdown.add_argument("--d", type=whole_axis, metavar="D", help="dimensions")
    breakdown.add_argument("--n", type=whole_axis, metavar="N", help="samples before selection")
    _add_output(breakdown)
    breakdown.set_defaults(call=_breakdown)

    phase = kinds.add_parser("phase", help="accuracy over p and psi/phi, with the breakdown line and a run's measured arms")
    phase.add_argument("--p", type=axis, default="0.01:0.99:0.01", help="default: 0.01:0.99:0.01")
    phase.add_argument("--ratio", type=axis, help="psi/phi (default: 0:1.2:0.02, as far as psi is a share)")
    phase.add_argument("--phi", type=float, default=0.8, help="share of right samples that is kept (default: 0.8)")
    phase.add_argument("--mu", type=float, default=2.0, metavar="M", help="norm of the mean (default: 2)")
    phase.add_argument("--d", type=positive, default=200, help="dimensions (default: 200)")
    phase.add_argument("--n", type=positive, default=4000, help="samples before selection (default: 4000)")
    phase.add_argument("--run", type=Path, metavar="DIR", help="run folder whose arms are laid on the map")
    _add_output(phase)
    phase.set_defaults(call=_phase)

    simulate = kinds.add_parser("simulate", help="the finite-data experiment, many times")
    simulate.add_argument("--reproduce", choices=REPETITIONS, help="an experiment of the paper, with all its settings")
    for name, text in (("p", "share of wrong labels"), ("phi", "share of right ones kept"), ("psi", "share of wrong ones kept")):
        simulate.add_argument(f"--{name}", type=axis, help=f"selection independent of x: {text} ({GRID})")
    simulate.add_argument(
        "--supervision", choices=("oracle", "weak", "self", "random", "none"), help="of a linear generator (default: weak)"
    )
    simulate.add_argument("--generator", type=axis, metavar="DEG", help="linear generator's angle to the truth, degrees")
    simulate.add_argument("--verifier", type=axis, metavar="DEG", help="linear verifier's angle to the truth, degrees")
    simulate.add_argument("--between", type=axis, metavar="DEG", help="angle between both, degrees")
    simulate.add_argument(
        "--generator-samples", type=whole_axis, metavar="N", help="or: true samples that the generator averages"
    )
    simulate.add_argument("--verifier-samples", type=whole_axis, metavar="N", help="true samples that the verifier averages")
    simulate.add_argument("--rate", type=axis, metavar="F", help="share that random supervision keeps (default: 0.5)")
    simulate.add_argument("--mu", type=axis, metavar="M", help="norm of the mean (default: 2)")
    simulate.add_argument("--d", type=whole_axis, help="dimensions (default: 50)")
    simulate.add_argument("--n", type=whole_axis, help="samples before selection (default: 4000)")
    simulate.add_argument("--learner", choices=("averaging", "ridge", "logistic"), help="default: averaging")
    simulate.add_argument("--penalty", type=float, help="L2 penalty of ridge and logistic (default: 1)")
    simulate.add_argument("--repetitions", type=positive, metavar="R", help="default: 100; an experiment's own with --reproduce")
    simulate.add_argument("--seed", type=natural, default=0, help="default: 0")
    simulate.add_argument("--workers", type=positive, help="processes; results do not depend on it (default: one a core)")
    _add_output(simulate)
    simulate.set_defaults(call=_simulate)

    recursion = kinds.add_parser("recursion", help="training on one's own output: S, D and bounds, generation by generation")
    recursion.add_argument("--symbols", type=positive, metavar="S", help="tokens there are; not with --corpus")
    recursion.add_argument("--real", type=natural, required=True, metavar="N", help="real draws; 0: fully synthetic")
    recursion.add_argument("--synthetic", type=positive, required=True, metavar="N", help="draws from each generation")
    recursion.add_argument("--generations", type=natural, required=True, metavar="G", help="the last; 0 is the first model")
    recursion.add_argument("--simulate", type=positive, default=0, metavar="REPS", help="simulate as often, beside the formulas")
    recursion.add_argument("--seed", type=natural, help="of the simulation (default: 0)")
    recursion.add_argument("--zipf", type=float, metavar="A", help="source with shares rank^-A (default: uniform)")
    recursion.add_argument("--corpus", type=Path, metavar="FILE", help="source: the words of a text file")
    recursion.add_argument("--context", metavar="WORD", help="only those that follow this word")
    recursion.add_argument(
        "--mix", type=_mixes, default="real", help="what a generation learns from: real, latest:K, all; several by commas"
    )
    recursion.add_argument("--tolerance", type=float, metavar="E", help="give the synthetic draws that keep sqrt(sD) under this")
    _add_output(recursion)
    recursion.set_defaults(call=_recursion)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every point (or generation) as CSV")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw (.svg or .png)")


def _mixes(text: str) -> list[str]:
    for part in text.split(","):
        if part not in ("real", "all") and not (part.startswith("latest:") and part[7:].isdecimal() and int(part[7:]) > 0):
            raise argparse.ArgumentTypeError(f"expected real, all or latest:K with K at least 1, got {part!r}")
    return text.split(",")


def _breakdown(options: argparse.Namespace) -> None:
    from summ_collapse.report import theory_results
    from summ_collapse.report.figures import theory as theory_figure

    with told(options):
        axes = {name: getattr(options, name) for name in ("phi", "psi", "p", "mu", "d", "n") if getattr(options, name)}
        if options.figure:
            theory_figure.check_grid(axes)
        points = theory_results.breakdown(axes)
        if options.figure:
            value = "accuracy" if options.mu else "kept_error" if options.p else "p_star"
            theory_figure.draw_grid(points, axes, value, options.figure)
        rows = points.rows()
        single = {name: rows[0][name] for name in theory_results.OUTPUTS}
        write(options, rows, single if len(rows) == 1 else {"grid": rows})


def _phase(options: argparse.Namespace) -> None:
    from summ_collapse.report import theory_results
    from summ_collapse.report.figures import theory as theory_figure
    from summ_collapse.report.results import read_results
    from summ_collapse.theory.gaussian import breakdown_point

    measured = theory_results.measured(read_results(options.run) if options.run else {"arms": []})
    with told(options):
        breakdown_point(options.phi, 1.0)  # phi is in its range before anything is asked of it
        ratio = options.ratio or [value for value in axis(RATIOS) if value * options.phi <= 1]
        points = theory_results.phase(options.p, ratio, options.phi, options.mu, options.d, options.n)
        if options.figure:
            theory_figure.draw_phase(points, measured, options.figure)
        grid, arms = points.rows(), measured.rows()
        write(options, grid + arms, {"grid": grid, "measured": arms}, shown=arms or grid)


def _simulate(options: argparse.Namespace) -> None:
    from summ_collapse.report import theory_results
    from summ_collapse.report.figures import theory as theory_figure
    from summ_collapse.theory.reproductions import REPRODUCTIONS

    with told(options):
        if options.reproduce:
            _refuse_settings(options)
            repetitions = options.repetitions or REPETITIONS[options.reproduce]
            points = REPRODUCTIONS[options.reproduce](repetitions, options.seed, options.workers)
            if options.figure:
                theory_figure.DRAWN[options.reproduce](points, options.figure)
        else:
            selected, selection = _selection(options)
            axes = {name: getattr(options, name) or value for name, value in SHAPE.items()} | selected
            if options.penalty is not None and options.learner in (None, "averaging"):
                raise ValueError("--penalty is for the learners ridge and logistic")
            learning = (options.learner or "averaging", 1.0 if options.penalty is None else options.penalty)
            if options.figure:
                theory_figure.check_grid(axes)
            runs = (options.repetitions or 100, options.seed, options.workers)
            points = theory_results.simulation(axes, selection, *learning, *runs)
            if options.figure:
                theory_figure.draw_grid(points, axes, "accuracy", options.figure)
        rows = points.rows()
        write(options, rows, {"grid": rows})


def _refuse_settings(options: argparse.Namespace) -> None:
    for name in (*SHAPE, *LEARNING, "supervision", "rate", *(name for way in WAYS for name in way)):
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
    from summ_collapse.report import theory_results
    from summ_collapse.report.figures import theory as theory_figure

    with told(options):
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
        write(options, rows, {"regimes": content} if several else found.content())
    if not options.json:
        for name, value in found.bounds.items():
            print(f"{name}: {value}")


def _source(options: argparse.Namespace) -> "Floats":
    from summ_collapse.theory import sources

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


def _window(mix: str) -> "Window | None":
    from summ_collapse.theory import recursion

    if mix == "real":
        return None
    return recursion.every if mix == "all" else recursion.latest(int(mix[7:]))
