"""Pairs of samples and of steps: what is preferred to what, behind which prefix, and who has none."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from summ_collapse.stages.pair import Pair
from summ_collapse.stages.stage import Outcome
from tests.stages.tables import done, keyed, published, rows_written

RIGHT = "1) 7 - 3 = 4 2) 4 + 5 = 9 answer: 9"
LATE = "1) 7 - 3 = 4 2) 4 + 5 = 8 answer: 8"  # wrong in its second step
EARLY = "1) 7 + 3 = 10 2) 10 + 5 = 15 answer: 15"  # in its first


def candidates(rows: list[tuple[str, int, str]], **more: Any) -> pa.Table:
    ids, samples, texts = zip(*rows, strict=True)
    finish = ["length" if text.endswith("=") else "stop" for text in texts]
    return keyed(ids, samples, candidate=list(texts), n_tokens=[9] * len(ids), finish=finish, **more)


def paired(
    tmp_path: Path, samples: list[tuple[str, int, str, float]], rollouts: list[Any] | None = None, **changes: Any
) -> tuple[Outcome, list[Any]]:
    """`samples` are (id, sample, text, score), `rollouts` (id, sample gone through, boundary, text, score)."""
    keys = [(one[0], one[1]) for one in samples]
    inputs = {
        "candidates": published(tmp_path, "candidates", candidates=candidates([one[:3] for one in samples])),
        "scores": published(
            tmp_path, "scores", scores=keyed([key for key, _ in keys], [n for _, n in keys], score=[one[3] for one in samples])
        ),
    }
    if rollouts is not None:
        numbered = [(one[0], place, one[3]) for place, one in enumerate(rollouts)]
        columns = {name: pa.array([one[at] for one in rollouts], pa.int32()) for name, at in (("of", 1), ("boundary", 2))}
        inputs["rollouts"] = published(tmp_path, "rollouts", candidates=candidates(numbered, **columns))
        scores = keyed([one[0] for one in numbered], [one[1] for one in numbered], score=[float(one[4]) for one in rollouts])
        inputs["scores of rollouts"] = published(tmp_path, "rolled", scores=scores)
    stepwise = {} if rollouts is None else {"steps": "solution", "fall": 0.5, "until": "step"}
    stage = Pair.model_validate({"margin": 0.5, "each": 2, "right": 1.0, "weights": "equal", **stepwise, **changes})
    outcome, out = done(stage, tmp_path / "pair", inputs)
    return outcome, rows_written(out, "pairs")


def test_the_best_samples_stand_beside_the_worst_and_none_in_two_pairs(tmp_path: Path) -> None:
    samples = [
        ("a", 0, RIGHT, 1.0), ("a", 1, EARLY, 0.0), ("a", 2, LATE, 0.0), ("a", 3, RIGHT + " ", 1.0),
        ("b", 0, RIGHT, 1.0), ("b", 1, RIGHT, 1.0),
        ("c", 0, EARLY, 0.0),
        ("d", 0, RIGHT, 0.7), ("d", 1, EARLY, 0.4),
        ("e", 0, RIGHT, float("nan")),
        ("f", 0, RIGHT, 1.0), ("f", 1, "1) 7 - 3 =", 0.0),
    ]  # fmt: skip
    outcome, pairs = paired(tmp_path, samples)
    assert [(pair["id"], pair["pair"]) for pair in pairs] == [("a", 0), ("a", 1), ("f", 0)]
    assert {pair["rejected"] for pair in pairs[:2]} == {EARLY, LATE}
    assert all(pair["chosen"].strip() == RIGHT and pair["prefix"] == "" and pair["weight"] == 1.0 for pair in pairs)
    assert [(pair["chosen_ends"], pair["rejected_ends"]) for pair in pairs] == [(True, True), (True, True), (True, False)]
    assert (outcome.rows_in, outcome.rows_out) == (6, 2)
    # `d` holds nothing that is right at all, `e` no score: each is counted as what it is.
    assert outcome.rejected == {"only right samples": 1, "only wrong samples": 2, "no score": 1}


def test_equal_texts_are_no_pair_whatever_their_scores(tmp_path: Path) -> None:
    outcome, pairs = paired(tmp_path, [("a", 0, RIGHT, 1.0), ("a", 1, RIGHT.replace(" 2)", "  2)"), 0.0)])
    assert pairs == []
    assert outcome.rejected == {"no two that are that far apart": 1}


def test_a_step_is_to_blame_where_what_is_expected_falls_first(tmp_path: Path) -> None:
    samples = [("a", 0, LATE, 0.0), ("a", 1, RIGHT, 1.0), ("a", 2, RIGHT, 1.0), ("a", 3, EARLY, 0.0)]
    after_first = [("a", 0, 1, RIGHT, 1.0), ("a", 0, 1, "1) 7 - 3 = 4 2) 4 + 5 = 10 answer: 10", 0.0), ("a", 0, 1, RIGHT, 1.0)]
    after_second = [("a", 0, 2, LATE, 0.0)] * 2
    early = [("a", 3, 1, EARLY, 0.0), ("a", 3, 2, EARLY, 0.0)]
    outcome, pairs = paired(tmp_path, samples, [*after_first, *after_second, *early], each=4)
    assert [(pair["prefix"], pair["chosen"], pair["rejected"]) for pair in pairs] == [
        ("1) 7 - 3 = 4", " 2) 4 + 5 = 9", " 2) 4 + 5 = 8"),
        ("", "1) 7 - 3 = 4", "1) 7 + 3 = 10"),
    ]
    assert not any(pair["chosen_ends"] or pair["rejected_ends"] for pair in pairs)
    assert outcome.notes["gone_through"] == {"a pair": 2}


def test_both_sides_may_go_on_to_the_end_and_weigh_what_they_differ_by(tmp_path: Path) -> None:
    samples = [("a", 0, LATE, 0.0), ("a", 1, RIGHT, 1.0), ("a", 2, RIGHT, 1.0)]
    rollouts = [("a", 0, 1, RIGHT, 1.0), ("a", 0, 2, LATE, 0.0), ("a", 0, 2, LATE, 0.25)]
    _, [pair] = paired(tmp_path, samples, rollouts, until="end", weights="advantage")
    assert (pair["chosen"], pair["rejected"]) == (" 2) 4 + 5 = 9 answer: 9", " 2) 4 + 5 = 8 answer: 8")
    assert pair["chosen_ends"]
    assert pair["weight"] == 1.0 - 0.125  # of the way that ended well, less what was expected behind the wrong step


def test_why_a_document_has_no_pair_of_steps_is_counted(tmp_path: Path) -> None:
    samples = [
        ("a", 0, LATE, 0.0), ("a", 1, RIGHT, 1.0),  # falls bit by bit
        ("b", 0, RIGHT, 1.0), ("c", 0, LATE, 0.0),
        ("d", 0, LATE, 0.0), ("d", 1, RIGHT, 1.0),  # no rollout ended better
    ]  # fmt: skip
    rollouts = [
        ("a", 0, 1, RIGHT, 0.7), ("a", 0, 2, LATE, 0.35),
        ("d", 0, 1, LATE, 1.0), ("d", 0, 2, LATE, 0.0),
    ]  # fmt: skip
    outcome, pairs = paired(tmp_path, samples, rollouts)
    assert pairs == []
    assert outcome.notes["gone_through"] == {"no step with a clearly negative advantage": 1, "no way on that ended better": 1}
    assert outcome.rejected == {
        "no step from which another way on was better": 2,
        "only right samples": 1,
        "only wrong samples": 1,
    }
