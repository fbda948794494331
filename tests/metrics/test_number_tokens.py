"""Numbers written as tokens and read again: within half a unit in the last digit, and nothing else is read."""

import numpy as np
import pytest

from summ_collapse.metrics.number_tokens import Encoding

NUMBERS = 100_000
ENCODINGS = [Encoding("P10", 1), Encoding("P10", 2), Encoding("P10", 3), Encoding("P10", 5), Encoding("P1000", 2)]
ENCODINGS += [Encoding("P1000", 3), Encoding("P1000", 4), Encoding("P1000", 6), Encoding("FP15", 2), Encoding("FP15", 3)]


def drawn() -> np.ndarray:
    chance = np.random.default_rng(0)
    wide = chance.choice([-1, 1], NUMBERS) * 10 ** chance.uniform(-9, 9, NUMBERS)
    # Where a logarithm or a rounding goes wrong first.
    edges = [0.0, 1.0, 10.0, 0.1, 999.4, 999.6, 9.9949999, 9.995, 99.95, 1e-5, 1e5, 0.9999999]
    wide[: 2 * len(edges)] = [*edges, *(-edge for edge in edges)]
    return wide


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_every_number_comes_back_within_half_a_unit_in_its_last_digit(encoding: Encoding) -> None:
    numbers = drawn()
    texts = encoding.texts(numbers)
    back = np.array([encoding.values(text) for text in texts])[:, 0]
    size = np.abs(numbers)
    unit = np.where(size > 0, 10.0 ** (np.floor(np.log10(np.where(size > 0, size, 1)) + 1e-12) - encoding.digits + 1), 1)
    assert (np.abs(back - numbers) <= unit / 2 * (1 + 1e-9)).all()
    assert (np.sign(back) == np.sign(numbers)).all()
    assert {len(text.split()) for text in texts} == {encoding.tokens}
    assert {token for text in texts for token in text.split()} <= set(encoding.vocabulary())
    # What is written is written again as it is.
    assert encoding.texts(back) == texts
    assert all(Encoding.of(text) == encoding for text in texts[:1000])


def test_a_text_of_several_numbers_is_read_in_its_order() -> None:
    encoding = Encoding("P1000", 4)
    assert encoding.texts(np.array([3.14159, -0.5])) == ["+ 3 142 E-3", "- 5 000 E-4"]
    values = encoding.values("+ 3 142 E-3 - 5 000 E-4")
    assert values is not None
    assert values.tolist() == [3.142, -0.5]
    assert Encoding("FP15", 3).texts(np.array([[-0.0271], [0.0]])) == ["FP-271/-4", "FP000/0"]


@pytest.mark.parametrize(
    "text",
    [
        "+ 314",
        "314 E-2 +",
        "+ E-2 314",
        "* 314 E-2",
        "+ 31 E-2",
        "+ 3140 E-2",
        "+ 31x E-2",
        "+ ³14 E-2",
        "+ 314 E99",
        "+ 314 E-",
        "+ 314 E+2",
        "+ 014 E-2",  # 14 is written with three digits
        "+ 314 E-2 + 314",
        "</s>",
        "+ 314 E-2 and so on",
    ],
)
def test_what_is_malformed_is_no_number(text: str) -> None:
    assert Encoding("P1000", 3).values(text) is None
    assert Encoding("FP15", 3).values(text) is None


def test_nothing_is_no_numbers_and_too_much_is_an_error() -> None:
    for encoding in ENCODINGS:
        empty = encoding.values("  ")
        assert empty is not None
        assert len(empty) == 0
    for wrong in (np.inf, np.nan, 1e30):
        with pytest.raises(ValueError, match="expected"):
            Encoding("P10", 3).texts(np.array([wrong]))
    assert Encoding("P10", 3).texts(np.array([1e-30])) == ["+ 0 0 0 E0"]
    with pytest.raises(ValueError, match="1 to 3 digits"):
        Encoding("FP15", 4)
