"""`diagnose --label-next` and `--labels`: what is drawn, what it is bound to, and what the answers tell."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from summ_collapse.diagnose.from_labels import agreement_of
from summ_collapse.diagnose.labelling import Wanted, label_next, plan_path, read_plan, samples
from summ_collapse.diagnose.scored import Scored
from tests.conftest import Done, inside

ROWS = 1200
RATES = (0.125, 0.5)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """A folder with candidates and the scores of two verifiers; a third of the rows are wrong, see `right`."""
    rng = np.random.default_rng(0)
    names = [f"row {row}" for row in range(ROWS)]
    write(tmp_path / "candidates.jsonl", [{"id": name, "candidate": f"what {name} says"} for name in names])
    for verifier, apart in (("good", 2.0), ("poor", 0.3)):
        scores = rng.standard_normal(ROWS) + apart * np.array([right(name) for name in names])
        write(tmp_path / f"{verifier}.jsonl", [{"id": name, "score": score} for name, score in zip(names, scores, strict=True)])
    return tmp_path


def right(name: str) -> bool:
    return int(name.split()[1]) % 3 != 0


def ask(folder: Path, *further: object, verifiers: tuple[str, ...] = ("good",)) -> Done:
    scores = [part for name in verifiers for part in ("--scores", f"{name}={folder / name}.jsonl")]
    return inside("diagnose", "--candidates", folder / "candidates.jsonl", *scores, *further)


def drawn(folder: Path, labels: int, *further: object, verifiers: tuple[str, ...] = ("good",)) -> Path:
    out = folder / "labels.jsonl"
    done = ask(folder, "--rates", *RATES, "--label-next", labels, "--out", out, *further, verifiers=verifiers)
    assert done.code == 0, done.err
    return out


def answer(path: Path, say: Callable[[str], object] = right) -> Path:
    return write(path, [{**row, "label": None if say(row["id"]) is None else int(bool(say(row["id"])))} for row in read(path)])


def test_rows_are_drawn_half_among_what_is_kept_and_shown_blind(pool: Path) -> None:
    out = pool / "labels.jsonl"
    done = ask(pool, "--rates", 0.125, "--label-next", 100, "--out", out)
    assert done.code == 0, done.err
    rows = read(out)
    assert len(rows) == 100
    assert [set(row) for row in rows] == [{"id", "sample", "candidate", "label"}] * 100
    scores = {row["id"]: row["score"] for row in read(pool / "good.jsonl")}
    best = set(sorted(scores, key=lambda name: -scores[name])[:150])
    of_kept = [row["id"] in best for row in rows]
    assert sum(of_kept) == 50
    assert 15 <= sum(of_kept[:50]) <= 35, "the order says nothing of the side"
    plan = json.loads(plan_path(out).read_text())
    assert plan["a_side"] == 50
    assert plan["sides"] == [[150, 1050]]


def test_answers_give_estimates_near_the_truth(pool: Path) -> None:
    done = ask(pool, "--labels", answer(drawn(pool, 400)), "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["answered"] == found["asked"]
    scores = {row["id"]: row["score"] for row in read(pool / "good.jsonl")}
    ordered = sorted(scores, key=lambda name: -scores[name])
    for entry in found["verifiers"]:
        kept = ordered[: round(ROWS * entry["rate"])]
        true = np.mean([not right(name) for name in kept])
        assert entry["kept_error_low"] <= true <= entry["kept_error_high"]
        assert entry["p_low"] <= 1 / 3 <= entry["p_high"]
        assert entry["kept_fraction"] == entry["rate"]


def test_drawing_again_draws_the_same(pool: Path) -> None:
    first = drawn(pool, 60, verifiers=("good", "poor"))
    content = first.read_bytes()
    first.unlink()
    assert drawn(pool, 60, verifiers=("good", "poor")).read_bytes() == content
    assert len(read(first)) <= 60


def test_a_certificate_is_given_or_says_how_many_labels_lack(pool: Path) -> None:
    labels = answer(drawn(pool, 120, "--certify", 0.1))
    found = ask(pool, "--labels", labels, "--certify", 0.1)
    assert found.code == 0, found.err
    assert "with 95% confidence at most 10% of the best 50% are wrong" in found.out.replace("\n  ", " ")
    nobody = ask(pool, "--labels", answer(labels, lambda name: None if name.endswith("1") else True), "--certify", 0.1, "--json")
    assert json.loads(nobody.out)["verifiers"][0]["bound"] > 0.1, "what nobody answered counts as wrong"
    chosen_afterwards = ask(pool, "--labels", labels, "--certify", 0.2)
    assert chosen_afterwards.code == 2
    assert "a promise cannot be chosen afterwards" in chosen_afterwards.err


def test_what_cannot_be_certified_says_how_many_labels_would(pool: Path) -> None:
    labels = answer(drawn(pool, 120, "--certify", 0.001))
    strict = json.loads(ask(pool, "--labels", labels, "--certify", 0.001, "--json").out)["verifiers"]
    assert [one["certified"] for one in strict] == [False, False]
    assert strict[0]["more_labels"] > 2000
    assert strict[1]["bound"] is None
    assert "nothing is certified" in ask(pool, "--labels", labels, "--certify", 0.001).out


def test_labels_to_certify_are_others_than_those_to_choose_by(pool: Path) -> None:
    """Of 150 that are kept 50 are drawn either way: by chance a third are the same."""
    one, other = pool / "one.jsonl", pool / "other.jsonl"
    assert ask(pool, "--rates", 0.125, "--label-next", 100, "--out", one).code == 0
    assert ask(pool, "--rates", 0.125, "--label-next", 50, "--certify", 0.1, "--out", other).code == 0
    names = [{row["id"] for row in read(path)} for path in (one, other)]
    assert len(names[0] & names[1]) < 30
    again = pool / "again.jsonl"
    assert ask(pool, "--rates", 0.125, "--label-next", 50, "--certify", 0.1, "--label-seed", 1, "--out", again).code == 0
    assert {row["id"] for row in read(again)} != names[1]


def test_samples_are_drawn_with_the_same_chance_whatever_they_share(pool: Path) -> None:
    """Of two rates' four sides: over many draws each row of a side is drawn for it as often as the plan says."""
    found = Scored.read(pool / "candidates.jsonl", {"good": pool / "good.jsonl"})
    counts = np.zeros((2, ROWS))
    draws = 100
    for seed in range(draws):
        label_next(found, Wanted(60, RATES, seed=seed), pool / "labels.jsonl")
        for place, one in enumerate(samples(found, read_plan(pool / "labels.jsonl", found))):
            counts[place, one.rows] += 1
    plan = json.loads(plan_path(pool / "labels.jsonl").read_text())
    for place, (kept_rows, dropped_rows) in enumerate(plan["sides"]):
        kept = found.kept("good", RATES[place])
        for side, size in ((kept, kept_rows), (~kept, dropped_rows)):
            chance = plan["a_side"] / size
            shares = counts[place, side] / draws
            # The mean is exact; the spread is that of draws, within four standard errors of its own.
            assert shares.mean() == pytest.approx(chance)
            assert shares.var() == pytest.approx(chance * (1 - chance) / draws, rel=4 * np.sqrt(2 / size))


def test_what_was_used_to_choose_cannot_certify(pool: Path) -> None:
    done = ask(pool, "--labels", answer(drawn(pool, 100)), "--certify", 0.1)
    assert done.code == 2
    assert "what was used to choose cannot certify" in done.err


def test_two_labellers_agree_as_kappa_says(pool: Path) -> None:
    first = answer(drawn(pool, 100))
    second = pool / "second.jsonl"
    second.write_text(first.read_text())
    plan_path(second).write_text(plan_path(first).read_text())
    answer(second, lambda name: right(name) if not name.endswith("7") else not right(name))
    done = ask(pool, "--labels", first, "--labels", second, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)["agreement"]
    other = sum(row["id"].endswith("7") for row in read(first))
    assert found["agreed"] == pytest.approx(1 - other / found["both"])
    assert 0 < found["kappa"] < found["agreed"]


def test_kappa_is_that_of_its_definition() -> None:
    """Cohen's own 2 x 2: 20 and 15 agree of 50, base rates 1/2 and 3/5, so that chance is 1/2."""
    one = np.array([1.0] * 25 + [0.0] * 25 + [np.nan])
    other = np.array([1.0] * 20 + [0.0] * 5 + [1.0] * 10 + [0.0] * 15 + [1.0])
    found = agreement_of(one, other)
    assert (found.both, found.agreed, found.right) == (50, 0.7, (0.5, 0.6))
    assert found.kappa == pytest.approx(0.4)
    assert agreement_of(np.ones(3), np.ones(3)).kappa is None


def rescored(folder: Path, _: Path) -> None:
    rows = read(folder / "good.jsonl")
    rows[5]["score"] += 1e-9
    write(folder / "good.jsonl", rows)


def rewritten(folder: Path, _: Path) -> None:
    rows = read(folder / "candidates.jsonl")
    rows[5]["candidate"] += "."
    write(folder / "candidates.jsonl", rows)


def changed(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Callable[[Path, Path], None]:
    return lambda _, labels: write(labels, change(read(labels))) and None


def put(value: object) -> Callable[[Path, Path], None]:
    return changed(lambda rows: [*rows[:3], {**rows[3], "label": value}, *rows[4:]])


BAD = {
    "other scores": (rescored, "its labels were drawn by other scores good; draw them anew"),
    "other candidates": (rewritten, "its labels were drawn by other candidates; draw them anew"),
    "two": (put(2), "line 4: expected 1 for right, 0 for wrong, or nothing yet under `label`, got 2"),
    "text": (put("yes"), "line 4: expected 1 for right, 0 for wrong, or nothing yet under `label`, got 'yes'"),
    "a truth value": (put(True), "line 4: expected 1 for right, 0 for wrong, or nothing yet under `label`, got True"),
    "between": (put(0.5), "line 4: expected 1 for right, 0 for wrong, or nothing yet under `label`, got 0.5"),
    "NaN": (put(float("nan")), "line 4: expected 1 for right, 0 for wrong, or nothing yet under `label`, got nan"),
    "no label": (
        changed(lambda rows: [{key: row[key] for key in ("id", "sample")} for row in rows]),
        "line 1: expected `label`, found id, sample",
    ),
    "no answer": (changed(lambda rows: [{**row, "label": None} for row in rows]), "in at least one row; found none"),
    "two answers": (changed(lambda rows: [*rows, rows[0]]), "expected each key once, got id"),
    "a stranger": (
        changed(lambda rows: [*rows, {**rows[0], "id": "who"}]),
        "others (first: id 'who')",
    ),
    "not asked": (
        changed(
            lambda rows: [
                *rows,
                *({**rows[0], "id": f"row {row}"} for row in range(ROWS) if f"row {row}" not in {one["id"] for one in rows}),
            ]
        ),
        "expected the rows that --label-next drew, got",
    ),
    "no plan": (lambda _, labels: plan_path(labels).unlink(), "expected its plan beside it, labels.jsonl.plan.json"),
    "a broken plan": (lambda _, labels: plan_path(labels).write_text("{}") and None, "expected a plan that --label-next wrote"),
    "another encoding": (
        lambda _, labels: labels.write_bytes(labels.read_text().replace("what", "was für").encode("latin-1")) and None,
        "line 1: expected UTF-8",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_answers_that_do_not_fit_are_told(pool: Path, name: str) -> None:
    labels = answer(drawn(pool, 60))
    spoil, message = BAD[name]
    spoil(pool, labels)
    done = ask(pool, "--labels", labels)
    assert done.code == 2
    assert message in done.err
    assert "labels.jsonl" in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--label-next", "10"], "--label-next: expected --out FILE.jsonl"),
        (["--label-next", "1", "--out", "l.jsonl"], "--label-next 1: expected at least"),
        (["--label-next", "10", "--out", "l.csv"], "expected a name that ends in .jsonl"),
        (["--labels", "l.jsonl", "--out", "l.jsonl"], "l.jsonl: it holds the labels"),
        (["--certify", "0.1"], "--certify: expected --label-next N"),
        (["--labels", "none.jsonl", "--rates", "0.5"], "--rates: labels were drawn for rates of their own"),
        (["--label-next", "10", "--out", "l.jsonl", "--references", "r"], "--references: labels say themselves"),
    ],
)
def test_options_that_do_not_go_together_are_told(pool: Path, options: list[str], message: str) -> None:
    done = ask(pool, *(pool / one if one.startswith("l.") else one for one in options))
    assert done.code == 2
    assert message in done.err
    assert not list(pool.glob("l.*"))


def test_plain_lines_have_nothing_that_labels_could_name(pool: Path) -> None:
    (pool / "lines.txt").write_text("one\ntwo\nthree\nfour\n")
    (pool / "scores.txt").write_text("1\n2\n3\n4\n")
    words = ["--candidates", pool / "lines.txt", "--scores", f"s={pool / 'scores.txt'}", "--rates", 0.5]
    done = inside("diagnose", *words, "--label-next", 2, "--out", pool / "l.jsonl")
    assert done.code == 2
    assert "expected candidates with an `id`" in done.err


def test_labels_are_never_written_over(pool: Path) -> None:
    labels = drawn(pool, 60)
    done = ask(pool, "--label-next", 60, "--out", labels)
    assert done.code == 2
    assert "may hold labels" in done.err


def test_a_runs_own_pool_is_labelled_by_its_folder(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    """Without its oracle's scores, which read what a label is to say."""
    _, run = small_run
    labels = tmp_path / "labels.jsonl"
    done = inside("diagnose", run, "--rates", 0.25, "--label-next", 40, "--out", labels)
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in labels.read_text().splitlines()]
    assert 20 < len(rows) <= 40
    assert all(row["document"] for row in rows)
    labels.write_text("".join(json.dumps({**row, "label": place % 2}) + "\n" for place, row in enumerate(rows)))
    told = inside("diagnose", run, "--labels", labels, "--json")
    assert told.code == 0, told.err
    assert {one["name"] for one in json.loads(told.out)["verifiers"]} == {"strong", "self", "random"}
    refused = inside("diagnose", run, "--label-next", 40, "--out", tmp_path / "l.jsonl", "--scores", f"a={labels}")
    assert refused.code == 2
    assert "--scores and --documents: not with a run's folder" in refused.err


def test_a_reference_is_an_answer_too(pool: Path) -> None:
    """What is right says what its reference does, what is wrong nothing of it. Some rows have a label all the same."""
    labels = drawn(pool, 100)
    by_label = ask(pool, "--labels", answer(labels), "--json")
    rows = [
        {**row, "label": int(right(row["id"])), "reference": None}
        if place % 3 == 0
        else {**row, "label": None, "reference": row["candidate"] if right(row["id"]) else "another thing"}
        for place, row in enumerate(read(labels))
    ]
    write(labels, rows)
    told = ask(pool, "--labels", labels, "--json")
    assert told.code == 2
    assert "rows have a `reference` and no label; expected --wrong-below X" in told.err
    told = ask(pool, "--labels", labels, "--wrong-below", 0.9, "--json")
    assert told.code == 0, told.err
    assert json.loads(told.out) == json.loads(by_label.out)
    refused = ask(pool, "--labels", labels, "--metric", "rouge2")
    assert refused.code == 2
    assert "expected --wrong-below X with it" in refused.err
