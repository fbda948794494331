"""What the theory says of two choices, on a grid: what real rows should weigh beside synthetic ones, and which rows to keep."""

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from summ_collapse.report.theory_results import grid_columns
from summ_collapse.theory import keeping, mixing
from summ_collapse.theory.points import Points


def mixture(axes: Mapping[str, Sequence[float]]) -> Points:
    """Over `ratio`, real rows / synthetic rows: weights of the real rows as a whole, and the errors that they tend to.

    Errors are multiples of what the real rows alone give, which are new in every generation.
    """
    columns = grid_columns(axes)
    weights = {how: np.array([mixing.weight_of(how, ratio) for ratio in columns["ratio"]]) for how in ("optimal", "pooled")}
    for how, found in {**weights, "equal": np.full(len(columns["ratio"]), 0.5)}.items():
        if how in weights:
            columns[f"{how}_weight"] = found
        columns[f"{how}_error"] = np.array(
            [mixing.limit_error(weight, ratio) for weight, ratio in zip(found, columns["ratio"], strict=True)]
        )
    return Points(columns)


def keep(axes: Mapping[str, Sequence[float]]) -> Points:
    """Over `angle` (degrees, between teacher and generator), `rate`, `n` rows and `d` dimensions: a student's accuracy.

    It keeps easy or hard rows, or all that pass; of the right ones (`…_right`), or whatever their label is. nan where fewer rows
    are right than are to be kept, or fewer are kept than can be fitted.
    """
    columns = grid_columns(axes)
    points = list(zip(*(columns[name] for name in ("angle", "rate", "n", "d")), strict=True))
    columns["p"] = np.array([angle / 180 for angle, *_ in points])
    for aware, suffix in ((True, "_right"), (False, "")):
        for which in ("easy", "hard"):
            said = partial(_accuracy, which=which, aware=aware)
            columns[f"{which}{suffix}"] = np.array([said(*point) for point in points])
        passing = [(angle, 1 - angle / 180 if aware else 1.0, n, d) for angle, _, n, d in points]
        columns[f"all{suffix}"] = np.array([_accuracy(*point, which="easy", aware=aware) for point in passing])
    return Points(columns)


def _accuracy(angle: float, rate: float, n: float, d: float, *, which: keeping.Which, aware: bool) -> float:
    if (aware and rate > 1 - angle / 180 + 1e-9) or (d >= 2 and n * rate <= d + 1):
        return math.nan
    return keeping.accuracy(keeping.Rows(math.radians(angle), rate, which, aware), int(n), int(d))
