"""Which of both criteria speaks, and what it says."""

import numpy as np
import pytest

from summ_collapse.predict import predictor
from summ_collapse.predict.measure import Judged
from summ_collapse.predict.verdict import Measured, predicted_verdict

SEED = 11


def measured(rows: int, kept_error: float, kept_share: float = 0.25, real: int | None = None, copies: int = 1) -> Measured:
    """`rows` candidates with planted shares, each there `copies` times as another sample of its document."""
    kept = np.arange(rows) < kept_share * rows
    wrong = np.where(kept, np.arange(rows) < kept_error * kept.sum(), np.arange(rows) % 2 == 0)
    quality = np.where(wrong, 0.2, 0.9)
    document, kept, wrong, quality = (np.repeat(of, copies) for of in (np.arange(rows), kept, wrong, quality))
    strata = np.zeros(len(kept), dtype=np.int64), kept
    return Judged(document, wrong, quality).measured(kept, int(kept.sum()), strata, real)


@pytest.mark.parametrize(("error", "verdict"), [(0.1, "helps"), (0.5, "undecided"), (0.9, "hurts")])
def test_without_real_rows_the_papers_criterion_is_all_there_is(error: float, verdict: str) -> None:
    found = predicted_verdict(measured(800, error))
    assert (found.criterion, found.verdict, found.p_star_verdict) == ("p_star", None, verdict)
    assert found.against_real is None
    assert found.against_random is None


def test_candidates_of_one_document_decide_no_more_than_it_does() -> None:
    """Clopper and Pearson would take 12 documents of 8 equal candidates for 96."""
    alone, together = measured(48, 0.25), measured(48, 0.25, copies=8)
    assert predicted_verdict(alone).p_star_verdict == "undecided"
    assert together.confusion.predicted() == "helps"
    assert predicted_verdict(together).p_star_verdict == "undecided"


def test_with_real_rows_the_predictor_speaks() -> None:
    known = measured(8000, 0.02, real=200)
    found = predicted_verdict(known)
    features = known.for_predictor()
    assert features is not None
    assert (features.kept, features.slice_rows, features.generator_error) == (2000, 200, pytest.approx(0.38, abs=0.01))
    assert found.criterion == "predictor"
    assert found.against_real == predictor.predict(features)
    assert found.against_random == predictor.predict_against_random(features)
    assert found.verdict == found.against_real.verdict
    # Where no coefficients are known to hold, nothing but the theory speaks, however many real rows there are.
    elsewhere = predicted_verdict(known, None)
    assert (elsewhere.criterion, elsewhere.verdict, elsewhere.against_real) == ("p_star", None, None)
