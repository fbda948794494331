"""The verifier `judge` against a loop that asks one question at a time."""

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from transformers import LlamaForCausalLM

from summ_collapse.errors import InputError
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.questions import Question
from summ_collapse.tasks.chat import Chat
from summ_collapse.verifiers.judge import Judge
from summ_collapse.verifiers.request import Request
from tests.models.test_likelihood import DOCUMENTS, PROMPT, SUMMARIES, make_llama, make_tokenizer

BUDGET = 40  # tokens; half of the documents are longer
TEMPLATES = ["{document}\nIs it true that {candidate}? Answer", "Text: {document} Claim: {candidate} Right or wrong"]
CHAT = (
    "{% for one in messages %}<s>{{ one['role'] }} {{ one['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant{% endif %}"
)

pytestmark = pytest.mark.usefixtures("one_thread")


def judge(**options: Any) -> Judge:
    return Judge.model_validate({"kind": "judge", "model": "generator", "templates": TEMPLATES, **options})


def request(model: Any, questions: list[Question], documents: list[str], candidates: list[str], batch_size: int = 8) -> Request:
    keys = [(str(row), 0) for row in range(len(documents))]
    return Request(keys, candidates, documents, [None] * len(keys), 0, batch_size, lambda: (model, questions))


def by_hand(model: LlamaForCausalLM, encoder: Encoder, template: str, document: str, candidate: str) -> tuple[float, float]:
    """P(yes) against P(no), and both together, of one plain sequence."""
    tokenizer = encoder.tokenizer
    head, rest = template.split("{document}")
    middle, end = rest.split("{candidate}")
    ids = [tokenizer.bos_token_id]
    for text, most in ((head, None), (document, BUDGET), (middle, None), (candidate, None), (end, None)):
        ids += tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"][:most]
    yes, no = (tokenizer(f" {word}", add_special_tokens=False)["input_ids"][0] for word in ("yes", "no"))
    with torch.no_grad():
        said = torch.softmax(model.eval()(torch.tensor([ids])).logits[0, -1].double(), -1)
    return float(said[yes] / (said[yes] + said[no])), float(said[yes] + said[no])


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_a_score_is_that_of_a_question_asked_alone(batch_size: int) -> None:
    tokenizer = make_tokenizer()
    model, encoder = make_llama(tokenizer), Encoder(tokenizer, PROMPT, BUDGET)
    candidates = [SUMMARIES[(row * 7) % 40] for row in range(40)]
    candidates[3], candidates[4] = "", "calm </s> markets"
    verifier = judge()
    questions = [Question(encoder, template, "yes", "no", 4096) for template in TEMPLATES]
    found = verifier.score(request(model, questions, DOCUMENTS, candidates, batch_size))
    expected = [
        np.mean([by_hand(model, encoder, template, *pair) for template in TEMPLATES], axis=0)
        for pair in zip(DOCUMENTS, candidates, strict=True)
    ]
    np.testing.assert_allclose(found.score, [score for score, _ in expected], rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.columns["mass"], [mass for _, mass in expected], rtol=1e-3)
    assert found.score.std() > 0.01
    long = [len(ids) > BUDGET for ids in encoder.tokens(DOCUMENTS)]
    assert found.columns["truncated"].tolist() == long
    assert any(long)
    assert not all(long)


def test_a_document_makes_room_for_the_candidate_and_a_candidate_without_room_has_no_score() -> None:
    tokenizer = make_tokenizer()
    model, encoder = make_llama(tokenizer), Encoder(tokenizer, PROMPT, BUDGET)
    question = Question(encoder, TEMPLATES[0], "yes", "no", 64)
    candidates = [SUMMARIES[0], " ".join(SUMMARIES[:12])]
    found = judge(templates=TEMPLATES[:1]).score(request(model, [question], DOCUMENTS[:2], candidates))
    assert found.columns["n_tokens"].tolist()[1] == 0
    assert found.columns["n_tokens"][0] <= 64
    assert np.isfinite(found.score[0])
    assert math.isnan(found.score[1])
    assert found.columns["truncated"].tolist() == [True, False]


def test_a_model_with_a_chat_template_is_asked_in_it() -> None:
    tokenizer = make_tokenizer()
    tokenizer.chat_template = CHAT
    encoder = Encoder(tokenizer, PROMPT, BUDGET, Chat(system="be just"))
    [asked] = Question(encoder, TEMPLATES[0], "yes", "no", 4096).asked(["storm"], ["calm"])[0]
    text = tokenizer.decode(asked, skip_special_tokens=False).replace(" ", "")
    assert text == "<s>systembejust</s><s>userstorm\nIsittruethatcalm?Answer</s><s>assistant"


@pytest.mark.parametrize(
    "template", ["{candidate}", "{document}", "{candidate} {document}", "{document} {candidate} {candidate}", "no place"]
)
def test_a_template_has_both_places_in_order(template: str) -> None:
    with pytest.raises(ValidationError, match=r"expected a template"):
        judge(templates=[template])


def test_yes_and_no_have_to_differ_in_their_first_token() -> None:
    encoder = Encoder(make_tokenizer("word"), PROMPT, BUDGET)
    with pytest.raises(InputError, match="expected words that begin with other tokens, got 'zzz' and 'qqq'"):
        Question(encoder, TEMPLATES[0], "zzz", "qqq", 64)


def test_it_is_loaded_like_any_verifier(tmp_path: Any) -> None:
    tokenizer = make_tokenizer()
    make_llama(tokenizer).save_pretrained(tmp_path)
    from summ_collapse.models.loading import ModelSource

    encoding = partial(Encoder, tokenizer, PROMPT, BUDGET)
    model, questions = judge().load(ModelSource(str(tmp_path), dtype="float32"), encoding)
    assert [one.positions for one in questions] == [4096, 4096]
    assert model.config.hidden_size == 32
