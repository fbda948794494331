"""What the tests of `diagnose` share."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from summ_collapse.cli import main
from summ_collapse.tasks.newswire_articles import examples
from tests.diagnose.bare_files import ROWS, Data


@pytest.fixture
def data() -> Data:
    """Rows of candidates, references and two verifiers: two in three candidates are right; `good` tells them, `coin` does not."""
    rng = np.random.default_rng(0)
    summaries = examples(ROWS, seed=3)["summary"].to_pylist()
    texts = [summary if row % 3 else summaries[row - 1] for row, summary in enumerate(summaries)]
    ids = [f"doc-{row}" for row in range(ROWS)]
    good = [float((row % 3 > 0) + rng.normal(0, 0.7)) for row in range(ROWS)]
    coin = rng.integers(0, 4, ROWS).astype(float).tolist()  # full of ties
    return {
        "candidates": [{"id": key, "candidate": text} for key, text in zip(ids, texts, strict=True)],
        "references": [{"id": key, "summary": text} for key, text in zip(ids, summaries, strict=True)],
        "good": [{"id": key, "score": score} for key, score in zip(ids, good, strict=True)],
        "coin": [{"id": key, "score": score} for key, score in zip(ids, coin, strict=True)],
    }


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Runs a command to its end, for its JSON."""

    def run(words: Sequence[object]) -> dict[str, Any]:
        code = main([*map(str, words), "--json"])
        out, err = capsys.readouterr()
        assert code == 0, err
        return json.loads(out)

    return run
