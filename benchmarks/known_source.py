"""Generations on a known source: models that count, beside the closed forms and beside a tiny transformer.

    summ-collapse run recipes/chain.yaml --jobs 2 --out runs/chain
    python benchmarks/known_source.py --run runs/chain --out benchmarks/results/known_source.json --figure docs/chain.svg

The source, sizes and regimes are the recipe's. Of models that count, many repetitions are simulated: their sums of squares
are held against the closed forms, their distances to generation 0 against another simulation, which draws counts and no texts.
A band is simultaneous: the largest deviation over all regimes and generations, in standard errors, that 95% of bootstrap
resamples of the repetitions stay below.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from summ_collapse.recipe.load import load
from summ_collapse.recipe.schema import Recipe
from summ_collapse.report.figures.canvas import color, panels
from summ_collapse.report.lines.trends import Line, intervals, seeds_lines, series_of
from summ_collapse.report.results import read_results
from summ_collapse.stages.prepare import slice_rows
from summ_collapse.theory import recursion, recursion_simulation
from summ_collapse.theory.chains import Measured, Regime, simulate

RECIPE = Path(__file__).parents[1] / "recipes" / "chain.yaml"
TOLERANCE = 0.08  # of the L1 distance of the first word's law to that of generation 0; what the recipe's `safe` is for
SAFE = ("safe", "twice", "four_times")
RESAMPLES = 2000
LEVEL = 0.95


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=Path, required=True, help="the finished run of the recipe")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--figure", type=Path, required=True)
    parser.add_argument("--repetitions", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    recipe = load(RECIPE)
    real, regimes = sizes(recipe)
    rounds = recipe.generations.rounds if recipe.generations else 0
    source = recipe.task.law().source
    counted = dict(
        zip(
            regimes,
            simulate(source, recipe.task.length, real, rounds, list(regimes.values()), options.repetitions, options.seed),
            strict=True,
        )
    )
    first = recursion.first_collision(source.first, real, 2)
    forms = {name: form for name, regime in regimes.items() if (form := closed_form(first, real, regime, rounds)) is not None}
    again = {
        name: recursion_simulation.simulate(
            source.first,
            real if regimes[name].real else 0,
            regimes[name].synthetic,
            rounds,
            options.repetitions,
            options.seed + 1,
        ).l1
        / 2
        for name in forms
        if regimes[name].mixture == "replace"
    }
    transformer = measured(options.run, rounds)
    pairs = {name: two.total_variation for name, (_, two) in counted.items()}
    found = {
        "recipe": recipe.name,
        "texts": real,
        "repetitions": options.repetitions,
        "collision": held({name: counted[name][0].collision for name in forms}, forms),
        "distance": held_both({name: counted[name][0].moved for name in again}, again),
        "safe": safe(first, real, len(source.first), regimes, counted, transformer),
        "counts": {name: [float(values.mean(axis=0)[0]), *interval(values[:, -1])] for name, values in pairs.items()},
        "transformer": {name: lines["pair_total_variation"] for name, lines in transformer.items()},
        "farther_than_counts": {
            name: [lines["pair_total_variation"][at][0] - float(pairs[name].mean(axis=0)[at]) for at in (0, rounds)]
            for name, lines in transformer.items()
        },
        "order": {
            "counts": sorted(pairs, key=lambda name: float(pairs[name].mean(axis=0)[-1])),
            "transformer": sorted(transformer, key=lambda name: transformer[name]["pair_total_variation"][rounds][0]),
        },
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n")
    draw(options.figure, counted, forms, transformer, rounds)
    print(json.dumps({name: found[name] for name in ("collision", "distance", "safe", "farther_than_counts", "order")}, indent=1))
    return 0


def sizes(recipe: Recipe) -> tuple[int, dict[str, Regime]]:
    """How many real texts generation 0 reads, and what each regime is in texts."""
    assert recipe.generations is not None
    rows = recipe.task.rows
    real = slice_rows(rows, recipe.generator.slices[0])
    regimes = {
        name: Regime(
            round((regime.rate or 1.0) * (rows - real)), round(regime.real_share * real), regime.mixture, regime.latest or 1
        )
        for name, regime in recipe.generations.regimes.items()
    }
    return real, regimes


def closed_form(first: float, real: int, regime: Regime, rounds: int) -> np.ndarray | None:
    """S of first words, (rounds + 1,); None where there is no closed form."""
    if regime.mixture == "accumulate":
        return recursion.accumulated_collision(first, real, regime.synthetic, rounds)
    if regime.mixture == "replace" and regime.real in (0, real):
        return recursion.collision(first, regime.real, regime.synthetic, rounds)
    return None


def deviations(values: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """How far means over repetitions are from what is expected, in standard errors; 0 where nothing varies."""
    errors = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return np.divide(values.mean(axis=0) - expected, errors, out=np.zeros_like(errors), where=errors > 1e-15)


def critical(values: np.ndarray, rng: np.random.Generator) -> float:
    """The largest deviation that 95% of resamples of the repetitions, (repetitions, all places), stay below."""
    mean, count = values.mean(axis=0), len(values)
    largest = [np.abs(deviations(values[rng.integers(count, size=count)], mean)).max() for _ in range(RESAMPLES)]
    return float(np.quantile(largest, LEVEL))


def held(values: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Whether all means lie in the simultaneous band around what is expected."""
    off = {name: float(np.abs(deviations(values[name], expected[name])).max()) for name in expected}
    limit = critical(np.concatenate([values[name] for name in expected], axis=1), np.random.default_rng(0))
    return {"band": limit, "farthest": off, "inside": max(off.values()) <= limit}


def held_both(values: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The same for two simulations: their differences, repetition by repetition, have mean 0."""
    differences = {name: values[name] - others[name] for name in others}
    return held(differences, {name: np.zeros(one.shape[1]) for name, one in differences.items()})


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """The mean over repetitions, and 1.96 standard errors below and above."""
    reach = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(values.mean() - reach), float(values.mean() + reach)


Lines = dict[str, dict[str, list[tuple[float, float | None, float | None]]]]


def measured(run: Path, rounds: int) -> Lines:
    """Of each regime of the run and each measure, a mean with its t interval over seeds a generation."""
    by_seed = seeds_lines(read_results(run))
    found: Lines = {}
    for measure in ("pair_total_variation", "first_total_variation", "pair_error", "pair_collision", "real_loss"):
        series = series_of(measure, by_seed)
        at: Sequence[Mapping[Line, tuple[float, float | None, float | None]]] = [
            intervals({line: [float(one[place]) for one in several] for line, several in series.items()})
            for place in range(rounds + 1)
        ]
        for line in series:
            found.setdefault(line[1], {})[measure] = [place[line] for place in at]
    return found


def safe(
    first: float,
    real: int,
    symbols: int,
    regimes: Mapping[str, Regime],
    counted: Mapping[str, tuple[Measured, Measured]],
    transformer: Lines,
) -> dict[str, Any]:
    """Of the safe amount and its multiples: the bound on L1 in the limit, L1 as counted, and what the transformer lost."""
    found: dict[str, Any] = {"tolerance": TOLERANCE, "safe_amount": recursion.safe_synthetic(first, real, symbols, TOLERANCE)}
    for name in SAFE:
        bound = recursion.l1_bound(recursion.drift_limit(first, real, regimes[name].synthetic), symbols)
        distance = transformer[name]["first_total_variation"] if name in transformer else None
        found[name] = {
            "synthetic": regimes[name].synthetic,
            "bound": float(bound),
            "l1_counted": interval(2 * counted[name][0].moved[:, -1]),
            "l1_counted_largest": float(2 * counted[name][0].moved[:, -1].max()),
            "transformer_first_word_total_variation": distance and [distance[0], distance[-1]],
        }
    return found


def draw(
    path: Path,
    counted: Mapping[str, tuple[Measured, Measured]],
    forms: Mapping[str, np.ndarray],
    transformer: Lines,
    rounds: int,
) -> None:
    generations = np.arange(rounds + 1)
    with panels([path], (11.5, 3.6), None, 3) as axes:
        for place, (name, (one, two)) in enumerate(counted.items()):
            style = {"color": color(place), "dashes": (4, 2) if place == 7 else (None, None)}
            if name in forms:
                axes[0].plot(generations, one.collision.mean(axis=0), linestyle="", marker=".", color=color(place))
                axes[0].plot(generations, forms[name], linewidth=1, **style)
            axes[1].plot(generations, two.total_variation.mean(axis=0), **style)
            if name in transformer:
                means = [mean for mean, _, _ in transformer[name]["pair_total_variation"]]
                axes[2].plot(generations, means, label=name, **style)
        titles = ("counts: Σp² of the first word, closed forms", "counts: total variation of two words", "transformer: the same")
        for panel, title in zip(axes, titles, strict=True):
            panel.set_title(title, loc="left", fontsize=9)
            panel.set_xlabel("generation")
        top = max(panel.get_ylim()[1] for panel in axes[1:])
        for panel in axes[1:]:
            panel.set_ylim(0, top)


if __name__ == "__main__":
    raise SystemExit(main())
