"""Going on from many places of a sequence: what one reads once gives what reading every beginning gives."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
)

from summ_collapse.models.encoder import Encoder
from summ_collapse.models.engines import Beginnings, continued
from summ_collapse.models.engines.transformers import Transformers
from summ_collapse.models.tiny import train_tokenizer
from summ_collapse.recipe.decoding import Decoding
from summ_collapse.tasks.prompt import Prompt
from summ_collapse.tasks.reasoning import Reasoning

TASK = Reasoning.model_validate({"kind": "reasoning", "rows": 20, "test": 2, "steps": 3, "max_document_tokens": 60})
LIMIT = 24
SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.3,  # far from uniform predictions, so that a wrong position or mask shows
}

pytestmark = pytest.mark.usefixtures("one_thread")
TOKENIZER = train_tokenizer(TASK.vocabulary(), "word", 300, 256)
WORDS = len(TOKENIZER)
MODELS: dict[str, Callable[[], PreTrainedModel]] = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(vocab_size=WORDS, **SHAPE)),
    # A window shorter than the sequences keeps no keys of what it has left behind: beginnings are read one by one.
    "mistral": lambda: MistralForCausalLM(MistralConfig(vocab_size=WORDS, sliding_window=8, **SHAPE)),
    # Positions that are learnt rather than turned.
    "gpt2": lambda: GPT2LMHeadModel(
        GPT2Config(vocab_size=WORDS, n_embd=32, n_layer=2, n_head=4, n_positions=256, initializer_range=0.3)
    ),
}


class OnlyCompletes:
    """An engine that knows nothing of beginnings."""

    def __init__(self, engine: Transformers) -> None:
        self.complete = engine.complete


@pytest.fixture(scope="module", params=MODELS)
def engine(request: pytest.FixtureRequest) -> Transformers:
    torch.manual_seed(3)
    return Transformers(MODELS[request.param](), Encoder(TOKENIZER, Prompt.parse(TASK.prompt), 60))


@pytest.fixture(scope="module")
def sequences() -> list[Beginnings]:
    made = TASK.splits()["all"]
    encoder = Encoder(TOKENIZER, Prompt.parse(TASK.prompt), 60)
    encoded = encoder.encode(made["document"].to_pylist()[:7], made["summary"].to_pylist()[:7])
    # Three cuts, one, or none; one of them right behind the prompt.
    found = [[0, 6, 12], [5], [], [18], [1, 2, 3, 4], [19], [7, 14]]
    return [
        Beginnings(one.ids[:-1], one.prompt_length, [one.prompt_length + cut for cut in cuts])
        for one, cuts in zip(encoded, found, strict=True)
    ]


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_what_is_read_once_goes_on_as_what_is_read_every_time(
    engine: Transformers, sequences: list[Beginnings], batch_size: int
) -> None:
    greedy = Decoding("greedy", LIMIT, batch_size=batch_size)
    once = continued(engine, sequences, greedy, 0)
    every_time = continued(OnlyCompletes(engine), sequences, greedy, 0)
    assert once == every_time
    assert [len(one) for one in once] == [3, 1, 0, 1, 4, 1, 2]


def test_whole_completions_stay_within_the_limit(engine: Transformers, sequences: list[Beginnings]) -> None:
    sampling = Decoding("sampling", LIMIT, samples=3, batch_size=4)
    for of, found in zip(sequences, continued(engine, sequences, sampling, 1), strict=True):
        for cut, several in zip(of.cuts, found, strict=True):
            assert len(several) == 3
            for one in several:
                length = cut - of.prompt_length + len(one.ids) + one.ended
                assert length <= LIMIT
                assert one.ended or length == LIMIT


def test_equal_seeds_give_equal_samples(engine: Transformers, sequences: list[Beginnings]) -> None:
    sampling = Decoding("sampling", LIMIT, samples=4, batch_size=4)
    first, again, other = (continued(engine, sequences, sampling, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert len({tuple(one.ids) for one in first[0][0]}) > 1
