"""Questions about articles: true claims tell the article's own event, the others one fact of another; a judge can learn them."""

import re

import pytest
from pydantic import ValidationError

from summ_collapse.tasks import newswire_words as words
from summ_collapse.tasks.newswire import Newswire
from summ_collapse.tasks.newswire_articles import Mixture, entities
from summ_collapse.tasks.newswire_questions import WORDINGS, questions, vocabulary

BARE = Mixture(distractors=(0, 0))
ROWS = questions(2000, 3, BARE).to_pylist()


def told(sentence: str) -> tuple[str, dict[str, str]]:
    """The kind of event that a sentence tells, and its facts, read from the templates anew."""
    for kind in words.KINDS:
        for phrasing in kind.phrasings:
            pattern = re.sub(r"\\{(\w)\\}", r"(?P<\1>\\S+)", re.escape(phrasing))
            if found := re.fullmatch(pattern, sentence):
                return kind.name, found.groupdict()
    raise AssertionError(sentence)


def parts(document: str) -> tuple[str, str]:
    for wording in WORDINGS:
        before, after = re.escape(wording).split(r"\{claim\}")
        if found := re.fullmatch(rf"(.* \.) {before}(.*){after}", document):
            return found[1], f"{found[2]} ."
    raise AssertionError(document)


def test_a_true_claim_has_the_facts_of_its_article_and_the_others_have_one_that_is_not() -> None:
    for row in ROWS:
        article, claim = parts(row["document"])
        assert article != claim
        (kind, facts), (claimed, said) = told(article), told(claim)
        shared = facts.keys() & said.keys()
        other = [slot for slot in shared if facts[slot] != said[slot]]
        assert claimed == kind
        assert (row["summary"], len(other)) in {("yes", 0), ("no", 1)}
        assert all(said[slot] in entities()[slot] for slot in said)


def test_half_of_them_are_true() -> None:
    share = sum(row["summary"] == "yes" for row in ROWS) / len(ROWS)
    assert abs(share - 0.5) < 4 * 0.5 / len(ROWS) ** 0.5


def test_no_summary_is_shown_and_every_word_is_in_the_vocabulary() -> None:
    known = set(vocabulary())
    summaries = Newswire(kind="newswire", rows=400, test=10).splits()["all"]["summary"].to_pylist()
    assert {word for row in ROWS for word in row["document"].split()} <= known
    assert {word for text in summaries for word in text.split()} <= known
    only_in_summaries = {"buys", "jumps", "becomes", "defeats"}
    assert not only_in_summaries & {word for row in ROWS for word in row["document"].split()}


def test_questions_are_practice_and_change_no_article() -> None:
    plain = Newswire(kind="newswire", rows=50, test=10)
    asked = Newswire(kind="newswire", rows=50, test=10, questions=20)
    assert (plain.practised, plain.practice(), plain.vocabulary()) == (False, None, None)
    practice = asked.practice()
    assert practice is not None
    assert practice.num_rows == 20
    assert "TL;DR:" in (asked.vocabulary() or [])
    assert asked.splits()["all"].equals(plain.splits()["all"])


def test_a_question_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValidationError, match="expected max_document_tokens of at least"):
        Newswire(kind="newswire", rows=50, test=10, questions=20, max_document_tokens=40)
