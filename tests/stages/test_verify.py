"""Every candidate is scored beside its own document and reference, whatever the order and the chunks."""

from pathlib import Path

import pytest

from summ_collapse.stages.verify import Verify
from summ_collapse.verifiers.copy_rate import CopyRate
from summ_collapse.verifiers.ensemble import Ensemble
from summ_collapse.verifiers.rouge import Rouge
from tests.stages.tables import done, examples, keyed, published, rows_written

# Not the examples' order, one document twice, one not at all.
IDS, SAMPLES = ["doc-3", "doc-0", "doc-3", "doc-1", "doc-4"], [0, 0, 1, 0, 0]
OWN = ["gist of doc-3", "gist of doc-0", "text of doc-3", "gist of doc-0", "gist of doc-4"]


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 5, 100])
def test_candidates_meet_their_own_documents_and_references(tmp_path: Path, chunk_size: int) -> None:
    inputs = {
        "examples": examples(tmp_path, range(5)),
        "candidates": published(tmp_path, "candidates", candidates=keyed(IDS, SAMPLES, candidate=OWN)),
    }
    found = {}
    for verifier in (Rouge(kind="rouge"), CopyRate(kind="copy-rate")):
        stage = Verify(verifier=verifier, chunk_size=chunk_size)
        outcome, out = done(stage, tmp_path / verifier.kind, inputs)
        assert (outcome.rows_in, outcome.rows_out, outcome.notes["nan_scores"]) == (5, 5, 0)
        rows = rows_written(out, "scores")
        assert [(row["id"], row["sample"]) for row in rows] == list(zip(IDS, SAMPLES, strict=True))
        found[verifier.kind] = [row["score"] for row in rows]
    # rouge-score takes "doc-0" for two words: of the four, all but one are right where the document is another one.
    assert found["rouge"] == pytest.approx([1, 1, 3 / 4, 3 / 4, 1])
    assert found["copy-rate"] == pytest.approx([2 / 3, 2 / 3, 1, 1 / 3, 2 / 3])


def test_who_reads_others_scores_ranks_all_candidates_at_once(tmp_path: Path) -> None:
    scores = {"one": [1.0, 2.0, 3.0, 4.0, 5.0], "other": [0.0, -2.0, -4.0, -6.0, float("nan")]}
    inputs = {
        "examples": examples(tmp_path, range(5)),
        "candidates": published(tmp_path, "candidates", candidates=keyed(IDS, SAMPLES, candidate=OWN)),
        **{
            f"scores of {name}": published(tmp_path, name, scores=keyed(IDS, SAMPLES, score=values))
            for name, values in scores.items()
        },
    }
    outcome, out = done(Verify(verifier=Ensemble(kind="ensemble", of=["one", "other"])), tmp_path / "stage", inputs)
    assert outcome.notes["nan_scores"] == 1
    found = [row["score"] for row in rows_written(out, "scores")]
    assert found[:4] == pytest.approx([(place / 4 + (3 - place) / 3) / 2 for place in range(4)])


def test_no_candidates_at_all_have_no_scores(tmp_path: Path) -> None:
    """As where every sample is right, and none is gone through again."""
    inputs = {
        "examples": examples(tmp_path, range(5)),
        "candidates": published(tmp_path, "candidates", candidates=keyed([], [], candidate=[])),
    }
    outcome, out = done(Verify(verifier=Rouge(kind="rouge")), tmp_path / "stage", inputs)
    assert (outcome.rows_in, outcome.rows_out) == (0, 0)
    assert rows_written(out, "scores") == []
