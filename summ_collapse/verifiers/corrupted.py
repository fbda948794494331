"""`corrupted`: another verifier under attack. How many bad scores can a selection stand before it does harm?

A share of all candidates has its score flipped, shifted or lifted above all others, drawn at random or from one topic. The
affected rows of a smaller share are among those of a larger one.
"""

import re
from typing import Literal

import numpy as np
from pydantic import Field, field_validator

from summ_collapse.errors import InputError
from summ_collapse.records import tie_break
from summ_collapse.selection.order import places
from summ_collapse.verifiers.request import Attack, Request, Scored
from summ_collapse.verifiers.verifier import ModelFree


class Corrupted(ModelFree):
    """The scores of `of`, some of them tampered with."""

    kind: Literal["corrupted"]
    of: str = Field(description="name of another verifier of this recipe")
    share: float = Field(ge=0, le=1, description="share of all candidates whose scores are tampered with (0-1)")
    how: Literal["flip", "bias", "poison"] = Field(
        "flip",
        description="flip: the best becomes the worst, in ranks; bias: shifted by `strength`; poison: put above all others",
    )
    strength: float = Field(1.0, description="bias: the shift, in standard deviations of the scores; may be negative")
    topic: str | None = Field(
        None, description="regular expression: only candidates whose documents match are tampered with; at random where absent"
    )

    @field_validator("topic")
    @classmethod
    def _is_expression(cls, topic: str | None) -> str | None:
        try:
            re.compile(topic or "")
        except re.error as error:
            raise ValueError(f"expected a regular expression, got {topic!r}: {error}") from None
        return topic

    @property
    def sources(self) -> tuple[str, ...]:
        """The verifier under attack."""
        return (self.of,)

    @property
    def attack(self) -> Attack:
        """What a figure shows of it."""
        target = f"topic {self.topic}" if self.topic is not None else "at random"
        return Attack(self.of, self.how, self.strength if self.how == "bias" else None, target)

    def score(self, request: Request) -> Scored:
        """The source's scores, NaN where they are; column `tampered` says which were touched."""
        scores = request.scores[self.of]
        touched = self._touched(request, ~np.isnan(scores))
        return Scored(np.where(touched, self._tampered(scores), scores), {"tampered": touched})

    def _touched(self, request: Request, scored: np.ndarray) -> np.ndarray:
        """The first `share` of all rows by hash, of those with a score on the topic; all of these where they are fewer."""
        on_topic = scored
        if self.topic is not None:
            wanted = re.compile(self.topic)
            matches = np.array([wanted.search(document) is not None for document in request.documents], dtype=bool)
            on_topic = scored & matches
            if not matches.any():  # where all that match have no score, the arms that select by it will say so
                raise InputError(f"verifiers: topic {self.topic!r}, of the one that corrupts {self.of}, matches no document")
        order = np.lexsort((tie_break(f"corrupted {request.seed}", list(request.keys)), ~on_topic))
        return (places(order) < round(self.share * len(order))) & on_topic

    def _tampered(self, scores: np.ndarray) -> np.ndarray:
        """What every score would become."""
        if self.how == "bias":
            return scores + self.strength * np.nanstd(scores)
        if self.how == "poison":
            # Above the best, in the order they had.
            return scores - np.nanmin(scores) + np.nanmax(scores) + 1
        return _mirrored(scores)


def _mirrored(scores: np.ndarray) -> np.ndarray:
    """The score of the row that stands as far from the worst as this one from the best."""
    from scipy.stats import rankdata

    known = np.sort(scores[~np.isnan(scores)])
    mirrored = np.full(len(scores), np.nan)
    # Equal scores are mirrored to one score, that of the middle of their ranks.
    places = np.floor(rankdata(scores[~np.isnan(scores)])).astype(np.int64)
    mirrored[~np.isnan(scores)] = known[len(known) - places]
    return mirrored
