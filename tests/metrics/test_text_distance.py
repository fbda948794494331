"""Distances of texts: against a loop over all pairs, and nearer where texts are drawn from the same source."""

import numpy as np
import pytest

from summ_collapse.metrics.text_distance import MOST, Space, one_a_document
from summ_collapse.tasks.newswire_articles import examples

TEXTS = examples(600, 11).to_pylist()
REAL = [row["summary"] for row in TEXTS[:300]]
ALIKE = [row["summary"] for row in TEXTS[300:]]
ONE_KIND = [row["summary"] for row in TEXTS if row["kind"] in ("deal", "profit")]


def test_mmd_is_the_unbiased_one_over_all_pairs() -> None:
    space = Space.of(REAL[:20], ALIKE[:30])
    real, theirs = (space.vectors(texts).toarray() for texts in (REAL[:20], ALIKE[:30]))

    def within(vectors: np.ndarray) -> float:
        return float(np.mean([one @ other for a, one in enumerate(vectors) for b, other in enumerate(vectors) if a != b]))

    between = float(np.mean([one @ other for one in real for other in theirs]))
    assert space.distances(ALIKE[:30]).mmd == pytest.approx(within(real) + within(theirs) - 2 * between, abs=1e-12)


def test_what_is_of_one_source_is_near_and_a_part_of_it_is_far() -> None:
    space = Space.of(REAL, ALIKE + ONE_KIND)
    near, far = space.distances(ALIKE).mmd, space.distances(ONE_KIND).mmd
    assert near is not None
    assert far is not None
    assert abs(near) < 0.005 < far
    alike, part = space.distances(ALIKE).a_distance, space.distances(ONE_KIND).a_distance
    assert alike is not None
    assert part is not None
    # Told apart by chance: the error of 600 texts is one half but for four standard errors.
    assert alike < 2 * (1 - 2 * (0.5 - 4 * 0.5 / 600**0.5))
    assert part > alike + 0.3


def test_one_candidate_of_each_document_is_measured_by() -> None:
    document, kept = np.array([3, 0, 3, 1, 0, 2]), np.array([True, True, True, False, True, True])
    assert one_a_document(document, kept).tolist() == [1, 5, 0]
    many = one_a_document(np.arange(3 * MOST), np.ones(3 * MOST, dtype=bool))
    assert len(set(many.tolist())) == MOST
    assert many[MOST // 2] == pytest.approx(1.5 * MOST, rel=0.2)  # from everywhere


def test_too_few_texts_or_no_words_have_no_distance() -> None:
    assert Space.of(REAL, ALIKE).distances(ALIKE[:1]).mmd is None
    assert Space.of(REAL, ALIKE).distances(ALIKE[:3]).a_distance is None
    assert Space.of(["", " "], [""]).distances([" "] * 5).mmd is None
    assert Space.of(["", " "], [""]).distances([" "] * 5).a_distance is None
