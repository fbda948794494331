"""Which figures a report has: each where the experiment has what it shows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from summ_collapse.experiment.arms import VERDICT_BASELINE
from summ_collapse.report.figures.corruption import corruption_lines, draw_corruption
from summ_collapse.report.figures.effective import draw_effective
from summ_collapse.report.figures.generations import draw_generations
from summ_collapse.report.figures.prediction import draw_prediction
from summ_collapse.report.figures.quality import draw_quality, generator_slices
from summ_collapse.report.figures.rates import draw_rates
from summ_collapse.report.figures.variants import draw_variants, varied
from summ_collapse.report.lines.effective import Fitted
from summ_collapse.report.lines.trends import lines_of
from summ_collapse.report.results import Results
from summ_collapse.verifiers.request import Attack

SUFFIXES = ("svg", "png")


def draw_all(results: Results, attacks: Mapping[str, Attack], beside_theory: Sequence[Fitted], folder: Path) -> None:
    """Draw into `folder`; `attacks` are the recipe's verifiers under attack, by name."""

    def paths(name: str) -> list[Path]:
        return [folder / f"{name}.{suffix}" for suffix in SUFFIXES]

    title, metric = results.recipe, results.metric
    entries = [entry for entry in results.main if entry.failed is None]
    lines, others = lines_of(entries), [entry for entry in entries if entry.generation is None and entry.method is None]
    if len(others) == len(entries) or any(entry.verifier is not None for entry in others):
        draw_rates(others, metric, paths("rates"), title)
    draw_prediction(results.single, results.agreement, paths("prediction"), title)
    attacked = corruption_lines(others, attacks)
    if attacked:
        draw_corruption(attacked, metric, paths("corruption"), title)
    if ways := varied(others):
        controls = [entry for entry in others if entry.control == VERDICT_BASELINE]
        draw_variants(ways, controls, metric, paths("variants"), title)
    if lines:
        draw_generations(lines, metric, paths("generations"), title)
    if beside_theory:
        draw_effective(beside_theory, paths("theory"), title)
    if len(generator_slices(others)) > 1:
        draw_quality(others, metric, paths("quality"), title)
