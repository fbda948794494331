"""Texts of a known source: drawn as said, read as nothing but their number, and compared with a model's own law."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from summ_collapse.errors import InputError
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.tiny import train_tokenizer
from summ_collapse.recipe.load import load
from summ_collapse.tasks.chain import Chain, ChainLaw
from summ_collapse.tasks.prompt import Prompt
from tests.conftest import inside


def task(**changes: object) -> Chain:
    return Chain.model_validate({"kind": "chain", "rows": 60, "test": 20, **changes})


def test_texts_follow_the_source() -> None:
    many = task(rows=20_000, symbols=20)
    texts = many.texts(20_000)
    source = many.law().source
    for place in (0, 7):
        counted = np.bincount(texts[:, place], minlength=20) / len(texts)
        assert (np.abs(counted - source.first) <= 5 * np.sqrt(source.first / len(texts))).all()
    made = many.splits()["all"]
    assert made["summary"][3].as_py().split() == [f"w{word:04d}" for word in texts[3]]
    assert len(set(made["document"].to_pylist())) == made.num_rows


def test_a_longer_corpus_begins_with_the_shorter_one() -> None:
    assert task(rows=3000).splits()["all"].slice(0, 80).equals(task().splits()["all"])
    assert task(seed=1).splits()["all"]["summary"][0] != task().splits()["all"]["summary"][0]


def test_a_document_says_nothing() -> None:
    tokenizer = train_tokenizer(task().vocabulary(), "word", 300, 32)
    encoder = Encoder(tokenizer, Prompt.parse(task().prompt), 1)
    prompts = encoder.encode(task().splits()["all"]["document"].to_pylist())
    assert {tuple(prompt.ids) for prompt in prompts} == {(tokenizer.bos_token_id, tokenizer.unk_token_id)}


def test_a_model_is_compared_with_the_law_of_the_first_two_words() -> None:
    law = ChainLaw(symbols=6, spread=2.0)

    def perfect(prefixes: Sequence[str], words: Sequence[str]) -> np.ndarray:
        assert list(words) == law.words
        known = {"": law.source.first, **dict(zip(law.words, law.source.following, strict=True))}
        return np.stack([known[prefix] for prefix in prefixes])

    found = law.of_model(perfect)
    assert found["pair_total_variation"] == pytest.approx(0, abs=1e-12)
    assert found["first_error"] == pytest.approx(0, abs=1e-12)
    assert found["pair_collision"] == pytest.approx(float((law.source.pairs**2).sum()))
    # A tenth of all texts ends before its first word: as much is lost, and of the second word as much again.
    lost = law.of_model(lambda prefixes, words: 0.9 * perfect(prefixes, words))
    assert lost["first_total_variation"] == pytest.approx(0.1)
    assert lost["pair_total_variation"] == pytest.approx(1 - 0.81)
    one = law.of_model(lambda prefixes, words: np.tile(np.eye(6)[0], (len(prefixes), 1)))
    assert one["pair_collision"] == one["first_collision"] == pytest.approx(1)
    assert one["first_total_variation"] == pytest.approx(1 - law.source.first[0])


@pytest.mark.parametrize("wrong", [{"symbols": 1}, {"length": 1}, {"spread": 9}, {"symbol": 5}])
def test_a_task_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        task(**wrong)


@pytest.mark.parametrize(
    ("base", "told"),
    [
        (
            {"tiny": {"vocabulary": 300, "pretrain": None}},
            r"task\.symbols: expected base\.tiny\.vocabulary of at least 404 .*300",
        ),
        (
            {"tiny": {"tokenizer": "bpe", "pretrain": None}},
            r"task\.kind: a chain's words are known to tiny models",
        ),
        ({"tiny": None, "model": "./somewhere"}, r"task\.kind: a chain's words are known to tiny models"),
    ],
)
def test_a_base_that_does_not_know_the_words_is_refused(
    write_recipe: Callable[..., Path], base: dict[str, object], told: str
) -> None:
    chain = {"kind": "chain", "rows": 120, "test": 24, "symbols": 400, "max_document_tokens": 1}
    with pytest.raises(InputError, match=told):
        load(write_recipe(task=chain, base=base))


def test_generations_from_scratch_run_to_their_table(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = write_recipe(
        task={
            "kind": "chain",
            "rows": 120,
            "test": 24,
            "symbols": 12,
            "length": 4,
            "max_document_tokens": 1,
            "distractors": None,
        },
        base={"tiny": {"layers": 1, "width": 32, "heads": 2, "positions": 16, "vocabulary": 300, "pretrain": None}},
        synthesis={"decoding": "sampling", "max_new_tokens": 5},
        designs=["controls", "generations"],
        controls=["generator"],
        verifiers={"strong": None},
        retrain={"method": "full", "rank": None, "steps": 6},
        evaluation={"decoding": "sampling"},
        generations={"rounds": 2, "regimes": {"replace": {}}},
    )
    done = inside("run", recipe, "--out", tmp_path / "run", "--json")
    assert done.code == 0, done.err
    measured = {arm["arm"]: arm["collapse"] for arm in json.loads(done.out)["arms"] if arm["collapse"]}
    assert measured.keys() == {"generation-0", "replace-1", "replace-2"}
    for found in measured.values():
        assert 0 < found["first_collision"] < 1
        assert 0 < found["pair_total_variation"] < 1
        assert 0 < found["next_token_entropy"] < np.log(20)
        assert found["vocabulary"] > 1  # test rows are drawn, not all one greedy text
