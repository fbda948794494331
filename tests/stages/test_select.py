"""What a selection keeps, to the row: ties with a threshold, NaN, near-duplicates, and what it says of itself."""

from pathlib import Path
from typing import Any

import pytest

from summ_collapse.errors import ArmFailed
from summ_collapse.selection.order import Order
from summ_collapse.stages.select import Select
from tests.stages.tables import done, examples, keyed, published, rows_written

NAN = float("nan")
SCORES = [0.1, 0.9, NAN, 0.4, 0.7, 0.5, 0.5, 0.2]
# As good as the threshold is right: rows 1, 3, 4 and 6.
JUDGED = [0.2, 0.9, 0.1, 0.5, 0.8, 0.49, 0.5, 0.0]
# Doc 4, 6, 0 and 5 are the first four of the slices; the source's order is another.
RANKS = [2, 4, 5, 6, 0, 3, 1, 7]
# Of the rows that score best, 1, 4, 5 and 6, the easiest is 6 and the hardest 1.
EASE = [9.0, 1.0, 8.0, 0.0, 2.0, 3.0, 4.0, NAN]
TEXTS = [f"quite another text about {row} of them" for row in range(8)]


def selected(
    tmp_path: Path, order: Order | None = None, scores: list[float] | None = None, texts: list[str] | None = None, **fields: Any
) -> tuple[dict[str, Any], list[str]]:
    """The notes of a selection and the documents that it keeps."""
    ids = [f"doc-{row}" for row in range(8)]
    inputs = {
        "examples": examples(tmp_path, RANKS),
        "candidates": published(tmp_path, "candidates", candidates=keyed(ids, candidate=texts or TEXTS)),
        "scores": published(tmp_path, "scores", scores=keyed(ids, score=scores or SCORES)),
        "judge": published(tmp_path, "judge", scores=keyed(ids, score=JUDGED)),
    }
    if "keep" in fields:
        inputs["ease"] = published(tmp_path, "ease", scores=keyed(ids, score=EASE))
    stage = Select(order=order or Order(), wrong_below=0.5, source="pool", **fields)
    outcome, out = done(stage, tmp_path / "stage", inputs)
    assert outcome.rows_in == 8
    return {**outcome.notes, "rejected": dict(outcome.rejected)}, [row["id"] for row in rows_written(out)]


def test_a_rate_keeps_so_many_of_the_best_in_source_order(tmp_path: Path) -> None:
    notes, kept = selected(tmp_path, rate=0.25)
    assert kept == ["doc-1", "doc-4"]
    assert notes["rejected"] == {"below the cut": 5, "score is NaN": 1}


def test_a_threshold_keeps_what_is_as_good_as_it_and_no_nan(tmp_path: Path) -> None:
    notes, kept = selected(tmp_path, at_least=0.5)
    assert kept == ["doc-1", "doc-4", "doc-5", "doc-6"]
    assert notes["rejected"] == {"below the cut": 3, "score is NaN": 1}


def test_a_threshold_that_nothing_reaches_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match=r"nothing scores 2 or more; the best is 0\.9"):
        selected(tmp_path, at_least=2.0)


def test_more_than_have_a_score_cannot_be_kept(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match=r"1 of 8 scores are NaN .*a selection of 8"):
        selected(tmp_path, rate=1.0)


def test_p_phi_and_psi_are_the_judges_and_as_good_as_the_threshold_is_right(tmp_path: Path) -> None:
    notes, kept = selected(tmp_path, at_least=0.5)
    # Kept are 1, 4 and 6 of the right ones, and 5 of the wrong.
    assert kept == ["doc-1", "doc-4", "doc-5", "doc-6"]
    assert (notes["p"], notes["phi"], notes["psi"]) == (0.5, 0.75, 0.25)
    assert (notes["p_star"], notes["kept_error"], notes["kept_fraction"]) == (0.75, 0.25, 0.5)


@pytest.mark.parametrize(("share", "overlap"), [(None, None), (0.5, 0.75), (0.25, 0.5), (1.0, 1.0)])
def test_overlap_is_how_many_of_the_kept_the_generator_learnt_from(
    tmp_path: Path, share: float | None, overlap: float | None
) -> None:
    notes, kept = selected(tmp_path, at_least=0.5, slice=share)
    assert kept == ["doc-1", "doc-4", "doc-5", "doc-6"]  # doc-4 and 6 are in a quarter, doc-5 in a half
    assert notes["slice_overlap"] == overlap


def test_a_near_duplicate_makes_room_for_the_next_best(tmp_path: Path) -> None:
    texts = [*TEXTS]
    texts[4] = texts[1]
    notes, kept = selected(tmp_path, Order(near_duplicates=0.9), texts=texts, rate=0.25)
    assert kept in (["doc-1", "doc-5"], ["doc-1", "doc-6"])
    assert notes["rejected"] == {"below the cut": 4, "near duplicate": 1, "score is NaN": 1}


def test_scores_of_another_order_are_refused(tmp_path: Path) -> None:
    ids = [f"doc-{row}" for row in range(8)]
    inputs = {
        "examples": examples(tmp_path, RANKS),
        "candidates": published(tmp_path, "candidates", candidates=keyed(ids, candidate=TEXTS)),
        "scores": published(tmp_path, "scores", scores=keyed(ids[::-1], score=SCORES)),
    }
    with pytest.raises(ValueError, match="expected scores in the order of the candidates"):
        done(Select(order=Order(), wrong_below=0.5, source="pool", rate=0.5), tmp_path / "stage", inputs)


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ("easiest", ["doc-5", "doc-6"]),
        ("hardest", ["doc-1", "doc-4"]),
        ("middle", ["doc-4", "doc-5"]),
        ("spread", ["doc-4", "doc-6"]),
    ],
)
@pytest.mark.parametrize("passes", [{"among": 0.5}, {"among_at_least": 0.5}])
def test_of_what_passes_the_easiest_or_others_are_kept(
    tmp_path: Path, keep: str, kept: list[str], passes: dict[str, float]
) -> None:
    assert selected(tmp_path, rate=0.25, keep=keep, **passes)[1] == kept


def test_fewer_that_pass_than_are_kept_fail_the_arm(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="expected 4 candidates to keep, and 2 pass"):
        selected(tmp_path, rate=0.5, keep="easiest", among_at_least=0.6)


def test_what_is_not_rated_does_not_pass(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="expected 8 candidates to keep, and 6 pass"):
        selected(tmp_path, rate=1.0, keep="hardest", among_at_least=0.0)
