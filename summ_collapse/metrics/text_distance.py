"""How far a set of texts is from real ones, without a label: what others go by before they train.

Texts are vectors of length 1: TF-IDF, for which no model is needed, with words weighed by the real texts and a pool's together;
or a model's embeddings.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST = 2000  # texts of a side; more of them change the third digit
LEARNT = 500  # of a side that a classifier is trained and tried on: it has to be quick, there is one an arm
VOCABULARY = 4096
FEWEST = 4  # texts of a side, below which there is nothing to hold out


@dataclass(frozen=True)
class Space:
    """The vectors of real texts, and a way to make those of others."""

    vectors: Callable[[Sequence[str]], Any] | None  # (texts, width), sparse; None where no text holds a word
    real: Any

    @classmethod
    def of(cls, real: Sequence[str], pool: Sequence[str]) -> "Space":
        """Of a pool and of the real texts beside it; of many a sample each, drawn without regard to what they say."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        ours, theirs = _sample(real), _sample(pool)
        words = TfidfVectorizer(max_features=VOCABULARY, sublinear_tf=True, token_pattern=r"\S+")
        try:
            words.fit([*ours, *theirs])
        except ValueError:  # what scikit-learn says of an empty vocabulary
            return cls(None, None)
        return cls(words.transform, words.transform(ours))

    @classmethod
    def embedded(cls, real: Sequence[str], embed: Callable[[Sequence[str]], np.ndarray]) -> "Space":
        """Of real texts, by vectors of length 1 that `embed` makes of any."""
        from scipy.sparse import csr_matrix

        def vectors(texts: Sequence[str]) -> Any:
            return csr_matrix(np.asarray(embed(texts), dtype=np.float64))

        return cls(vectors, vectors(_sample(real)))

    def distances(self, texts: Sequence[str]) -> "Distances":
        """By both measures."""
        if self.vectors is None or not texts:
            return Distances()
        theirs = self.vectors(_sample(texts))
        return Distances(self._mmd(theirs), self._a_distance(theirs))

    def _mmd(self, theirs: Any) -> float | None:
        """The maximum mean discrepancy (Gretton et al. 2012) under the kernel of cosines: how far the mean vectors are apart,
        squared, without the bias of finite samples, so that it may fall below 0. None where a side has fewer than two texts.
        """
        if min(theirs.shape[0], self.real.shape[0]) < 2:
            return None
        return _within(self.real) + _within(theirs) - 2 * float((_mean(self.real) * _mean(theirs)).sum())

    def _a_distance(self, theirs: Any) -> float | None:
        """2 (1 - 2 error) of a linear classifier that tells both apart on texts held out (Ben-David et al. 2007): 0 where it
        cannot, 2 where it never errs. None where a side has too few texts.
        """
        from scipy.sparse import vstack
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold
        from threadpoolctl import threadpool_limits

        count = min(theirs.shape[0], self.real.shape[0], LEARNT)
        if count < FEWEST:
            return None
        # As many of both, so that chance is one half; drawn, since texts come in an order that says something.
        drawn = [np.random.default_rng(side).permutation(rows.shape[0])[:count] for side, rows in enumerate((self.real, theirs))]
        both = vstack([self.real[np.sort(drawn[0])], theirs[np.sort(drawn[1])]])
        sides = np.repeat([0, 1], count)
        right = []
        # On one thread, since sums that are split among several round differently.
        with threadpool_limits(1):
            for learnt, held_out in StratifiedKFold(2, shuffle=True, random_state=0).split(both, sides):
                fitted = LogisticRegression(max_iter=200).fit(both[learnt], sides[learnt])
                right.append(fitted.score(both[held_out], sides[held_out]))
        return float(2 * (1 - 2 * min(0.5, 1 - float(np.mean(right)))))


@dataclass(frozen=True)
class Distances:
    """Of some texts from the real ones; None where there are too few of either."""

    mmd: float | None = None
    a_distance: float | None = None


def one_a_document(document: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Places of rows to measure by: of what is kept the first of each document, since its candidates are alike; a sample of many.

    `document` numbers each row's, (rows,), and `kept` is (rows,) bool.
    """
    rows = np.flatnonzero(kept)
    rows = rows[np.unique(document[rows], return_index=True)[1]]
    return rows[_drawn(len(rows))]


def _sample(texts: Sequence[str]) -> list[str]:
    return [texts[place] for place in _drawn(len(texts)).tolist()]


def _drawn(count: int) -> np.ndarray:
    """At most MOST of so many places, the same ones every time."""
    if count <= MOST:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, MOST, replace=False))


def _mean(vectors: Any) -> np.ndarray:
    return np.asarray(vectors.mean(axis=0)).ravel()


def _within(vectors: Any) -> float:
    """The mean cosine of two different texts of one side."""
    rows = vectors.shape[0]
    total = np.asarray(vectors.sum(axis=0)).ravel()
    squares = float(vectors.multiply(vectors).sum())
    return float((total @ total - squares) / (rows * (rows - 1)))
