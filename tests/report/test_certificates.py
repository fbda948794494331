"""Certificates in a report: whose labels count, what is promised, and the sentence that says it."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from summ_collapse.experiment.arms import Arm
from summ_collapse.predict.certificate import upper_bound
from summ_collapse.recipe.blocks import Evaluation, Wrong
from summ_collapse.recipe.selecting import Certify
from summ_collapse.report.contents import Certifying, Contents
from summ_collapse.report.lines.certificates import promises, told
from summ_collapse.report.results import Promise
from summ_collapse.store import Artifact
from tests.stages.tables import examples, keyed, published

IDS = [f"doc-{row}" for row in range(200)]


def contents(verifiers: list[str], rates: list[float], limit: float = 0.1, learnt: float = 0.0) -> Contents:
    arms = [
        Arm(
            name=f"{name}-{rate}",
            seed=0,
            evaluate="evaluate",
            rows=f"select/{name}-{rate}",
            verifier=name,
            rate=rate,
            judge="judge",
            scores=f"verify/{name}",
        )
        for name in verifiers
        for rate in rates
    ]
    honest = {name: learnt for name in verifiers if name != "oracle"}
    certify = Certifying(promise=Certify(wrong_below=limit), verifiers=honest)
    return Contents(
        recipe="r", arms=arms, evaluation=Evaluation(), wrong=Wrong(below=0.5), coefficients=None, attacks={}, certify=certify
    )


def inputs(tmp_path: Path, about: Contents, verdicts: list[float], labelled: list[bool] | None = None) -> dict[str, Artifact]:
    """Selections that keep the first rows; the judge's verdicts, NaN where there is no reference."""
    # The first rows of the pool are the last of the slices.
    found = {"judge": published(tmp_path, "judge", scores=keyed(IDS, score=verdicts))}
    found["examples"] = examples(tmp_path, list(range(200))[::-1])
    columns: dict[str, Any] = {"score": [0.0] * 200} | ({} if labelled is None else {"labelled": labelled})
    for arm in about.arms:
        assert arm.rate is not None
        assert arm.rows is not None
        kept = IDS[: round(200 * arm.rate)]
        found[arm.rows] = published(tmp_path, arm.name, rows=keyed(kept, completion=["text"] * len(kept)))
        found[str(arm.scores)] = published(tmp_path, f"scores of {arm.name}", scores=keyed(IDS, **columns))
    return found


def test_rates_are_tested_from_the_strictest_and_verifiers_share_the_error(tmp_path: Path) -> None:
    about = contents(["oracle", "one", "other"], [0.25, 0.5])
    verdicts = [1.0] * 50 + [0.0] * 20 + [1.0] * 130
    found = {one.arm: one for one in promises(about, inputs(tmp_path, about, verdicts))}
    assert set(found) == {"one-0.25", "one-0.5", "other-0.25", "other-0.5"}, "nothing is promised of an oracle"
    strict, wide = found["one-0.25"], found["one-0.5"]
    assert strict.confidence == pytest.approx(0.975)
    assert (strict.labels, strict.wrong, strict.bound) == (50, 0, pytest.approx(upper_bound(0, 50, 0.975)))
    assert strict.certified
    assert (wide.labels, wide.wrong, wide.certified) == (100, 20, False)
    assert wide.more_labels
    assert "may be wrong" in (wide.why or "")


def test_what_has_no_reference_or_was_learnt_from_is_not_counted(tmp_path: Path) -> None:
    about = contents(["one"], [0.5])
    verdicts = [1.0, float("nan")] * 100
    learnt = [row < 40 for row in range(200)]
    (found,) = promises(about, inputs(tmp_path, about, verdicts, learnt))
    assert (found.labels, found.wrong) == (30, 0)


def test_documents_that_a_verifier_or_the_generator_has_learnt_from_are_not_counted(tmp_path: Path) -> None:
    about = contents(["one"], [1.0], learnt=0.25)
    (found,) = promises(about, inputs(tmp_path, about, [1.0] * 150 + [0.0] * 50))
    # The slice of a quarter is the first fifty rows here, as ranks go backwards.
    assert (found.labels, found.wrong) == (150, 0)
    arm = about.arms[0].model_copy(update={"slice": 0.5})
    wider = about.model_copy(update={"arms": [arm]})
    (found,) = promises(wider, inputs(tmp_path / "wider", wider, [1.0] * 150 + [0.0] * 50))
    assert (found.labels, found.wrong) == (100, 0)


def test_of_a_selection_with_several_candidates_a_document_nothing_is_promised(tmp_path: Path) -> None:
    """Many wrong candidates of few documents would be a small share of documents, and a large one of what is kept."""
    about = contents(["one"], [1.0], limit=0.2)
    twice = [f"doc-{row // 2}" for row in range(200)]
    samples = [0, 1] * 100
    read = inputs(tmp_path, about, [1.0] * 200)
    read["judge"] = published(tmp_path, "judged", scores=keyed(twice, samples, score=[1.0] * 200))
    read["verify/one"] = published(tmp_path, "scored", scores=keyed(twice, samples, score=[0.0] * 200))
    read["select/one-1.0"] = published(tmp_path, "kept", rows=keyed(twice, samples, completion=["text"] * 200))
    (found,) = promises(about, read)
    assert (found.certified, found.bound, found.more_labels) == (False, None, None)
    assert found.why is not None
    assert "several candidates of a document" in found.why
    assert "several candidates of a document" in (told([found]) or "")


def test_a_rate_behind_one_that_failed_asks_for_no_labels(tmp_path: Path) -> None:
    about = contents(["one"], [0.05, 0.5], limit=0.05)
    strict, wide = promises(about, inputs(tmp_path, about, [1.0] * 200))
    assert (strict.certified, strict.labels, strict.more_labels) == (False, 10, 49)
    assert (wide.bound, wide.more_labels) == (None, None)
    assert told([strict, wide]) == (
        "No selection can be certified (at most 5% wrong); one-0.05 would take 49 more labels, all of them right."
    )


def test_nothing_is_promised_that_was_not_asked_for(tmp_path: Path) -> None:
    about = contents(["one"], [0.5]).model_copy(update={"certify": None})
    assert promises(about, {}) == []
    assert told([]) is None


PROMISE = Promise("one-0.5", "one", None, 0.5, 0, 0.1, 0.95, 60, 0, 0.05, True, None)


def test_the_sentence_names_what_every_seed_can_promise() -> None:
    wider = dataclasses.replace(PROMISE, rate=0.75, arm="one-0.75")
    other = dataclasses.replace(PROMISE, seed=1)
    assert told([PROMISE, wider, other]) == "Certified, at most 10% wrong: one-0.5, one-0.75 (under 1 of 2 seeds)."
    failed = dataclasses.replace(PROMISE, seed=1, certified=False, more_labels=12)
    assert told([PROMISE, failed]) == "Certified, at most 10% wrong: one-0.5 (under 1 of 2 seeds)."
    assert told([failed]) == (
        "No selection can be certified (at most 10% wrong); one-0.5 would take 12 more labels, all of them right."
    )
