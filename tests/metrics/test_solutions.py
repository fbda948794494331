"""Solutions as they are read: their steps, their answer, which steps are right, and what two of them share."""

import pytest

from summ_collapse.metrics.scoring import score_pairs
from summ_collapse.metrics.solutions import arithmetic_holds, evaluated, final_answer
from summ_collapse.metrics.steps import boundaries, identity, split
from summ_collapse.metrics.word_problems import amounts, right_steps, sound

PROBLEM = "ann has 7 apples . ann finds 5 . bob sells 4 . ann loses 3 . how many apples has ann ?"
RIGHT = "1) 7 - 3 = 4 2) 4 + 5 = 9 answer: 9"
GSM8K = "She has 48/2 = <<48/2=24>>24 clips.\nTogether 48+24 = <<48+24=72>>72.\n#### 72"


def test_steps_are_numbered_or_lines_and_the_answer_is_one() -> None:
    assert split(RIGHT, "solution") == split(f"\n{RIGHT} \n", "solution") == ["1) 7 - 3 = 4", "2) 4 + 5 = 9", "answer: 9"]
    assert [step[:3] for step in split(GSM8K, "solution")] == ["She", "Tog", "###"]
    places = boundaries(RIGHT, "solution")
    assert [RIGHT[place:][:2] for place in places] == ["2)", "an"]
    assert boundaries("", "solution") == []


@pytest.mark.parametrize(
    ("text", "answer"),
    [(RIGHT, "9"), (GSM8K, "72"), ("#### 1,234", "1234"), ("answer: -3", "-3"), ("1) 7 + 5 = 12", None), ("answer:", None)],
)
def test_the_answer_is_the_last_number_said_to_be_one(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer


def test_solved_compares_numbers_and_sound_looks_at_every_step() -> None:
    lucky = "1) 7 + 5 = 11 2) 11 - 3 = 9 answer: 9"
    scores = score_pairs([RIGHT, lucky, "answer: 9.0", "nine"], [RIGHT] * 4, ["solved", "sound"], [PROBLEM] * 4)
    assert scores["solved"].tolist() == [1, 1, 1, 0]
    assert scores["sound"].tolist() == [1, 0, 0, 0]
    assert score_pairs(["nine"], ["nine"], ["solved"])["solved"].tolist() == [0]


def test_amounts_are_those_of_the_one_who_is_asked_about() -> None:
    assert amounts(PROBLEM) == [7, 5, -3]
    assert amounts("The committee met on Monday . It was long") is None


@pytest.mark.parametrize(
    ("solution", "right"),
    [
        (RIGHT, [True, True, True]),
        ("1) 5 + 7 = 12 2) 12 - 3 = 9 answer: 9", [True, True, True]),
        ("1) 7 + 5 = 13 2) 13 - 3 = 10 answer: 10", [False, True, True]),  # by itself the second is right
        ("1) 7 + 5 = 12 2) 12 + 5 = 17 answer: 17", [True, False, False]),  # used twice, and 3 is left
        ("1) 7 + 4 = 11 2) 11 - 3 = 8 answer: 8", [False, True, False]),  # what another one has
        ("1) 7 + 5 = 12 answer: 12", [True, False]),
        ("1) 7 + 5 = 12 2) 9 - 3 = 6 answer: 6", [True, False, False]),  # goes on from another total
    ],
)
def test_a_step_uses_what_is_left_and_goes_on_from_the_total(solution: str, right: list[bool]) -> None:
    assert right_steps(PROBLEM, solution)[: len(right)] == right
    assert sound(PROBLEM, solution) == all(right)


def test_of_any_other_problem_arithmetic_is_looked_at() -> None:
    assert right_steps("Some question?", GSM8K) == [True, True, True]
    assert right_steps("Some question?", GSM8K.replace("=72>>", "=73>>")) == [True, False, True]
    assert arithmetic_holds("a third is <<1/3=.33>>.33")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2+3*4", 14),
        ("(2+3)*4", 20),
        ("10/4", 2.5),
        ("-3+5", 2),
        ("1,000*2", 2000),
        ("2+", None),
        ("2 apples", None),
        ("1/0", None),
        ("", None),
        ("2**9", None),
        ("7//2", None),
        ("(" * 999, None),
        ("9" * 5000, None),
    ],
)
def test_expressions_are_evaluated_by_precedence_and_nothing_else(expression: str, value: float | None) -> None:
    assert evaluated(expression) == value


def test_solutions_are_one_where_only_blanks_case_and_numbers_differ() -> None:
    assert identity(RIGHT, "solution") == identity("7 -  3 = 4\n2) 4 + 5 = 9  answer:9", "solution")
    assert identity(GSM8K, "solution") == identity(GSM8K.upper().replace("<<48/2=24>>", "48/2=24"), "solution")
    assert identity(RIGHT, "solution") != identity("1) 7 + 5 = 12 2) 12 - 3 = 9 answer: 9", "solution")
    assert identity("One  thing. Another.", "sentence") == identity("one thing. another.", "sentence")


def test_sentences_and_clauses() -> None:
    text = "The bank, which lost money, closed. Staff left because it did."
    assert split(text, "sentence") == ["The bank, which lost money, closed.", "Staff left because it did."]
    assert split(text, "clause")[:3] == ["The bank,", "which lost money,", "closed."]
    assert "".join(text.split()) == "".join("".join(split(text, "clause")).split())
