"""Matrices and their eigenvalues: drawn as said, right by numpy's own, and judged with nothing but the matrix."""

import numpy as np
import pytest
from pydantic import ValidationError

from summ_collapse.metrics.eigenvalues import NAMES, relative_errors, score_pairs
from summ_collapse.metrics.number_tokens import Encoding
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.tiny import train_tokenizer
from summ_collapse.tasks.eigenvalues import Eigenvalues, matrices
from summ_collapse.tasks.prompt import Prompt
from summ_collapse.verifiers.eigenvalues import WORST
from summ_collapse.verifiers.eigenvalues import Eigenvalues as Verifier
from summ_collapse.verifiers.request import Request


def task(**changes: object) -> Eigenvalues:
    return Eigenvalues.model_validate({"kind": "eigenvalues", "rows": 60, "test": 20, **changes})


@pytest.mark.parametrize("encoding", ["P10", "P1000", "FP15"])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_summary_is_right_within_its_own_rounding(encoding: str, size: int) -> None:
    made = task(size=size, encoding=encoding).splits()["all"]
    errors = relative_errors(made["summary"].to_pylist(), made["document"].to_pylist())
    assert (errors <= 0.005).all()  # three digits
    numbers = Encoding(encoding, 3)
    for document, summary in zip(made["document"].to_pylist()[:10], made["summary"].to_pylist()[:10], strict=True):
        matrix, eigenvalues = numbers.values(document), numbers.values(summary)
        assert matrix is not None
        assert eigenvalues is not None
        square = matrix.reshape(size, size)
        assert (square == square.T).all()
        assert (np.diff(eigenvalues) <= 0).all()
        assert np.isclose(eigenvalues.sum(), np.trace(square), atol=0.005 * np.abs(eigenvalues).sum())


def test_a_longer_corpus_begins_with_the_shorter_one() -> None:
    short, long = task().splits()["all"], task(rows=3000).splits()["all"]
    assert long.slice(0, 80).equals(short)
    assert task(seed=1).splits()["all"]["document"][0] != short["document"][0]
    assert len(set(long["document"].to_pylist())) == 3020


@pytest.mark.parametrize("entries", ["uniform", "gaussian"])
def test_entries_have_one_spread_and_eigenvalues_follow_the_semicircle(entries: str) -> None:
    drawn = matrices(4000, 2, 0, entries, 10.0)
    above = drawn[:, [0, 0, 1], [0, 1, 1]]
    # The standard deviation of 12,000 draws, four of its own standard errors wide.
    assert above.std() == pytest.approx(10 / np.sqrt(3), rel=4 / np.sqrt(2 * above.size))
    assert (np.abs(above).max() <= 10) == (entries == "uniform")
    large = matrices(40, 100, 0, entries, 10.0)
    found = np.linalg.eigvalsh(large) / (2 * 10 / np.sqrt(3) * np.sqrt(100))
    # Of the semicircle of radius 1: second moment 1/4, fourth 1/8.
    assert (found**2).mean() == pytest.approx(1 / 4, rel=0.05)
    assert (found**4).mean() == pytest.approx(1 / 8, rel=0.1)


def test_right_is_within_a_share_of_all_eigenvalues_together() -> None:
    numbers = Encoding("P1000", 3)
    document = " ".join(numbers.texts(np.diag([8.0, 2.0])))
    texts = [
        " ".join(numbers.texts(np.array(guess))) for guess in ([8.0, 2.0], [8.04, 2.0], [8.08, 2.0], [8.28, 1.8], [9.0, 2.0])
    ]
    wrong = [texts[0] + " + 200 E-2", "+ 800 E-2", "", "+ 800 E-2 + 2", "a word"]
    documents = [document] * 10
    scores = score_pairs([*texts, *wrong], [""] * 10, NAMES, documents)
    assert relative_errors(texts, documents[:5]) == pytest.approx([0, 0.004, 0.008, 0.048, 0.1])
    assert {name: [int(score) for score in found] for name, found in scores.items()} == {
        "within_5": [1, 1, 1, 1, 0, *[0] * 5],
        "within_2": [1, 1, 1, 0, 0, *[0] * 5],
        "within_1": [1, 1, 1, 0, 0, *[0] * 5],
        "within_0.5": [1, 1, 0, 0, 0, *[0] * 5],
    }
    # In the wrong order they are other numbers.
    assert relative_errors([" ".join(numbers.texts(np.array([2.0, 8.0])))], [document]) == pytest.approx([1.2])
    with pytest.raises(ValueError, match="expected a square matrix"):
        relative_errors(["+ 800 E-2"], ["+ 800 E-2 + 200 E-2"])


def test_the_verifier_needs_no_reference_and_puts_what_is_malformed_last() -> None:
    numbers = Encoding("P1000", 3)
    document = " ".join(numbers.texts(np.diag([8.0, 2.0])))
    candidates = [" ".join(numbers.texts(np.array(guess))) for guess in ([8.0, 2.0], [8.28, 1.8], [0.0, -9.0])] + ["no number"]
    request = Request(
        [(str(row), 0) for row in range(4)], candidates, [document] * 4, [None] * 4, seed=0, batch_size=1, reader=None
    )
    assert Verifier(kind="eigenvalues").score(request).score.tolist() == pytest.approx([0, -0.048, -1.9, WORST])
    assert Verifier(kind="eigenvalues", tolerance=0.05).score(request).score.tolist() == [1, 1, 0, 0]
    assert not Verifier.reads_reference


def test_a_closed_vocabulary_knows_every_token() -> None:
    ours = task(size=3, encoding="P10", digits=2)
    tokenizer = train_tokenizer(ours.vocabulary(), "word", 4000, 256)
    encoder = Encoder(tokenizer, Prompt.parse(ours.prompt), ours.max_document_tokens)
    made = ours.splits()["all"]
    rows = encoder.encode(made["document"].to_pylist(), made["summary"].to_pylist())
    assert not any(row.truncated for row in rows)
    assert not any(tokenizer.unk_token_id in row.ids for row in rows)
    expected = ours.expected()
    assert {len(row.ids) - row.prompt_length for row in rows} == {expected["summary_tokens"] + 1}
    decoded = encoder.decode([row.ids[row.prompt_length : -1] for row in rows])
    assert decoded == made["summary"].to_pylist()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"encoding": "FP15", "digits": 4}, "at most 3 digits in FP15"),
        ({"size": 9, "encoding": "P10"}, "max_document_tokens of at least 405"),
    ],
)
def test_what_cannot_be_written_or_read_is_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        task(**changes)
