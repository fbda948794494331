"""The verifier `classifier` against the models' own pipeline, and on errors that a tiny classifier has learnt to see."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
    pipeline,
)

from summ_collapse.errors import InputError
from summ_collapse.metrics.ranking import auc
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.loading import ModelSource
from summ_collapse.tasks.newswire_articles import examples
from summ_collapse.verifiers.classifier import Classifier
from summ_collapse.verifiers.request import Request, Scored
from summ_collapse.verifiers.verifier import Encoding
from tests.models.test_likelihood import PROMPT, SHAPE, make_tokenizer

EXAMPLES = examples(400, 5)
DOCUMENTS = EXAMPLES["document"].to_pylist()
SUMMARIES = EXAMPLES["summary"].to_pylist()
LABELS = {0: "contradiction", 1: "neutral", 2: "entailment"}

pytestmark = pytest.mark.usefixtures("one_thread")


def pair_tokenizer() -> PreTrainedTokenizerFast:
    words = sorted({word for text in [*DOCUMENTS, *SUMMARIES] for word in text.replace(".", " . ").split()})
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate([*special, *words])}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=256,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def made(folder: Path, labels: dict[int, str] | None = None, spread: float = 0.3) -> BertForSequenceClassification:
    """An entailment model of random weights in a folder."""
    tokenizer = pair_tokenizer()
    torch.manual_seed(0)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=256,
            initializer_range=spread,
            id2label=labels or LABELS,
            label2id={name: number for number, name in (labels or LABELS).items()},
        )
    ).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def classifier(folder: Path, **options: Any) -> Classifier:
    return Classifier.model_validate({"kind": "classifier", "model": str(folder), **options})


def unread() -> Encoder:
    raise AssertionError("no completion is read")


def scored(
    verifier: Classifier, documents: list[str], candidates: list[str], batch_size: int, encoding: Encoding = unread
) -> Scored:
    read = verifier.load(ModelSource(verifier.model, dtype="float32"), encoding)
    keys = [(str(row), 0) for row in range(len(documents))]
    return verifier.score(Request(keys, candidates, documents, [None] * len(keys), 0, batch_size, lambda: read))


def pairs(count: int) -> tuple[list[str], list[str]]:
    """Pairs of various lengths, right and wrong."""
    documents = [" ".join(DOCUMENTS[row : row + 1 + row % 3]) for row in range(count)]
    return documents, [SUMMARIES[row + row % 2] for row in range(count)]


@pytest.mark.parametrize("batch_size", [1, 16])
def test_probabilities_are_those_of_the_pipeline(tmp_path: Path, batch_size: int) -> None:
    made(tmp_path)
    documents, candidates = pairs(200)
    verifier = classifier(tmp_path, label="entailment", pairs={"window": 256, "sentences": "whole"})
    found = scored(verifier, documents, candidates, batch_size)
    asked = pipeline("text-classification", str(tmp_path), device="cpu")
    given = [{"text": document, "text_pair": candidate} for document, candidate in zip(documents, candidates, strict=True)]
    said = [next(one["score"] for one in each if one["label"] == "entailment") for each in asked(given, top_k=None)]
    np.testing.assert_allclose(found.score, said, rtol=0, atol=1e-5)
    assert found.score.std() > 0.01
    assert set(found.columns["windows"].tolist()) == {1}


def test_a_long_document_is_read_in_windows_and_each_sentence_has_its_best(tmp_path: Path) -> None:
    made(tmp_path)
    verifier = classifier(tmp_path, label=2, pairs={"window": 64})
    document = " ".join(DOCUMENTS[:6])
    claims = SUMMARIES[:2]
    joined = ". ".join(claims)
    [[*sentences]] = [verifier._sentences(joined)]
    assert len(sentences) == 2
    found = scored(verifier, [document], [joined], 8)
    tokenizer, model = pair_tokenizer(), BertForSequenceClassification.from_pretrained(tmp_path).eval()
    best = []
    for sentence in sentences:
        windows = tokenizer(
            document,
            sentence,
            truncation="only_first",
            max_length=64,
            stride=(64 - len(tokenizer("", sentence)["input_ids"])) // 2,
            return_overflowing_tokens=True,
        )["input_ids"]
        assert len(windows) > 3
        said = []
        for ids in windows:
            second = ids.index(3) + 1
            kinds = torch.tensor([[0] * second + [1] * (len(ids) - second)])
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([ids]), token_type_ids=kinds).logits[0]
            said.append(torch.softmax(logits.double(), -1)[2].item())
        best.append(max(said))
    assert found.score[0] == pytest.approx(np.mean(best), abs=1e-6)
    worst = classifier(tmp_path, label=2, pairs={"window": 64, "sentences": "worst"})
    assert scored(worst, [document], [joined], 8).score[0] == pytest.approx(min(best), abs=1e-6)


def test_a_candidate_that_leaves_no_room_has_no_score_and_an_empty_one_has(tmp_path: Path) -> None:
    made(tmp_path)
    verifier = classifier(tmp_path, label="neutral", pairs={"window": 32, "sentences": "whole"})
    found = scored(verifier, DOCUMENTS[:3], [" ".join(SUMMARIES[:10]), "", "[SEP] [CLS] calm"], 4)
    assert np.isnan(found.score).tolist() == [True, False, False]
    assert found.columns["windows"].tolist()[0] == 0


def test_a_reward_model_reads_prompt_and_completion(tmp_path: Path) -> None:
    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    model = LlamaForSequenceClassification(LlamaConfig(vocab_size=len(tokenizer), num_labels=1, **SHAPE)).eval()
    model.save_pretrained(tmp_path)
    encoding = partial(Encoder, tokenizer, PROMPT, 60)
    documents, candidates = pairs(20)
    found = scored(classifier(tmp_path, reads="completion"), documents, candidates, 8, encoding)
    expected = []
    for one in encoding().encode(documents, candidates):
        with torch.no_grad():
            expected.append(model(input_ids=torch.tensor([one.ids])).logits[0, 0].item())
    np.testing.assert_allclose(found.score, expected, rtol=0, atol=1e-5)


def test_what_classifies_nothing_is_refused(tmp_path: Path) -> None:
    tokenizer = make_tokenizer()
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **SHAPE)).save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"expected a sequence classifier; its weights lack score.weight"):
        classifier(tmp_path, reads="completion").load(ModelSource(str(tmp_path), dtype="float32"), unread)


@pytest.mark.parametrize("label", [None, "right", 7])
def test_a_label_has_to_be_one_of_the_models(tmp_path: Path, label: str | int | None) -> None:
    made(tmp_path)
    with pytest.raises(InputError, match=r"label: expected one of .*contradiction \(0\), neutral \(1\), entailment \(2\), got"):
        classifier(tmp_path, label=label).load(ModelSource(str(tmp_path), dtype="float32"), unread)


@pytest.mark.parametrize("options", [{"reads": "completion", "pairs": {}}, {"chat": {}}])
def test_options_belong_to_a_way_of_reading(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"expected `(pairs|chat)` only with"):
        classifier(tmp_path, **options)


def test_a_classifier_of_ones_own_sees_planted_errors(tmp_path: Path) -> None:
    """Summaries without their last two words are wrong; learnt on 240 documents, asked of 160 others."""
    model = made(tmp_path, {0: "wrong", 1: "right"}, 0.02)
    tokenizer = pair_tokenizer()
    rng = np.random.default_rng(0)
    right = rng.random(400) < 0.5
    candidates = [text if ok else " ".join(text.split()[:-2]) for text, ok in zip(SUMMARIES, right, strict=True)]
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    model.train()
    for _ in range(60):
        rows = rng.choice(240, 16, replace=False)
        given = tokenizer([DOCUMENTS[row] for row in rows], [candidates[row] for row in rows], padding=True, return_tensors="pt")
        model(**given, labels=torch.tensor(right[rows].astype(int))).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval().save_pretrained(tmp_path)
    found = scored(classifier(tmp_path, label="right"), DOCUMENTS[240:], candidates[240:], 16)
    reached = auc(found.score, right[240:], np.arange(160))
    assert reached is not None
    assert reached.mean >= 0.8
