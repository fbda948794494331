"""`newswire`: a corpus small enough for two CPU cores that still has what makes synthetic data risky.

Each document tells one event among distractors that mention entities of the same types; its summary is one sentence
whose facts are partly copied (companies, people, numbers) and partly put into other words (a place becomes its
country, a trade its plain name, a telling its headline verb). Kinds and entities follow Zipf's law, so a small slice
leaves a tail uncovered. Everything is a function of (rows, seed); row i does not depend on `rows`.

    summ-collapse data newswire --rows 1000 --seed 0 --out news.jsonl
"""

import re
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
from pydantic import AfterValidator, Field, model_validator

from summ_collapse.plugins import nearest
from summ_collapse.tasks import newswire_words as words
from summ_collapse.tasks.law import Law
from summ_collapse.tasks.newswire_articles import DISTRACTORS, Mixture, examples
from summ_collapse.tasks.newswire_questions import longest, questions, vocabulary
from summ_collapse.tasks.prompt import PLACEHOLDER, Template
from summ_collapse.tasks.task import Task

EVENT_TOKENS, DISTRACTOR_TOKENS = 13, 7.7  # mean words of an event and of a distractor, in 2,000 documents
KIND_OF = {kind.name: kind for kind in words.KINDS}

Count = Annotated[int, Field(ge=0)]


def _known(name: str) -> str:
    if name not in KIND_OF:
        raise ValueError(f"expected one of {', '.join(KIND_OF)}, got {name!r}{nearest(name, KIND_OF)}")
    return name


KindName = Annotated[str, AfterValidator(_known)]


class Newswire(Task):
    """The built-in corpus, generated from (rows, seed)."""

    kind: Literal["newswire"]
    rows: int = Field(ge=10, description="rows of training text, the pool that slices and selections are cut from")
    test: int = Field(ge=2, description="rows held out for evaluation")
    seed: int = Field(0, ge=0, description="seed of the generated text")
    kind_skew: float = Field(1.0, ge=0, description="exponent of Zipf's law over the kinds of events; 0: all alike")
    entity_skew: float = Field(0.6, ge=0, description="the same over people, companies, places, trades and numbers")
    kinds: list[KindName] | None = Field(None, min_length=1, description="kinds of events, most frequent first; all where absent")
    distractors: tuple[Count, Count] | None = Field(
        None, description="fewest and most sentences beside the event's; 1 and 2 where absent"
    )
    questions: int | None = Field(
        None,
        gt=0,
        description="articles with a claim, to be answered yes or no, that a tiny base may be pretrained on; none where absent",
    )
    prompt: Template = Field("{document} TL;DR:", description="what the model reads; {document} stands for the document")
    max_document_tokens: int = Field(96, gt=0, description="tokens of a document that a model reads; the rest is cut")

    @model_validator(mode="after")
    def _consistent(self) -> "Newswire":
        if self.kinds is not None and len(set(self.kinds)) < len(self.kinds):
            raise ValueError(f"expected each kind once, got {', '.join(self.kinds)}")
        if self.distractors is not None and self.distractors[0] > self.distractors[1]:
            raise ValueError(f"expected the fewest distractors before the most, got {list(self.distractors)}")
        if self.questions and (needed := longest(self.mixture)) > self.max_document_tokens:
            raise ValueError(
                f"expected max_document_tokens of at least {needed}, which an article with a question has, "
                f"got {self.max_document_tokens}"
            )
        return self

    @property
    def practised(self) -> bool:
        return self.questions is not None

    def practice(self) -> pa.Table | None:
        """Questions about articles of their own."""
        return questions(self.questions, self.seed, self.mixture) if self.questions else None

    def vocabulary(self) -> list[str] | None:
        """All words that there are, where questions bring some that no article has; else the texts say."""
        if not self.practised:
            return None
        return [*vocabulary(), *self.prompt.replace(PLACEHOLDER, " ").split()]

    def splits(self) -> dict[str, pa.Table]:
        """Examples as {"all": table}; the split is drawn from `split_seed`, `test` rows large."""
        return {"all": examples(self.rows + self.test, self.seed, self.mixture)}

    @property
    def mixture(self) -> Mixture:
        """What the documents are made of."""
        kinds = words.KINDS if self.kinds is None else tuple(KIND_OF[name] for name in self.kinds)
        return Mixture(kinds, self.kind_skew, self.entity_skew, self.distractors or DISTRACTORS)

    def law(self) -> "EventKinds":
        return EventKinds(kinds=[kind.name for kind in self.mixture.kinds])

    def test_rows(self, rows: int) -> int:
        return self.test

    def expected(self) -> dict[str, int]:
        """Rows and tokens that a plan can count on before any data is read."""
        document = EVENT_TOKENS + DISTRACTOR_TOKENS * sum(self.distractors or DISTRACTORS) / 2
        return {"train": self.rows, "test": self.test, "document_tokens": round(document), "summary_tokens": 8}


class EventKinds(Law):
    """What kinds of events there are, each of which a summary tells in words of its own."""

    kinds: list[KindName]

    def of_texts(self, written: Sequence[str], real: Sequence[str]) -> dict[str, float]:
        """The shares of kinds that survive, of all and of those that are rare; how far their shares are from the real ones.

        `no_kind` is the share of what is written that tells no event.
        """
        from summ_collapse.metrics.collapse import RARE, surviving, total_variation

        told = self._counts(written)
        ours, theirs = told / len(written), self._counts(real) / len(real)
        rare = (theirs > 0) & (theirs < RARE)
        return {
            "kinds_survival": surviving(ours > 0, theirs > 0),
            "rare_kinds_survival": surviving((ours > 0) & rare, rare),
            "kinds_total_variation": total_variation(*(np.append(shares, 1 - shares.sum()) for shares in (ours, theirs))),
            "no_kind": 1 - int(told.sum()) / len(written),
        }

    def _counts(self, texts: Sequence[str]) -> np.ndarray:
        patterns = [_told(KIND_OF[name].summary) for name in self.kinds]
        return np.array([sum(bool(pattern.fullmatch(text)) for text in texts) for pattern in patterns])


def _told(summary: str) -> "re.Pattern[str]":
    """What a summary of this kind looks like, whoever it is about."""
    return re.compile(r"\S+".join(re.escape(part) for part in re.split(r"\{\w+\}", summary)))
