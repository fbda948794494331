"""The built-in corpus: a function of (rows, seed), with a tail that a small slice leaves uncovered."""

from collections import Counter

import pyarrow as pa
import pytest
from pydantic import ValidationError

from summ_collapse.tasks import newswire_words as words
from summ_collapse.tasks.newswire import Newswire
from summ_collapse.tasks.newswire_articles import examples

CORPUS = examples(4000, 0)


def test_rows_depend_on_the_seed_and_their_number_alone() -> None:
    assert examples(100, 0) == CORPUS.slice(0, 100)
    assert examples(100, 1)["document"] != CORPUS.slice(0, 100)["document"]


def test_documents_and_ids_are_unique() -> None:
    assert len(set(CORPUS["id"].to_pylist())) == 4000
    assert len(set(CORPUS["document"].to_pylist())) > 0.999 * 4000


def test_kinds_follow_zipfs_law_in_the_order_of_the_list() -> None:
    counts = Counter(CORPUS["kind"].to_pylist())
    total = sum(1 / rank for rank in range(1, len(words.KINDS) + 1))
    for rank, kind in enumerate(words.KINDS, start=1):
        share = 1 / rank / total
        deviation = (4000 * share * (1 - share)) ** 0.5
        assert abs(counts[kind.name] - 4000 * share) < 5 * deviation, kind.name


def test_summaries_copy_some_facts_and_reword_others() -> None:
    copied = reworded = 0
    for row in CORPUS.slice(0, 500).to_pylist():
        in_document = set(row["document"].split())
        facts = [word for word in row["summary"].split() if word in words.COMPANIES or word in words.PEOPLE]
        copied += all(fact in in_document for fact in facts)
        reworded += any(word not in in_document for word in row["summary"].split())
    assert copied == 500
    assert reworded == 500


def test_the_first_sentence_does_not_give_the_event_away() -> None:
    rows = CORPUS.slice(0, 500).to_pylist()
    leads = sum(any(fact not in row["document"].split(" .")[0] for fact in _facts(row["summary"])) for row in rows)
    assert leads > 100


def test_a_small_slice_leaves_a_tail_uncovered() -> None:
    def pairs(table: pa.Table) -> set[tuple[str, str]]:
        return {(row["kind"], fact) for row in table.to_pylist() for fact in _facts(row["summary"])}

    assert len(pairs(CORPUS.slice(0, 200)) & pairs(CORPUS)) < 0.5 * len(pairs(CORPUS))


def _facts(summary: str) -> list[str]:
    return [word for word in summary.split() if word in words.COMPANIES or word in words.PEOPLE]


def test_kinds_and_distractors_are_those_that_are_asked_for() -> None:
    task = Newswire(kind="newswire", rows=400, test=100, kinds=["hire", "quits"], kind_skew=0, distractors=(0, 0))
    rows = task.splits()["all"].to_pylist()
    counts = Counter(row["kind"] for row in rows)
    assert set(counts) == {"hire", "quits"}
    assert abs(counts["hire"] - 250) < 5 * (500 / 4) ** 0.5
    assert all(row["document"].count(" .") == 1 for row in rows)
    # What is not said is as it was.
    assert Newswire(kind="newswire", rows=90, test=10).splits()["all"] == examples(100, 0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kinds": ["hire", "quit"]}, "did you mean 'quits'"),
        ({"kinds": ["hire", "hire"]}, "expected each kind once"),
        ({"kinds": []}, "at least 1 item"),
        ({"distractors": [2, 1]}, "expected the fewest distractors before the most"),
        ({"distractors": [-1, 1]}, "greater than or equal to 0"),
    ],
)
def test_kinds_and_distractors_that_cannot_be_are_errors(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Newswire.model_validate({"kind": "newswire", "rows": 90, "test": 10, **given})


@pytest.mark.parametrize("distractors", [None, (0, 0), (1, 1), (2, 4)])
def test_a_plan_counts_on_documents_as_long_as_they_are(distractors: tuple[int, int] | None) -> None:
    task = Newswire(kind="newswire", rows=500, test=10, distractors=distractors)
    documents = task.splits()["all"]["document"].to_pylist()
    assert task.expected()["document_tokens"] == pytest.approx(
        sum(len(text.split()) for text in documents) / len(documents), abs=1
    )


def test_the_kind_of_every_real_summary_is_known_from_its_words() -> None:
    law = Newswire(kind="newswire", rows=100, test=10).law()
    summaries, kinds = CORPUS["summary"].to_pylist(), CORPUS["kind"].to_pylist()
    same = law.of_texts(summaries, summaries)
    assert same == {"kinds_survival": 1, "rare_kinds_survival": 1, "kinds_total_variation": 0, "no_kind": 0}
    first = [summary for summary, kind in zip(summaries, kinds, strict=True) if kind == words.KINDS[0].name]
    share = len(first) / len(summaries)
    found = law.of_texts([*first[:30], "nothing of that", *[""] * 9], summaries)
    assert found["kinds_survival"] == pytest.approx(1 / len(words.KINDS))
    assert found["no_kind"] == pytest.approx(0.25)
    assert found["kinds_total_variation"] == pytest.approx(((0.75 - share) + (1 - share) + 0.25) / 2)


def test_rare_kinds_are_those_under_one_percent() -> None:
    task = Newswire(kind="newswire", rows=4000, test=10, kind_skew=2.5)
    table = task.splits()["all"]
    counts = Counter(table["kind"].to_pylist())
    rare = {kind for kind, count in counts.items() if count < 0.01 * table.num_rows}
    kept = [row["summary"] for row in table.to_pylist() if row["kind"] not in rare or row["kind"] == min(rare)]
    assert len(rare) > 1
    found = task.law().of_texts(kept, table["summary"].to_pylist())
    assert found["rare_kinds_survival"] == pytest.approx(1 / len(rare))
    assert found["kinds_survival"] == pytest.approx((len(counts) - len(rare) + 1) / len(counts))
