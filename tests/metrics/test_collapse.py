"""Measures of collapse against slow, obvious implementations on random texts; and that they are quick."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from summ_collapse.metrics import diversity
from summ_collapse.metrics.collapse import measures


def texts(seed: int, count: int, words: int, longest: int, exponent: float = 1.0) -> list[str]:
    """Random texts of Zipf's words, some of them empty."""
    rng = np.random.default_rng(seed)
    shares = np.arange(1, words + 1, dtype=float) ** -exponent
    drawn = rng.choice(words, (count, longest), p=shares / shares.sum())
    return [" ".join(f"w{word}" for word in row[: rng.integers(0, longest + 1)]) for row in drawn]


def grams(text: str, n: int) -> "Counter[tuple[str, ...]]":
    words = text.split()
    return Counter(tuple(words[start : start + n]) for start in range(len(words) - n + 1))


def bleu(candidate: str, references: Sequence[str]) -> float:
    """Papineni et al. 2002, with 0.1 in the place of no match; by its definition."""
    if not candidate.split():
        return 0.0
    logarithm = 0.0
    for n in range(1, 5):
        ours = grams(candidate, n)
        matched = sum(min(count, max(grams(other, n)[gram] for other in references)) for gram, count in ours.items())
        logarithm += math.log((matched or 0.1) / max(1, sum(ours.values()))) / 4
    length = len(candidate.split())
    nearest = min((len(other.split()) for other in references), key=lambda other: (abs(other - length), other))
    return math.exp(logarithm + min(0.0, 1 - nearest / length))


def distinct(texts: Sequence[str], n: int) -> float:
    found = [gram for text in texts for gram in grams(text, n).elements()]
    return len(set(found)) / len(found)


def obvious(written: Sequence[str], real: Sequence[str]) -> dict[str, float]:
    ours = Counter(word for text in written for word in text.split())
    theirs = Counter(word for text in real for word in text.split())
    total, other = sum(ours.values()), sum(theirs.values())
    rare = {word for word, count in theirs.items() if count / other < 0.01}
    pairs = Counter(pair for text in written for pair in pairwise(text.split()))
    firsts = Counter(first for first, _ in pairs.elements())
    after = sum(pairs.values())
    return {
        "vocabulary": len(ours),
        "vocabulary_survival": len(ours.keys() & theirs.keys()) / len(theirs),
        "tail_survival": len(ours.keys() & rare) / len(rare) if rare else 1,
        "tail_mass": sum(ours[word] for word in rare) / total,
        "total_variation": sum(abs(ours[word] / total - theirs[word] / other) for word in {*ours, *theirs}) / 2,
        "word_collision": sum((count / total) ** 2 for count in ours.values()),
        "word_error": sum((ours[word] / total - theirs[word] / other) ** 2 for word in ours.keys() | theirs.keys()),
        "entropy": -sum(count / total * math.log(count / total) for count in ours.values()),
        "next_word_entropy": -sum(count / after * math.log(count / firsts[first]) for (first, _), count in pairs.items()),
        "distinct_1": distinct(written, 1),
        "distinct_2": distinct(written, 2),
        "distinct_3": distinct(written, 3),
        "self_bleu": sum(bleu(text, [*written[:place], *written[place + 1 :]]) for place, text in enumerate(written))
        / len(written),
        "compression_ratio": diversity.compression_ratio(written),
        "length": total / len(written),
        "length_drift": total / len(written) - other / len(real),
    }


@pytest.mark.parametrize(
    ("seed", "words", "longest", "exponent"), [(0, 5, 6, 0.0), (1, 40, 12, 1.0), (2, 300, 20, 1.0), (3, 2000, 8, 0.5)]
)
def test_every_measure_is_that_of_its_definition(seed: int, words: int, longest: int, exponent: float) -> None:
    written, real = texts(seed, 60, words, longest, exponent), texts(seed + 100, 50, 2 * words, longest)
    written += written[:5]  # some are written twice
    found, expected = measures(written, real), obvious(written, real)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name
    assert [diversity.distinct(written, n) for n in (1, 2)] == [expected["distinct_1"], expected["distinct_2"]]


def test_one_text_over_and_over_is_the_end_of_it() -> None:
    real = texts(0, 200, 400, 20)
    found = measures(["all of it is the same now"] * 200, real)
    assert found["self_bleu"] == pytest.approx(1)
    assert found["next_word_entropy"] == pytest.approx(0, abs=1e-12)
    assert (found["tail_survival"], found["total_variation"]) == (0, pytest.approx(1))
    same = measures(real, real)
    assert (same["tail_survival"], same["vocabulary_survival"], same["total_variation"], same["length_drift"]) == (1, 1, 0, 0)
    assert same["self_bleu"] < found["self_bleu"]


@pytest.mark.parametrize(("written", "real"), [(["a b"], ["", ""]), ([], ["a"])])
def test_no_texts_are_refused(written: list[str], real: list[str]) -> None:
    with pytest.raises(ValueError, match="expected texts, and real ones with words in them"):
        measures(written, real)


def test_a_model_that_writes_no_word_has_lost_all() -> None:
    found = measures(["", ""], ["a b", "c"])
    lost = ("vocabulary", "vocabulary_survival", "tail_mass", "entropy", "self_bleu", "length")
    assert {found[name] for name in lost} == {0.0}
    assert found["total_variation"] == 1.0


@pytest.mark.parametrize("written", [["one"], ["a"], ["a", "b c"]])
def test_few_and_short_texts_have_measures_too(written: list[str]) -> None:
    assert all(math.isfinite(value) for value in measures(written, ["a b c", "d"]).values())


@pytest.mark.slow
def test_a_hundred_thousand_summaries_take_seconds() -> None:
    written, real = texts(5, 100_000, 20_000, 40), texts(6, 100_000, 20_000, 40)
    began = time.process_time()
    measures(written, real)
    taken, began = time.process_time() - began, time.process_time()
    diversity.compression_ratio(written)  # one of the measures, a single pass of zlib's over the texts: 5 s, or more elsewhere
    assert taken < 2.5 * (time.process_time() - began)
