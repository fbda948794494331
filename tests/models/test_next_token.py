"""What a model expects next, against one plain forward pass a row."""

import numpy as np
import pytest
import torch

from summ_collapse.models.encoder import Encoder
from summ_collapse.models.likelihood import completion_likelihoods
from summ_collapse.models.next_token import next_token_sums, next_words
from summ_collapse.models.tiny import make_model, train_tokenizer
from summ_collapse.recipe.blocks import Tiny
from summ_collapse.tasks.newswire_articles import examples
from summ_collapse.tasks.prompt import Prompt

EXAMPLES = examples(30, 3)
DOCUMENTS = EXAMPLES["document"].to_pylist()
SUMMARIES = [*EXAMPLES["summary"].to_pylist()[:-2], "", "an unknown word"]
TINY = Tiny(layers=2, width=32, heads=2, positions=128, vocabulary=600)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(train_tokenizer(DOCUMENTS + SUMMARIES, "word", 600, 128), Prompt.parse("{document} TL;DR:"), 60)


def spread_out(encoder: Encoder, tiny: Tiny = TINY) -> torch.nn.Module:
    """Far from uniform predictions, so that a wrong position or mask shows."""
    model = make_model(tiny, encoder.tokenizer)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(6)
    return model


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_sums_are_those_of_one_row_after_another(encoder: Encoder, batch_size: int) -> None:
    model = spread_out(encoder)
    found = next_token_sums(model, encoder, DOCUMENTS, SUMMARIES, batch_size)
    with torch.inference_mode():
        for row, encoded in enumerate(encoder.encode(DOCUMENTS, SUMMARIES)):
            logits = model(torch.tensor([encoded.ids])).logits[0, encoded.prompt_length - 1 : -1].double()
            law = torch.softmax(logits, -1)
            ours = len(encoded.ids) - encoded.prompt_length
            assert found.tokens[row] == ours == len(law)
            chosen = law[torch.arange(ours), torch.tensor(encoded.ids[encoded.prompt_length :])]
            assert found.log_likelihood[row] == pytest.approx(float(chosen.log().sum()), abs=1e-3)
            assert found.collision[row] == pytest.approx(float((law**2).sum()), abs=1e-4)
            assert found.entropy[row] == pytest.approx(float(-(law * law.clamp_min(1e-300).log()).sum()), abs=1e-3)
    likelihoods, tokens = completion_likelihoods(model, encoder, DOCUMENTS, SUMMARIES, batch_size)
    assert np.allclose(found.log_likelihood, likelihoods, atol=1e-3)
    assert (found.tokens == tokens).all()


def test_next_words_are_the_model_s_own_law(encoder: Encoder) -> None:
    model = spread_out(encoder)
    words = sorted({word for summary in SUMMARIES[:5] for word in summary.split()})
    prefixes = ["", words[0], " ".join(words[:4])]
    found = next_words(model, encoder, DOCUMENTS[0], prefixes, words)
    assert found.shape == (3, len(words))
    ids = [encoder.tokenizer.convert_tokens_to_ids(word) for word in words]
    with torch.inference_mode():
        for prefix, ours in zip(prefixes, found, strict=True):
            (encoded,) = encoder.encode([DOCUMENTS[0]], [prefix])
            law = torch.softmax(model(torch.tensor([encoded.ids[:-1]])).logits[0, -1].double(), -1)
            assert ours == pytest.approx(law[ids].numpy(), abs=1e-5)
    two = " ".join(words[:2])
    with pytest.raises(ValueError, match=f"a token each, got '{two}', which is 2"):
        next_words(model, encoder, DOCUMENTS[0], [""], [two])
    with pytest.raises(ValueError, match="words that the model knows, got 'nowhere'"):
        next_words(model, encoder, DOCUMENTS[0], [""], ["nowhere"])
