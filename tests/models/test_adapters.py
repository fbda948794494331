"""Perplexity through an adapter given by path, and through a model whose tokenizer is not the generator's, end to end."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from summ_collapse.errors import InputError
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.loading import ModelSource, load_model, load_tokenizer, save
from summ_collapse.models.tiny import make_model, train_tokenizer
from summ_collapse.recipe.blocks import Pretrain, Tiny
from summ_collapse.recipe.load import load
from summ_collapse.run import open_run
from summ_collapse.tasks.newswire_articles import examples
from summ_collapse.tasks.prompt import Prompt
from tests.conftest import inside

TEXTS = [text for column in ("document", "summary") for text in examples(60, 1)[column].to_pylist()]
TINY = Tiny(layers=1, width=32, heads=2, positions=400, vocabulary=600, pretrain=Pretrain(steps=1))
PROMPT = "{document} TL;DR:"
pytestmark = pytest.mark.usefixtures("one_thread")


def write_model(folder: Path, kind: str) -> None:
    tokenizer = train_tokenizer(TEXTS, kind, 600, TINY.positions)
    save(make_model(TINY, tokenizer), tokenizer, folder)


def write_adapter(folder: Path, base: Path, seed: int = 0) -> None:
    """A LoRA adapter far enough from nothing to be seen in every score."""
    torch.manual_seed(seed)
    settings = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), settings).save_pretrained(folder)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "words", "word")
    write_model(folder / "pieces", "bpe")
    write_adapter(folder / "adapter", folder / "pieces")
    write_adapter(folder / "words adapter", folder / "words")
    return folder


def changes(**verifiers: Any) -> dict[str, Any]:
    """The small recipe over `words`, as short as it can be, with two candidates a document."""
    return {
        "task": {"rows": 24, "test": 4, "prompt": PROMPT},
        "base": {"tiny": None, "model": "./words"},
        "generator": {"train": {"steps": 1}},
        "synthesis": {"decoding": "sampling", "samples": 2, "chunk_size": 64},
        "verifiers": {"strong": None, "self": None, "oracle": None, **verifiers},
    }


def plain(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, document: str, candidate: str) -> float:
    """The summed log-likelihood from one whole sequence."""
    [row] = Encoder(tokenizer, Prompt.parse(PROMPT), 64).encode([document], [candidate])
    ids = torch.tensor([row.ids])
    with torch.no_grad():
        logs = torch.log_softmax(model.eval()(ids).logits, -1)[0, :-1].gather(1, ids[0, 1:, None])[:, 0]
    return logs[row.prompt_length - 1 :].double().sum().item()


def rows(run: Path, stage: str, file: str) -> list[dict[str, Any]]:
    [path] = (run / "stages").glob(f"{stage}/*/{file}.parquet")
    return pq.read_table(path).to_pylist()


def test_scores_through_an_adapter_and_another_tokenizer_than_the_generators(
    write_recipe: Callable[..., Path], models: Path, tmp_path: Path
) -> None:
    shutil.copytree(models, tmp_path, dirs_exist_ok=True)
    recipe = write_recipe(
        **changes(
            other={"kind": "perplexity", "model": "./pieces", "per": "byte"},
            adapted={"kind": "perplexity", "model": "./pieces", "adapter": "./adapter", "per": "sum"},
            over={"kind": "perplexity", "model": "generator", "adapter": "./words adapter", "per": "sum"},
        )
    )
    run = tmp_path / "run"
    done = inside("run", recipe, "--out", run, "--until", "verify/*")
    assert done.code == 0, done.err
    [generator] = [path.parent for path in (run / "stages" / "train" / "generator").glob("*/manifest.json")]
    plain_models = {
        "other": AutoModelForCausalLM.from_pretrained(models / "pieces"),
        "adapted": with_adapter(models / "pieces", models / "adapter"),
        "over": with_adapter(generator, models / "words adapter"),
    }
    documents = {row["id"]: row["document"] for row in rows(run, "prepare/data", "train")}
    candidates = {(row["id"], row["sample"]): row["candidate"] for row in rows(run, "generate/generator", "candidates")}
    for verifier, model in plain_models.items():
        tokenizer = AutoTokenizer.from_pretrained(generator if verifier == "over" else models / "pieces")
        scores = rows(run, f"verify/{verifier}", "scores")
        assert len(scores) == len(candidates) > 30
        for row in scores:
            text = candidates[row["id"], row["sample"]]
            length = len(text.encode()) + 1 if verifier == "other" else 1
            expected = plain(model, tokenizer, documents[row["id"]], text) / length
            assert row["score"] == pytest.approx(expected, abs=1e-5 * row["n_tokens"])


def with_adapter(base: Path, adapter: Path) -> PreTrainedModel:
    return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), str(adapter))


def fingerprints(folder: Path, write_recipe: Callable[..., Path]) -> dict[str, str]:
    adapted = {"kind": "perplexity", "model": str(folder / "pieces"), "adapter": str(folder / "adapter")}
    override = [f"verifiers.adapted.{key}={value}" for key, value in adapted.items()]
    recipe = load(write_recipe(**changes()), [*override, f"base.model={folder / 'words'}"])
    return {name: stage.fingerprint for name, stage in open_run(recipe, folder / "run").experiment.stages.items()}


def test_a_fingerprint_holds_the_content_of_an_adapter_and_of_its_base(
    write_recipe: Callable[..., Path], models: Path, tmp_path: Path
) -> None:
    for name in ("first", "moved", "adapter changed", "base changed"):
        shutil.copytree(models, tmp_path / name)
    write_adapter(tmp_path / "adapter changed" / "adapter", models / "pieces", seed=1)
    config = tmp_path / "base changed" / "pieces" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"rms_norm_eps": 1e-4}))
    first = fingerprints(tmp_path / "first", write_recipe)
    assert fingerprints(tmp_path / "moved", write_recipe) == first
    for name in ("adapter changed", "base changed"):
        other = fingerprints(tmp_path / name, write_recipe)
        assert {stage for stage in first if first[stage] != other[stage] and stage.startswith("verify/")} == {"verify/adapted"}


def test_an_adapters_own_tokenizer_comes_before_its_bases(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "adapter", tmp_path / "adapter")
    source = ModelSource(str(tmp_path / "adapter"), below=ModelSource(str(models / "pieces")))
    assert load_tokenizer(source).get_vocab() == AutoTokenizer.from_pretrained(models / "pieces").get_vocab()
    AutoTokenizer.from_pretrained(models / "words").save_pretrained(tmp_path / "adapter")
    assert load_tokenizer(source).get_vocab() == AutoTokenizer.from_pretrained(models / "words").get_vocab()


def test_an_adapter_that_is_trained_is_a_contradiction(write_recipe: Callable[..., Path]) -> None:
    train = {"steps": 1, "learning_rate": 1e-3, "batch_size": 8}
    both = {"kind": "perplexity", "model": "base", "adapter": "org/adapter", "train": train}
    with pytest.raises(InputError, match=r"verifiers\.both\.adapter: .*`train`"):
        load(write_recipe(verifiers={"both": both}))


def test_an_adapter_may_be_given_over_a_model_that_is_made_here(
    write_recipe: Callable[..., Path], models: Path, tmp_path: Path
) -> None:
    shutil.copytree(models / "adapter", tmp_path / "adapter")
    recipe = load(write_recipe(verifiers={"over": {"kind": "perplexity", "model": "generator", "adapter": "./adapter"}}))
    stage = open_run(recipe, tmp_path / "run").experiment.stages["verify/over"]
    assert stage.inputs["model below"] == "train/generator"
    assert list(stage.stage.reads.models) == ["model"]
    assert str(tmp_path) not in json.dumps(stage.stage.described())


def test_a_folder_without_an_adapter_is_known_before_anything_runs(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    recipe = load(write_recipe(verifiers={"over": {"kind": "perplexity", "model": "base", "adapter": "./adapter"}}))
    with pytest.raises(InputError, match=r"verifiers\.over\.adapter: .*adapter holds no adapter"):
        open_run(recipe, tmp_path / "run")


def test_pickled_weights_are_never_loaded(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "adapter", tmp_path / "adapter")
    (tmp_path / "adapter" / "adapter_model.safetensors").rename(tmp_path / "adapter" / "adapter_model.bin")
    with pytest.raises(InputError, match=r"adapter_model\.safetensors, which is not there"):
        load_model(ModelSource(str(tmp_path / "adapter"), below=ModelSource(str(models / "pieces"))), torch.float32)


def test_an_adapter_of_another_model_is_told_by_name(models: Path, tmp_path: Path) -> None:
    tokenizer = train_tokenizer(TEXTS, "bpe", 600, TINY.positions)
    save(make_model(TINY.model_copy(update={"width": 64}), tokenizer), tokenizer, tmp_path / "wider")
    with pytest.raises(InputError, match="adapter' does not fit the model below it: size mismatch"):
        load_model(ModelSource(str(models / "adapter"), below=ModelSource(str(tmp_path / "wider"))), torch.float32)
