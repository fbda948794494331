"""`theory breakdown`, `phase`, `simulate`, `recursion`, `mixture`, `keep`: what the papers predict, and what simulation says."""

import argparse
from pathlib import Path
from typing import Any

from summ_collapse.cli.arguments import axis, natural, positive, whole_axis

GRID = "one number, or a grid: 0.5,0.9 or 0.1:0.9:0.1"
# The experiments of the paper that `simulate` reproduces, and how often by default.
REPETITIONS = {"transition": 50, "samples": 50, "sweet-spot": 4000, "quality": 50}


def add(commands: Any) -> None:
    """The parsers of these commands."""
    theory = commands.add_parser("theory", help="what the papers predict: breakdown points, phases, simulations, recursion")
    kinds = theory.add_subparsers(required=True, metavar="COMMAND", dest="theory")

    breakdown = kinds.add_parser("breakdown", help="p*, kept error, kept fraction and accuracy from p, phi and psi")
    breakdown.add_argument("--phi", type=axis, required=True, metavar="F", help=f"share of right samples that is kept ({GRID})")
    breakdown.add_argument("--psi", type=axis, required=True, metavar="F", help="share of wrong samples that is kept")
    breakdown.add_argument("--p", type=axis, metavar="P", help="share of wrong samples")
    breakdown.add_argument("--mu", type=axis, metavar="M", help="norm of the mean; alone: accuracy with endless data")
    breakdown.add_argument("--d", type=whole_axis, metavar="D", help="dimensions")
    breakdown.add_argument("--n", type=whole_axis, metavar="N", help="samples before selection")

    phase = kinds.add_parser("phase", help="accuracy over p and psi/phi, with the breakdown line and a run's measured arms")
    phase.add_argument("--p", type=axis, default="0.01:0.99:0.01", help="default: 0.01:0.99:0.01")
    phase.add_argument("--ratio", type=axis, help="psi/phi (default: 0:1.2:0.02, as far as psi is a share)")
    phase.add_argument("--phi", type=float, default=0.8, help="share of right samples that is kept (default: 0.8)")
    phase.add_argument("--mu", type=float, default=2.0, metavar="M", help="norm of the mean (default: 2)")
    phase.add_argument("--d", type=positive, default=200, help="dimensions (default: 200)")
    phase.add_argument("--n", type=positive, default=4000, help="samples before selection (default: 4000)")
    phase.add_argument("--run", type=Path, metavar="DIR", help="run folder whose arms are laid on the map")

    simulate = kinds.add_parser("simulate", help="the finite-data experiment, many times")
    simulate.set_defaults(usual_repetitions=REPETITIONS)
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

    mixture = kinds.add_parser("mixture", help="what real rows should weigh beside synthetic ones, for the mean of a Gaussian")
    mixture.add_argument("--ratio", type=axis, required=True, metavar="K", help=f"real rows / synthetic rows ({GRID})")

    keep = kinds.add_parser("keep", help="easy or hard rows: a linear student's accuracy by which of a verifier's rows it keeps")
    keep.add_argument("--angle", type=axis, required=True, metavar="DEG", help=f"generator's angle to the truth ({GRID})")
    keep.add_argument("--rate", type=axis, default="0.25", metavar="F", help="share of all rows that is kept (default: 0.25)")
    keep.add_argument("--n", type=whole_axis, default="4000", metavar="N", help="rows before selection (default: 4000)")
    keep.add_argument("--d", type=whole_axis, default="50", metavar="D", help="dimensions (default: 50)")

    for command in (breakdown, phase, simulate, recursion, mixture, keep):
        command.add_argument("--wide", action="store_true", help="print all columns, also wider than 80 columns of text")
        command.add_argument("--json", action="store_true", help="print as JSON")
        command.add_argument("--csv", type=Path, metavar="FILE", help="write every point (or generation) as CSV")
        command.add_argument("--figure", type=Path, metavar="FILE", help="draw (.svg or .png)")
        command.set_defaults(call=_call)


def _call(options: argparse.Namespace) -> None:
    from summ_collapse.cli.theory_commands import call  # takes longer than printing help

    call(options)


def _mixes(text: str) -> list[str]:
    for part in text.split(","):
        if part not in ("real", "all") and not (part.startswith("latest:") and part[7:].isdecimal() and int(part[7:]) > 0):
            raise argparse.ArgumentTypeError(f"expected real, all or latest:K with K at least 1, got {part!r}")
    return text.split(",")
