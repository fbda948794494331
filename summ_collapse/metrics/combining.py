"""Several verifiers' scores as one: ways that need no labels, and one that learns from a few.

Scores are put on one scale first: their ranks, as normal quantiles. Where nobody has labels, what verifiers share beyond chance
is taken for the truth; so two that fail together would be taken for it too, and one of them is left out.

    z = normal_scores([first, second, third])        # (rows, verifiers)
    together = weighted(z, kept_apart(z))
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from scipy import optimize, special, stats

DEPENDENT = 0.15  # correlation of two verifiers beyond what their common truth explains
ALIKE = 0.9  # more than two have that err independently: errors of right and wrong rows five deviations apart give 0.86
ROUNDS = 200  # of expectation and maximisation, at most
SETTLED = 1e-8
FOLDS = 5
PENALTIES = (0.01, 0.1, 1.0, 10.0)  # inverse, that cross-validation chooses from
SMOOTHED = 1.0  # votes on either side that a verifier is taken to have cast before any


def normal_scores(scores: Sequence[np.ndarray]) -> np.ndarray:
    """Normal quantiles of each verifier's ranks, ties averaged, (rows, verifiers); NaN stays NaN and is not counted."""
    columns = []
    for each in scores:
        known = int(np.count_nonzero(~np.isnan(each)))
        ranks = np.asarray(stats.rankdata(each, nan_policy="omit"), dtype=np.float64)
        columns.append(special.ndtri((ranks - 0.5) / max(1, known)))
    return np.stack(columns, axis=1)


def dawid_skene(z: np.ndarray) -> np.ndarray:
    """How likely each row is right, (rows,), by votes (Dawid and Skene 1979): a verifier votes for the better half of the rows.

    Verifiers are taken to err independently of each other, and to be right more often than not.
    """
    votes = (z > 0).astype(np.float64)
    right = votes.mean(axis=1)
    for _ in range(ROUNDS):
        share = np.clip(right.mean(), 1e-6, 1 - 1e-6)
        sure = (right @ votes + SMOOTHED) / (right.sum() + 2 * SMOOTHED)  # that it votes for a right row
        fooled = ((1 - right) @ votes + SMOOTHED) / ((1 - right).sum() + 2 * SMOOTHED)
        odds = np.log(share / (1 - share)) + votes @ np.log(sure / fooled) + (1 - votes) @ np.log((1 - sure) / (1 - fooled))
        last, right = right, special.expit(odds)
        if np.abs(right - last).max() < SETTLED:
            break
    return right


def loadings(z: np.ndarray) -> np.ndarray:
    """Each verifier's correlation with what they all have in common, (verifiers,): a factor model of their correlations.

    Pairs that correlate for another reason are outliers, which count for little (Cauchy loss).
    """
    correlations = np.corrcoef(z.T)
    pairs = np.triu_indices(z.shape[1], 1)
    alike = np.full(z.shape[1], np.sqrt(np.clip(correlations[pairs].mean(), 0.01, 0.98)))

    def fitted(start: np.ndarray, loss: Literal["linear", "cauchy"]) -> Any:
        def residuals(loading: np.ndarray) -> np.ndarray:
            return np.asarray((np.outer(loading, loading) - correlations)[pairs])

        return optimize.least_squares(residuals, start, bounds=(-0.99, 0.99), loss=loss, f_scale=0.02)

    # The loss has several minima: of those that are found from either start the lower one counts.
    fits = [fitted(start, "cauchy") for start in (alike, fitted(alike, "linear").x)]
    found = min(fits, key=lambda fit: float(fit.cost)).x
    return np.asarray(found * np.sign(found.sum() or 1.0))


def kept_apart(z: np.ndarray) -> list[int]:
    """The verifiers that are no copies of others' errors: of two that depend on each other the one that tells less is left out.

    A constant one is left out too. With fewer than three, what is common cannot be told from what is copied: all stay.
    """
    kept = [place for place in range(z.shape[1]) if np.ptp(z[:, place]) > 0]
    while len(kept) > 2:
        held = z[:, kept]
        correlations, loading = np.corrcoef(held.T), loadings(held)
        beyond = np.abs(correlations - np.outer(loading, loading))
        beyond[np.abs(correlations) > ALIKE] = 1.0
        np.fill_diagonal(beyond, 0.0)
        if beyond.max() <= DEPENDENT:
            break
        pair = np.unravel_index(beyond.argmax(), beyond.shape)
        kept.pop(int(min(pair, key=lambda place: loading[place])))
    return kept


def weights(z: np.ndarray, kept: Sequence[int]) -> np.ndarray:
    """What each verifier that is kept weighs, (kept,): a / (1 - a^2) of its loading a, as in the best linear guess at a common
    factor. Fewer than three weigh alike.
    """
    if len(kept) < 3:
        return np.full(len(kept), 1 / max(1, len(kept)))
    loading = np.clip(loadings(z[:, list(kept)]), 0.0, 0.98)
    return np.asarray(loading / (1 - loading**2))


def weighted(z: np.ndarray, kept: Sequence[int]) -> np.ndarray:
    """The verifiers that are kept, each weighed by what it tells of what they have in common, (rows,)."""
    return np.asarray(z[:, list(kept)] @ weights(z, kept))


def logistic(z: np.ndarray, labelled: np.ndarray, right: np.ndarray, seed: int) -> np.ndarray:
    """How likely each row is right, (rows,), by a logistic regression on the labelled ones, whose penalty is chosen by
    cross-validation.

    A labelled row's score is of a fit without it (of the other folds, with their own choice of penalty), so that no row is judged
    by what it has taught. `labelled` are places, `right` (labelled,) bool; ValueError where one class has fewer rows than folds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict

    counts = np.bincount(right, minlength=2)
    if counts.min() < FOLDS:
        raise ValueError(
            f"expected at least {FOLDS} right and {FOLDS} wrong rows among those labelled, got {counts[1]} and {counts[0]}"
        )
    inner = StratifiedKFold(min(FOLDS, int(counts.min() * (FOLDS - 1) // FOLDS)), shuffle=True, random_state=seed)
    outer = StratifiedKFold(FOLDS, shuffle=True, random_state=seed + 1)
    model = GridSearchCV(LogisticRegression(), {"C": PENALTIES}, cv=inner, scoring="neg_log_loss")
    found = np.full(len(z), np.nan)
    whole = ~np.isnan(z).any(axis=1)
    found[whole] = model.fit(z[labelled], right).predict_proba(z[whole])[:, 1]
    found[labelled] = cross_val_predict(model, z[labelled], right, cv=outer, method="predict_proba")[:, 1]
    return found
