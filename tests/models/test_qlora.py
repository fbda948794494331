"""QLoRA on CPU: a 4-bit base, an adapter that learns in float32, loaded by plain peft."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from summ_collapse.errors import InputError
from summ_collapse.models.encoded import EncodedRows
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.likelihood import completion_likelihoods
from summ_collapse.models.loading import ModelSource, load_model, load_quantised
from summ_collapse.models.tiny import make_model, train_tokenizer
from summ_collapse.models.training import Fit, fit
from summ_collapse.recipe.blocks import Pretrain, Tiny, Training
from summ_collapse.tasks.newswire_articles import examples
from summ_collapse.tasks.prompt import Prompt
from tests.conftest import summ_collapse

ROWS = examples(60, 7)
DOCUMENTS, SUMMARIES = ROWS["document"].to_pylist(), ROWS["summary"].to_pylist()


@pytest.fixture
def base(tmp_path: Path) -> tuple[ModelSource, Encoder]:
    tokenizer = train_tokenizer(DOCUMENTS + SUMMARIES, "word", 600, 128)
    tiny = Tiny(layers=2, width=64, heads=2, positions=128, vocabulary=600, pretrain=Pretrain(steps=1))
    make_model(tiny, tokenizer).save_pretrained(tmp_path / "base")
    return ModelSource(str(tmp_path / "base")), Encoder(tokenizer, Prompt.parse("{document} TL;DR:"), 64)


@pytest.mark.slow
def test_qlora_learns_over_a_base_in_four_bits(base: tuple[ModelSource, Encoder], tmp_path: Path) -> None:
    source, encoder = base
    model = load_quantised(source, torch.float32)
    layer = model.model.layers[0].self_attn.q_proj.weight
    assert layer.dtype == torch.uint8
    assert layer.numel() == 64 * 64 // 2  # two weights a byte
    before, _ = completion_likelihoods(model, encoder, DOCUMENTS, SUMMARIES, 16)
    trained = fit(
        model,
        encoder.tokenizer,
        EncodedRows.of(encoder.encode(DOCUMENTS, SUMMARIES)),
        Fit(
            Training(method="qlora", rank=8, steps=30, learning_rate=1e-2, batch_size=16),
            3,
            torch.float32,
            tmp_path / "work",
            100,
            lambda done, total: None,
        ),
        tmp_path / "out",
        below="base",
    )
    assert {parameter.dtype for parameter in model.parameters() if parameter.requires_grad} == {torch.float32}
    # 7 linear layers a block, 2 blocks: 4 x (64 + 64) for attention and 3 x (64 + 192) for the MLP, times the rank.
    assert trained.trainable_parameters == 2 * 8 * (4 * 128 + 3 * 256)
    ours = load_model(ModelSource(str(tmp_path / "out"), below=source), torch.float32)
    after, _ = completion_likelihoods(ours, encoder, DOCUMENTS, SUMMARIES, 16)
    assert after.mean() > before.mean() + 5
    plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(source.name), tmp_path / "out").eval()
    ids = torch.tensor([encoder.encode(DOCUMENTS[:1])[0].ids])
    with torch.no_grad():
        torch.testing.assert_close(plain(ids).logits, ours(ids).logits, rtol=1e-4, atol=1e-5)


def test_qlora_does_not_start_from_an_adapter(base: tuple[ModelSource, Encoder]) -> None:
    source, _ = base
    with pytest.raises(InputError, match="qlora starts from a whole model"):
        load_quantised(ModelSource("adapter", below=source), torch.float32)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["retrain.method=qlora", "launch.train=fsdp"], "retrain.method: qlora runs on whole models"),
        (["retrain.method=qlora", "retrain.from=generator", "generator.train.method=lora"], "generator.train makes an adapter"),
    ],
    ids=["sharded", "on an adapter"],
)
def test_where_qlora_cannot_be_is_known_before_anything_runs(overrides: list[str], told: str, tmp_path: Path) -> None:
    done = summ_collapse("run", "demo", *overrides, "--out", tmp_path / "run")
    assert done.code == 2
    assert told in done.err
    assert not (tmp_path / "run").exists()
