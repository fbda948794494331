"""Questions about the built-in corpus's articles, answered with yes or no: what a tiny base may practise before any summary.

A claim tells the article's event in another of the ways that articles tell it, half of the time with a fact that is not its own.
No summary is ever shown: a base that has practised knows how to answer, as pretrained models do, and not how to summarise.
"""

import random

import pyarrow as pa

from summ_collapse.tasks import newswire_words as words
from summ_collapse.tasks.newswire_articles import Facts, Mixture, article, entities

WORDINGS = ("is it true that {claim} ?", "can one say that {claim} ?")
YES, NO = "yes", "no"


def questions(rows: int, seed: int, mixture: Mixture) -> pa.Table:
    """`rows` articles with a claim behind each, column `document`, and its answer, column `summary`; half of them are true."""
    asked = [_question(random.Random(f"newswire questions {seed} {row}"), mixture) for row in range(rows)]
    documents, answers = zip(*asked, strict=True)
    return pa.table({"document": list(documents), "summary": list(answers)})


def _question(rng: random.Random, mixture: Mixture) -> tuple[str, str]:
    kind, facts, told, document = article(rng, mixture)
    other = rng.choice([one for one in kind.phrasings if one != told])
    true = rng.random() < 0.5
    claim = other.format(**(facts if true else _altered(facts, other, rng)))
    asked = rng.choice(WORDINGS).format(claim=claim.removesuffix(" ."))
    return f"{document} {asked}", YES if true else NO


def _altered(facts: Facts, sentence: str, rng: random.Random) -> Facts:
    """The facts with one that the sentence tells replaced by another of its type."""
    told = [slot for slot in entities() if f"{{{slot}}}" in sentence]
    slot = rng.choice(told)
    return {**facts, slot: rng.choice([other for other in entities()[slot] if other != facts[slot]])}


def longest(mixture: Mixture) -> int:
    """Words of the longest article and question."""
    event = max(len(phrasing.split()) for kind in mixture.kinds for phrasing in kind.phrasings)
    beside = max(len(sentence.split()) for sentence in words.DISTRACTORS)
    return 2 * event + mixture.distractors[1] * beside + max(len(wording.split()) for wording in WORDINGS) - 1


def vocabulary() -> list[str]:
    """All words of articles, summaries and questions."""
    told = [text for kind in words.KINDS for text in (*kind.phrasings, kind.summary)]
    texts = [*told, *words.DISTRACTORS, *WORDINGS]
    plain = {word for text in texts for word in text.split() if not word.startswith("{")}
    names = {name for choices in entities().values() for name in choices}
    return sorted(plain | names | {*words.COUNTRY_OF.values(), *words.TRADES.values(), YES, NO})
