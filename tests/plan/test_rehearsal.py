"""A rehearsal ends as a run would, before anything is trained: with what a stage far behind would say of the recipe."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, LlamaConfig

from summ_collapse.models import small
from summ_collapse.models.tiny import train_tokenizer
from summ_collapse.plan.check_site import Finding
from summ_collapse.plan.check_stages import stages
from summ_collapse.recipe.load import load
from summ_collapse.tasks.newswire_articles import examples

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPES = Path(__file__).parents[2] / "recipes"
TRAIN = {"steps": 500, "learning_rate": 1e-3, "batch_size": 64, "micro_batch_size": 4}


def rehearsed(recipe: Path) -> list[Finding]:
    return [one for one in stages(load(recipe)) if one.what == "rehearsal"]


@pytest.fixture(scope="module")
def wide_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is told of a model that no rehearsal could load: a configuration and a tokenizer; its weights are elsewhere."""
    folder = tmp_path_factory.mktemp("base")
    articles = examples(200, 0)
    tokenizer = train_tokenizer([*articles["document"].to_pylist(), *articles["summary"].to_pylist()], "bpe", 2000, 512)
    LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=4096,
        intermediate_size=11_008,
        num_hidden_layers=32,
        num_attention_heads=32,
        max_position_embeddings=512,
        architectures=["LlamaForCausalLM"],
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    ).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_recipe_of_seven_billion_weights_is_rehearsed_in_seconds(write_recipe: Callable[..., Path], wide_base: Path) -> None:
    recipe = write_recipe(
        base={"tiny": None, "model": str(wide_base)},
        generator={"train": {**TRAIN, "method": "full"}},
        synthesis={"decoding": "sampling", "samples": 4, "batch_size": 256, "max_new_tokens": 100},
        verifiers={
            "strong": {"kind": "perplexity", "model": "base", "train": {**TRAIN, "method": "lora"}},
            "both": {"kind": "combined", "of": ["oracle", "strong", "self"]},
            "judged": {"kind": "judge", "model": "generator"},
        },
        retrain={**TRAIN, "method": "lora"},
        evaluation={"attempts": 8},
    )
    (found,) = rehearsed(recipe)
    assert found.verdict == "ok"
    assert "of 9 kinds ran" in found.detail  # all but pretraining and the report
    assert "not tried" not in found.detail


def test_what_a_verifier_late_in_the_run_would_say(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    """A label that the classifier has not, and a file that scores other candidates."""
    folder = tmp_path / "entailment"
    tokenizer = train_tokenizer(examples(50, 0)["document"].to_pylist(), "word", 500, 128)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (tmp_path / "scores.jsonl").write_text('{"id": "elsewhere", "sample": 0, "score": 0.5}\n')
    recipe = write_recipe(
        verifiers={
            "entails": {"kind": "classifier", "model": str(folder), "label": "entailment"},
            "theirs": {"kind": "scores", "file": "scores.jsonl"},
        }
    )
    found = {one.detail.split(":")[0]: one for one in rehearsed(recipe)}
    assert found["verify/entails"].verdict == "failed"
    assert "label: expected one of" in found["verify/entails"].detail
    assert "got 'entailment'" in found["verify/entails"].detail
    assert str(folder) in found["verify/entails"].detail  # and not the small copy's place
    assert "none fits: 'elsewhere' is its first" in found["verify/theirs"].detail


def given(folder: Path, **changes: Any) -> dict[str, Any]:
    """A recipe's blocks for candidates of one's own, with scores beside them."""
    ids = [f"own-{row}" for row in range(200)]
    articles = examples(200, 3)
    texts = list(zip(ids, articles["document"].to_pylist(), articles["summary"].to_pylist(), strict=True))
    write(folder / "rows.jsonl", ({"id": name, "document": document, "summary": summary} for name, document, summary in texts))
    written = [
        {"id": name, "sample": 0, "candidate": summary, "score": row / 200} for row, (name, _, summary) in enumerate(texts)
    ]
    write(folder / "candidates.jsonl", iter(written[::2]))
    return {
        "task": {"kind": "summarization", "data": "rows.jsonl", "rows": None, "test": None, "test_share": 0.1},
        "generator": {"slice": 0.2, "train": None},
        "synthesis": {"candidates": "candidates.jsonl"},
        "verifiers": {"self": None, "theirs": {"kind": "scores", "file": "candidates.jsonl"}},
        **changes,
    }


def write(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_files_of_ones_own_are_read_whole(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    """A fault in the last row of a file of candidates is told, though few rows are rehearsed on."""
    recipe = write_recipe(**given(tmp_path))
    (found,) = rehearsed(recipe)
    assert found.verdict == "ok"
    with (tmp_path / "candidates.jsonl").open("a") as file:
        file.write('{"id": "own-7", "candidate": 12}\n')
    failed = [one.detail for one in rehearsed(recipe) if one.verdict == "failed"]
    assert any("expected text under `candidate`, got 12" in detail for detail in failed)


def test_a_part_of_the_world_that_no_row_is_of_is_a_failure_and_a_rare_one_is_none(write_recipe: Callable[..., Path]) -> None:
    """Slices are of all rows, whatever the rehearsal's few are."""
    taught = {"kind": "perplexity", "model": "base", "train": {**TRAIN, "slice": 1.0, "only": {"kind": ["nowhere"]}}}
    failed, ok = rehearsed(write_recipe(verifiers={"strong": taught}))
    assert (failed.verdict, ok.verdict) == ("failed", "ok")
    assert "only.kind: no row has any of nowhere" in failed.detail
    rarest = Counter(examples(160, 0)["kind"].to_pylist()).most_common()[-1][0]
    taught["train"]["only"] = {"kind": [rarest]}
    assert [one.verdict for one in rehearsed(write_recipe("rare.yaml", verifiers={"strong": taught}))] == ["ok"]


def test_what_few_rows_cannot_show_is_a_warning(write_recipe: Callable[..., Path]) -> None:
    """A topic that no document of the sample is on; among all of them it may stand."""
    biased = {"kind": "corrupted", "of": "oracle", "how": "bias", "strength": 2.0, "share": 0.5, "topic": "no such words"}
    found = rehearsed(write_recipe(verifiers={"biased": biased}))
    assert [one.verdict for one in found] == ["warning", "ok"]
    assert "matches no document (tried on" in found[0].detail
    columns = rehearsed(write_recipe("by.yaml", selection={"across": "strata", "by": "kinds"}))
    assert any("selection.by: expected length, cluster or one of" in one.detail for one in columns)


def changed(base: Path, target: Path, **changes: Any) -> str:
    """A copy of a model's folder with another configuration."""
    shutil.copytree(base, target)
    config = json.loads((base / "config.json").read_text())
    (target / "config.json").write_text(json.dumps({**config, **changes}))
    return str(target)


def test_a_model_that_no_run_could_read_is_a_failure_that_names_it(
    write_recipe: Callable[..., Path], wide_base: Path, tmp_path: Path
) -> None:
    strange = changed(wide_base, tmp_path / "strange", model_type="of-their-own")
    failed, _ = rehearsed(write_recipe(base={"tiny": None, "model": strange}))
    assert failed.verdict == "failed"
    assert failed.detail.startswith(f"train/generator: model '{strange}' cannot be loaded")


def test_a_model_that_cannot_be_small_is_said_and_no_failure(
    write_recipe: Callable[..., Path], wide_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(*_: object) -> None:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(small, "small_copy", raises)
    (found,) = rehearsed(write_recipe(base={"tiny": None, "model": str(wide_base)}))
    assert found.verdict == "ok"
    assert f"not tried: train/generator (no small model like {wide_base} can be made: shapes do not fit)" in found.detail


def test_a_candidate_that_does_not_fit_the_base_is_told(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = write_recipe(**given(tmp_path))
    with (tmp_path / "candidates.jsonl").open("a") as file:
        file.write(json.dumps({"id": "own-151", "sample": 7, "candidate": "much " * 200, "score": 2.0}) + "\n")
    failed = [one.detail for one in rehearsed(recipe) if one.verdict == "failed"]
    assert len(failed) == 1
    assert failed[0].startswith("train/")
    assert "a completion of 201 need" in failed[0]


# Those that read no data but what a task makes itself, and train their base.
OURS = [path for path in sorted(RECIPES.glob("*.yaml")) if "tiny:" in path.read_text() and "data:" not in path.read_text()]


@pytest.mark.nightly  # two minutes of what the tests above show on one recipe
@pytest.mark.parametrize("recipe", OURS, ids=lambda path: path.stem)
def test_every_recipe_of_ours_that_needs_no_download_is_sound(recipe: Path) -> None:
    assert {one.verdict for one in stages(load(recipe))} == {"ok"}
