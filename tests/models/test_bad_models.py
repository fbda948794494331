"""Local models that cannot do what a recipe asks: too short for a document, or full of NaN."""

from pathlib import Path

import numpy as np
import pytest

from summ_collapse.models.loading import save
from summ_collapse.models.tiny import make_model, train_tokenizer
from summ_collapse.recipe.blocks import Tiny
from summ_collapse.selection.order import ranking
from tests.conftest import inside


def write_model(folder: Path, positions: int, weight: float | None = None) -> None:
    """A tiny model from scratch; with `weight` in the place of every weight."""
    tiny = Tiny(layers=1, width=32, heads=2, positions=positions, pretrain={"steps": 1})
    tokenizer = train_tokenizer(["a storm hit the town . TL;DR:"], "word", 300, positions)
    model = make_model(tiny, tokenizer)
    for parameter in model.parameters() if weight is not None else []:
        parameter.data.fill_(weight)
    save(model, tokenizer, folder)


ONE_VERIFIER = {"oracle": None, "strong": None, "self": None, "random": None}
SHORT = {
    "base": {"base": {"tiny": None, "model": "./model"}},
    "verifier": {"verifiers": {**ONE_VERIFIER, "short": {"kind": "perplexity", "model": "./model"}}},
}


@pytest.mark.parametrize("changes", SHORT.values(), ids=SHORT)
def test_document_budget_that_leaves_a_local_model_no_room(cli, write_recipe, tmp_path, changes) -> None:
    write_model(tmp_path / "model", positions=32)
    done = cli("run", write_recipe(**changes), "--out", tmp_path / "out")
    assert (done.code, done.out) == (2, ""), done.err
    assert "Traceback" not in done.err
    for told in ("task.max_document_tokens", "64 tokens", "completion of 12", "32"):
        assert told in done.err
    assert not (tmp_path / "out").exists()


def test_verifier_whose_scores_are_nan_fails_its_arms_and_is_named_with_their_number(write_recipe, tmp_path) -> None:
    write_model(tmp_path / "model", positions=112, weight=float("nan"))
    recipe = write_recipe(verifiers={**ONE_VERIFIER, "broken": {"kind": "perplexity", "model": "./model"}})
    done = inside("run", recipe, "--out", tmp_path / "out", "--until", "select/*")
    assert done.code == 0, done.err
    assert "arm broken-0.25 failed: select/broken-0.25: 120 of 120 scores are NaN" in done.err
    assert "a selection of 30" in done.err
    assert "select/random-0.25: 30 rows" in done.err
    assert "verify/broken: 120 rows" in done.err  # its scores are what they are


def test_nan_ranks_behind_every_number() -> None:
    scores = np.array([np.nan, -np.inf, 0.5, np.nan, 2.0])
    ranks = ranking(scores, [(f"row-{row}", 0) for row in range(len(scores))])
    assert ranks[[4, 2, 1]].tolist() == [0, 1, 2]
    assert sorted(ranks[[0, 3]]) == [3, 4]
