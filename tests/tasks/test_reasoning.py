"""Problems in words and their solutions: right, drawn as said, and wrong where that was asked for."""

import numpy as np
import pytest
from pydantic import ValidationError

from summ_collapse.metrics.scoring import score_pairs
from summ_collapse.metrics.solutions import equation_of
from summ_collapse.metrics.steps import identity, split
from summ_collapse.metrics.word_problems import amounts, right_steps
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.tiny import train_tokenizer
from summ_collapse.tasks.prompt import Prompt
from summ_collapse.tasks.reasoning import Reasoning
from summ_collapse.verifiers.final_answer import FinalAnswer
from summ_collapse.verifiers.request import Request


def task(**changes: object) -> Reasoning:
    return Reasoning.model_validate({"kind": "reasoning", "rows": 480, "test": 20, **changes})


def texts(of: Reasoning) -> tuple[list[str], list[str]]:
    made = of.splits()["all"]
    return made["document"].to_pylist(), made["summary"].to_pylist()


@pytest.mark.parametrize("steps", [1, 4, 8])
@pytest.mark.parametrize("distractors", [0, 2])
def test_every_solution_is_sound_and_within_the_limit(steps: int, distractors: int) -> None:
    documents, solutions = texts(task(steps=steps, distractors=distractors))
    assert score_pairs(solutions, solutions, ["sound"], documents)["sound"].all()
    for document, solution in zip(documents, solutions, strict=True):
        given = amounts(document)
        assert given is not None
        assert len(given) == steps + 1
        assert document.count(" . ") == steps + distractors + 1
        assert f"answer: {sum(given)}" in solution
        assert all(0 <= int(word) <= 40 for word in solution.replace(")", "").split() if word.isdigit())


def test_solutions_take_other_orders_than_the_text() -> None:
    documents, solutions = texts(task())
    first = [solution.split(")")[1].split()[0] for solution in solutions]
    assert np.mean([word != str((amounts(document) or [0])[0]) for word, document in zip(first, documents, strict=True)]) > 0.3
    assert len({identity(solution, "solution") for solution in solutions}) > 450


def test_solutions_may_go_round_the_text_from_anywhere() -> None:
    documents, solutions = texts(task(orders="rotations"))
    for document, solution in zip(documents, solutions, strict=True):
        given = amounts(document) or []
        equations = [found for step in split(solution, "solution") if (found := equation_of(step)) is not None]
        taken = [equations[0].left, *(one.right if one.sign == "+" else -one.right for one in equations)]
        assert taken in [given[place:] + given[:place] for place in range(len(given))]
    assert len({solution.split(")")[1] for solution in solutions}) > 300


def test_easier_problems_have_fewer_sums_and_sound_solutions() -> None:
    practice = task(steps=4, easier=200, spurious=0.5).practice()
    assert practice is not None
    documents, solutions = practice["document"].to_pylist(), practice["summary"].to_pylist()
    assert score_pairs(solutions, solutions, ["sound"], documents)["sound"].all()
    assert {len(amounts(document) or []) for document in documents} == {2, 3, 4}
    assert task(easier=0).practice() is None
    assert texts(task(easier=200)) == texts(task())


def test_a_longer_corpus_begins_with_the_shorter_one() -> None:
    short, long = task().splits()["all"], task(rows=2000).splits()["all"]
    assert long.slice(0, 500).equals(short)
    assert task(seed=1).splits()["all"]["document"][0] != short["document"][0]


def test_a_share_of_solutions_is_right_by_luck() -> None:
    share, rows = 0.3, 4000
    documents, solutions = texts(task(rows=rows - 20, spurious=share))
    plain_documents, plain = texts(task(rows=rows - 20))
    assert documents == plain_documents
    scores = score_pairs(solutions, plain, ["solved", "sound"], documents)
    assert scores["solved"].all()
    # Four standard errors of a share of so many rows.
    assert abs(1 - scores["sound"].mean() - share) < 4 * np.sqrt(share * (1 - share) / rows)
    wrong = [right_steps(d, s) for d, s, sound in zip(documents, solutions, scores["sound"], strict=True) if not sound]
    assert {sum(not right for right in steps) for steps in wrong} == {2}


def test_a_closed_vocabulary_knows_every_word_and_a_problem_has_so_many() -> None:
    of = task(steps=5, distractors=1)
    tokenizer = train_tokenizer(of.vocabulary(), "word", 400, 128)
    encoder = Encoder(tokenizer, Prompt.parse(of.prompt), of.max_document_tokens)
    documents, solutions = texts(of)
    encoded = encoder.encode(documents, solutions)
    assert all(tokenizer.unk_token_id not in one.ids for one in encoded)
    assert {one.prompt_length - 1 for one in encoded} == {of.expected()["document_tokens"]}
    assert {len(one.ids) - one.prompt_length - 1 for one in encoded} == {of.expected()["summary_tokens"]}
    assert not any(one.truncated for one in encoded)


def test_the_verifier_takes_luck_for_right_unless_it_reads_the_steps() -> None:
    document, right = "ann has 7 pens . ann finds 5 . how many pens has ann ?", "1) 7 + 5 = 12 answer: 12"
    candidates = [right, "1) 7 + 4 = 12 answer: 12", "answer: 11"]
    request = Request([("a", n) for n in range(3)], candidates, [document] * 3, [right] * 3, 0, 8, None)
    answer, steps = (FinalAnswer.model_validate({"kind": "final-answer", "steps": on}).score(request) for on in (False, True))
    assert answer.score.tolist() == [1, 1, 0]
    assert steps.score.tolist() == [1, 0, 0]
    assert answer.columns["spurious"].tolist() == steps.columns["spurious"].tolist() == [0, 1, 0]
    assert task().judge("sound").steps
    assert not task().judge("solved").steps


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": 10}, "expected a limit of at least `largest`, 20, got 10"),
        ({"steps": 1, "spurious": 0.1}, "expected steps of at least 2"),
        ({"max_document_tokens": 20}, "expected max_document_tokens of at least 27"),
    ],
)
def test_what_does_not_go_together_is_said(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        task(**changes)
