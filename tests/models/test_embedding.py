"""Texts as vectors, against one text at a time."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, LlamaForSequenceClassification

from summ_collapse.models.embedding import Embedder
from tests.models.test_likelihood import DOCUMENTS, SUMMARIES, make_llama, make_tokenizer
from tests.verifiers.test_classifier import made

pytestmark = pytest.mark.usefixtures("one_thread")

TEXTS = [*SUMMARIES[:20], "", DOCUMENTS[0], SUMMARIES[0]]


def saved(folder: Path, kind: str) -> Path:
    if kind == "encoder":
        made(folder)
        return folder
    tokenizer = make_tokenizer("word")
    make_llama(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["causal", "encoder"])
def test_a_vector_is_the_mean_of_the_last_states_whatever_stands_in_its_batch(tmp_path: Path, kind: str) -> None:
    embed = Embedder(str(saved(tmp_path, kind)))
    found = embed(TEXTS)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0, abs=1e-5)
    model = AutoModel.from_pretrained(tmp_path, dtype=torch.float32).eval()
    for text, vector in zip(TEXTS, found, strict=True):
        ids = embed._tokenizer(text)["input_ids"] or [embed._tokenizer.eos_token_id]
        with torch.inference_mode():
            mean = model(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0).numpy()
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)
    assert (found[0] == found[-1]).all()


def test_a_text_is_read_up_to_what_the_model_has_room_for(tmp_path: Path) -> None:
    tokenizer = make_tokenizer("word")
    tokenizer.model_max_length = 8
    make_llama(tokenizer).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    long = " ".join(DOCUMENTS[0].split()[:8])
    first, second = Embedder(str(tmp_path))([long, long + " and more of it"])
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_a_head_is_left_out(tmp_path: Path) -> None:
    """A classifier's own labels are no part of how its texts lie to each other."""
    tokenizer = make_tokenizer("word")
    llama = make_llama(tokenizer)
    llama.save_pretrained(tmp_path / "causal")
    LlamaForSequenceClassification.from_pretrained(tmp_path / "causal", num_labels=3).save_pretrained(tmp_path / "classifier")
    for folder in ("causal", "classifier"):
        tokenizer.save_pretrained(tmp_path / folder)
    ours, theirs = (Embedder(str(tmp_path / folder))(SUMMARIES[:5]) for folder in ("causal", "classifier"))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
