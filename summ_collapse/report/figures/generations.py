"""Generations that learn from their own output: the metric and measures of collapse, a line a regime, from the generator on."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from summ_collapse.report.figures.canvas import draw_intervals, look, panels
from summ_collapse.report.lines.trends import value_of
from summ_collapse.report.results import Entry

SHOWN = {
    "tail_survival": "rare words that survive (share)",
    "next_word_entropy": "entropy of the next word (nats)",
    "self_bleu": "self-BLEU (1: all texts alike)",
    "real_loss": "loss on real texts (nats a token)",
}


def draw_generations(
    lines: Mapping[tuple[float | None, str], Sequence[Entry]], metric: str, paths: Sequence[Path], title: str
) -> None:
    """The first metric with its interval, and beside it the means of what is measured of collapse."""
    several = len({share for share, _ in lines}) > 1
    with panels(paths, (3.2 * (1 + len(SHOWN)), 3.6), title, 1 + len(SHOWN)) as all_axes:
        for place, ((share, regime), arms) in enumerate(lines.items()):
            style = look(place, f"g{share:g}-{regime}" if several else regime)
            generations = [arm.generation or 0 for arm in arms]
            draw_intervals(all_axes[0], generations, [arm.metrics[metric] for arm in arms], **style)
            for axes, measure in zip(all_axes[1:], SHOWN, strict=True):
                known = [(generation, value_of(arm, measure)) for generation, arm in zip(generations, arms, strict=True)]
                axes.plot(*zip(*[point for point in known if point[1] is not None], strict=True), **style)
        for axes, label in zip(all_axes, (f"{metric} on test rows", *SHOWN.values()), strict=True):
            axes.set_xlabel("generation")
            axes.set_title(label, loc="left", fontsize=9)
