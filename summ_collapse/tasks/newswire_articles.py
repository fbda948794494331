"""Articles of the built-in corpus and their summaries: one event each among distractors, all of words from `newswire_words`."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

import pyarrow as pa

from summ_collapse.tasks import newswire_words as words

T = TypeVar("T")
Facts = dict[str, str]  # what the slots of a sentence stand for

DISTRACTORS = (1, 2)  # fewest and most


@dataclass(frozen=True)
class Mixture:
    """What documents are made of: kinds of events by frequency, exponents of Zipf's law, fewest and most distractors."""

    kinds: tuple[words.Kind, ...] = words.KINDS
    kind_skew: float = 1.0
    entity_skew: float = 0.6
    distractors: tuple[int, int] = DISTRACTORS


def examples(rows: int, seed: int, mixture: Mixture = Mixture()) -> pa.Table:
    """`rows` examples with columns id, document, summary and kind (the event's)."""
    records = list(_records(rows, seed, mixture))
    return pa.table({name: [record[name] for record in records] for name in ("id", "document", "summary", "kind")})


def _records(rows: int, seed: int, mixture: Mixture) -> Iterator[dict[str, str]]:
    for row in range(rows):
        # A generator of its own per row, so that a longer corpus starts with the shorter one.
        kind, facts, _, document = article(random.Random(f"newswire {seed} {row}"), mixture)
        summary = kind.summary.format(**facts)
        yield {"id": f"newswire-{seed}-{row:07d}", "document": document, "summary": summary, "kind": kind.name}


def article(rng: random.Random, mixture: Mixture) -> tuple[words.Kind, Facts, str, str]:
    """A kind of event, its facts, the way in which it is told, and the article."""
    kind = _zipf(rng, mixture.kinds, mixture.kind_skew)
    facts = _facts(rng, mixture.entity_skew)
    told = rng.choice(kind.phrasings)
    sentences = [told.format(**facts)]
    for _ in range(rng.randint(*mixture.distractors)):
        place = rng.randint(0, len(sentences))
        sentences.insert(place, rng.choice(words.DISTRACTORS).format(**_facts(rng, mixture.entity_skew)))
    return kind, facts, told, " ".join(sentences)


def entities() -> dict[str, tuple[str, ...]]:
    """What may stand in each slot of an article's sentences."""
    people, companies = words.PEOPLE, words.COMPANIES
    return {
        "a": companies,
        "b": companies,
        "p": people,
        "q": people,
        "c": words.PLACES,
        "t": tuple(words.TRADES),
        "n": words.NUMBERS,
    }


def _facts(rng: random.Random, skew: float) -> Facts:
    company, other_company = _two(rng, words.COMPANIES, skew)
    person, other_person = _two(rng, words.PEOPLE, skew)
    place = _zipf(rng, words.PLACES, skew)
    trade = _zipf(rng, tuple(words.TRADES), skew)
    return {
        "a": company,
        "b": other_company,
        "p": person,
        "q": other_person,
        "c": place,
        "country": words.COUNTRY_OF[place],
        "t": trade,
        "trade": words.TRADES[trade],
        "n": _zipf(rng, words.NUMBERS, skew),
    }


def _two(rng: random.Random, choices: tuple[str, ...], skew: float) -> tuple[str, str]:
    first = _zipf(rng, choices, skew)
    second = first
    while second == first:
        second = _zipf(rng, choices, skew)
    return first, second


def _zipf(rng: random.Random, choices: Sequence[T], exponent: float) -> T:
    """One of `choices`, the k-th with weight k^-exponent."""
    weights = list(accumulate((rank + 1) ** -exponent for rank in range(len(choices))))
    return rng.choices(choices, cum_weights=weights)[0]
