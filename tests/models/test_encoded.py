"""Encoded rows on disk: those that the encoder gives, mapped and not held."""

from pathlib import Path

import numpy as np
import pytest

from summ_collapse.models import encoded
from summ_collapse.models.encoded import EncodedRows, write
from summ_collapse.models.encoder import IGNORED, Encoder
from summ_collapse.models.tiny import train_tokenizer
from summ_collapse.tasks.newswire_articles import examples
from summ_collapse.tasks.prompt import Prompt

EXAMPLES = examples(30, 7)
DOCUMENTS, SUMMARIES = EXAMPLES["document"].to_pylist(), EXAMPLES["summary"].to_pylist()


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(train_tokenizer(DOCUMENTS + SUMMARIES, "word", 600, 128), Prompt.parse("{document} TL;DR:"), 30)


@pytest.mark.parametrize("weights", [[1.0] * 30, [float(row % 3) for row in range(30)]], ids=["plain", "weighed"])
def test_a_file_holds_what_the_encoder_gives_in_blocks(
    weights: list[float], encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoded, "BLOCK", 7)
    expected = encoder.encode(DOCUMENTS, SUMMARIES)
    truncated = write(tmp_path / "rows.arrow", encoder, DOCUMENTS, SUMMARIES, weights)
    found = EncodedRows.at(tmp_path / "rows.arrow")
    assert truncated == sum(row.truncated for row in expected) > 0
    assert found.table["input_ids"][:] == [row.ids for row in expected]
    assert found.table["completion_mask"][:] == [row.completion_mask for row in expected]
    assert found.table["labels"][:] == [row.labels for row in expected]
    assert found.lengths.tolist() == [len(row.ids) for row in expected]
    assert found.longest_completion == max(len(row.ids) - row.prompt_length for row in expected)
    assert found.weighed == (weights != [1.0] * 30)
    assert not found.weighed or found.table["weight"][:] == weights
    # Mapped: what is read is the file's own memory, which the ranks of a node share.
    assert found.table.cache_files
    assert np.array_equal(EncodedRows.of(expected, weights).lengths, found.lengths)


@pytest.mark.parametrize("weights", [None, [2.0] * 30], ids=["plain", "weighed"])
def test_nothing_is_learnt_from_the_row_that_fills_up_a_batch(weights: list[float] | None, encoder: Encoder) -> None:
    rows = EncodedRows.of(encoder.encode(DOCUMENTS, SUMMARIES), weights)
    filled = rows.with_filler(encoder.eos)
    assert len(filled) == len(rows) + 1
    assert filled.column_names == rows.table.column_names
    filler = filled[len(rows)]
    assert set(filler["labels"]) == {IGNORED}
    assert set(filler["completion_mask"]) == {0}
    assert weights is None or filler["weight"] == 0
