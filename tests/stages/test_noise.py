"""Noise in documents: as many words as said are others, and blanks stay."""

import numpy as np
import pytest

from summ_collapse.stages.noise import noised
from summ_collapse.tasks.newswire_articles import examples

DOCUMENTS = [*examples(400, 0)["document"].to_pylist(), "", "  two\n  words ", "one"]


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_share_of_words_stands_for_others(share: float) -> None:
    found = noised(DOCUMENTS, share, 3)
    before, after = ([document.split() for document in texts] for texts in (DOCUMENTS, found))
    assert [len(words) for words in after] == [len(words) for words in before]
    words = [(old, new) for one, other in zip(before, after, strict=True) for old, new in zip(one, other, strict=True)]
    known = [old for old, _ in words]
    assert {new for _, new in words} <= set(known)
    # A word drawn from all may be the one that stood there.
    counts = np.unique(known, return_counts=True)[1] / len(known)
    expected = share * (1 - float(counts @ counts))
    changed = np.mean([old != new for old, new in words])
    assert abs(changed - expected) <= 5 * np.sqrt(expected / len(words))


def test_blanks_stay_and_the_seed_decides() -> None:
    (spaced,) = noised(["  two\n  words "], 0.9, 1)
    assert spaced.replace("two", "").replace("words", "") == "  \n   "
    assert noised(DOCUMENTS, 0.3, 1) == noised(DOCUMENTS, 0.3, 1) != noised(DOCUMENTS, 0.3, 2)
    assert noised([], 0.3, 1) == []
    assert noised(["", " "], 0.3, 1) == ["", " "]
