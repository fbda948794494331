"""`export` and `select`: rows as other trainers read them, and trained on by them."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from datasets import load_dataset
from pydantic import Field, TypeAdapter
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer
from typing_extensions import TypedDict

from summ_collapse.export.card import card_path
from tests.conftest import SMALL, inside, merged
from tests.experiment.test_preference import RECIPE
from tests.models.test_likelihood import SHAPE, make_tokenizer

CHAT = (
    "{% for one in messages %}{{ one['role'] }} {{ one['content'] }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}assistant{% endif %}"
)


class Message(TypedDict):
    """Of a conversation, as axolotl's `chat_template` and LLaMA-Factory's `sharegpt` with OpenAI's tags document it."""

    role: Literal["system", "user", "assistant"]
    content: str


class Conversation(TypedDict):
    messages: Annotated[list[Message], Field(min_length=2)]


class Prompted(TypedDict):
    prompt: Annotated[str, Field(min_length=1)]
    completion: str


pytestmark = pytest.mark.usefixtures("one_thread")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def exported(run: Path, arm: str, form: str, out: Path, *further: object) -> list[dict[str, Any]]:
    done = inside("export", run, arm, "--format", form, "--out", out, *further)
    assert done.code == 0, done.err
    return lines(out) if out.suffix == ".jsonl" else pq.read_table(out).to_pylist()


def learner() -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    tokenizer = make_tokenizer()
    tokenizer.chat_template = CHAT
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **{**SHAPE, "initializer_range": 0.02})), tokenizer


def test_rows_are_those_of_the_arm_with_their_documents(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    run = small_run[1]
    rows = pq.read_table(next((run / "stages/select/oracle-0.25").glob("*/rows.parquet"))).to_pylist()
    documents = {
        one["id"]: one["document"]
        for one in pq.read_table(next((run / "stages/prepare/data").glob("*/train.parquet"))).to_pylist()
    }
    found = exported(run, "oracle-0.25", "prompt-completion", tmp_path / "rows.jsonl")
    assert [(one["id"], one["sample"], one["score"]) for one in found] == [
        (one["id"], one["sample"], one["score"]) for one in rows
    ]
    for one, row in zip(found, rows, strict=True):
        TypeAdapter(Prompted).validate_python(one, strict=True)
        assert documents[row["id"]] in one["prompt"]
        assert one["completion"].strip() == row["completion"]
    said = exported(run, "oracle-0.25", "messages", tmp_path / "messages.jsonl")
    for one, row in zip(said, rows, strict=True):
        TypeAdapter(Conversation).validate_python(one, strict=True)
        assert one["messages"][-1] == {"role": "assistant", "content": row["completion"]}
    table = exported(run, "oracle-0.25", "parquet", tmp_path / "rows.parquet")
    assert [one["completion"] for one in table] == [one["completion"] for one in rows]
    assert {"document", "weight", "source", "rank"} <= set(table[0])


def test_what_was_not_chosen_is_written_with_its_reason(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    _, run = small_run
    kept = exported(run, "oracle-0.25", "messages", tmp_path / "kept.jsonl", "--rejected", tmp_path / "others.parquet")
    others = pq.read_table(tmp_path / "others.parquet").to_pylist()
    pool = pq.read_table(next((run / "stages/generate/generator").glob("*/candidates.parquet")))
    assert len(kept) + len(others) == pool.num_rows
    assert {row["reason"] for row in others} == {"not among those that were kept"}
    least = min(pq.read_table(next((run / "stages/select/oracle-0.25").glob("*/rows.parquet")))["score"].to_pylist())
    assert all(row["score"] <= least for row in others)


def test_the_card_says_where_rows_come_from(small_run: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    rows = exported(small_run[1], "oracle-0.25", "messages", out, "--licence", "cc-by-4.0")
    card = card_path(out).read_text()
    assert card.startswith("---\npretty_name: small oracle-0.25\nlicense: cc-by-4.0\n")
    notes = json.loads(next((small_run[1] / "stages/select/oracle-0.25").glob("*/manifest.json")).read_text())["notes"]
    for name in ("p", "phi", "psi", "kept_error"):
        if notes[name] is not None:
            assert f"{100 * notes[name]:.1f}%" in card
    assert f"{len(rows):,} rows, messages" in card
    assert "- rejected, below the cut: " in card
    assert "- generate/generator " in card


@pytest.mark.parametrize("form", ["prompt-completion", "messages"])
def test_ten_lines_of_trl_train_on_them(small_run: tuple[Path, Path], tmp_path: Path, form: str) -> None:
    exported(small_run[1], "unfiltered", form, tmp_path / "rows.jsonl")
    model, tokenizer = learner()
    rows = load_dataset("json", data_files=str(tmp_path / "rows.jsonl"), split="train", cache_dir=str(tmp_path / "cache"))
    rows = rows.select_columns(["prompt", "completion"] if form == "prompt-completion" else ["messages"])
    settings = SFTConfig(
        output_dir=str(tmp_path / "sft"), max_steps=4, per_device_train_batch_size=4, learning_rate=1e-3, bf16=False,
        gradient_checkpointing=False, use_cpu=True, report_to=[], save_strategy="no", logging_steps=1, max_length=None,
    )  # fmt: skip
    trainer = SFTTrainer(model=model, args=settings, train_dataset=rows, processing_class=tokenizer)
    trainer.train()
    losses = [one["loss"] for one in trainer.state.log_history if "loss" in one]
    assert len(losses) == 4
    assert np.isfinite(losses).all()


@pytest.fixture(scope="module")
def preference_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has come as far as its pairs."""
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(merged(SMALL, RECIPE), sort_keys=False))
    done = inside("run", folder / "recipe.yaml", "--out", folder / "run", "--until", "pair/dpo")
    assert done.code == 0, done.err
    return folder / "run"


def test_pairs_train_with_ten_lines_of_dpo(preference_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "pairs.jsonl"
    found = exported(preference_run, "dpo", "preference", out)
    assert found
    assert all(one["chosen"] != one["rejected"] for one in found)
    for part in learner():
        part.save_pretrained(tmp_path / "learner")
    rows = load_dataset("json", data_files=str(out), split="train", cache_dir=str(tmp_path / "cache"))
    settings = DPOConfig(
        output_dir=str(tmp_path / "dpo"), max_steps=2, per_device_train_batch_size=2, learning_rate=1e-3, bf16=False,
        gradient_checkpointing=False, use_cpu=True, report_to=[], save_strategy="no", logging_steps=1,
    )  # fmt: skip
    rows = rows.select_columns(["prompt", "chosen", "rejected"])
    trainer = DPOTrainer(model=str(tmp_path / "learner"), args=settings, train_dataset=rows)
    trainer.train()
    assert np.isfinite([one["loss"] for one in trainer.state.log_history if "loss" in one]).all()
    for form, message in (("messages", "it learns from pairs"), ("prompt-completion", "it learns from pairs")):
        done = inside("export", preference_run, "dpo", "--format", form, "--out", tmp_path / "x.jsonl")
        assert done.code == 2
        assert message in done.err


@pytest.mark.parametrize(
    ("arm", "further", "message"),
    [
        ("oracle-0.52", [], "'oracle-0.52' is no arm of this run; did you mean 'oracle-"),
        ("oracle-0.25", ["--seed", 3], "--seed 3: expected one of the run's, 0"),
        ("oracle-0.25", ["--format", "preference"], "oracle-0.25: it learns from rows, not from pairs"),
    ],
)
def test_what_cannot_be_exported_is_told(
    small_run: tuple[Path, Path], tmp_path: Path, arm: str, further: list[object], message: str
) -> None:
    done = inside("export", small_run[1], arm, "--out", tmp_path / "rows.jsonl", *further)
    assert done.code == 2
    assert message in done.err
    assert not list(tmp_path.iterdir())


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Candidates with two scores and documents; every tenth has no first score."""
    rng = np.random.default_rng(0)
    names = [f"row {row}" for row in range(200)]
    files: dict[str, list[dict[str, Any]]] = {
        "candidates": [{"id": name, "candidate": f"what {name} says"} for name in names],
        "documents": [{"id": name, "document": f"the text of {name}"} for name in names],
        "one": [{"id": name, "score": None if row % 10 == 0 else rng.random()} for row, name in enumerate(names)],
        "two": [{"id": name, "score": rng.random()} for name in names],
    }
    for name, rows in files.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def choose(folder: Path, *further: object) -> Any:
    scores = [part for name in ("one", "two") for part in ("--scores", f"{name}={folder / name}.jsonl")]
    return inside("select", "--candidates", folder / "candidates.jsonl", *scores, *further)


def test_every_candidate_is_kept_or_rejected_for_a_reason(pool: Path) -> None:
    done = choose(pool, "--by", "one", "--rate", 0.25, "--out", pool / "kept.parquet", "--rejected", pool / "others.parquet")
    assert done.code == 0, done.err
    kept, others = pq.read_table(pool / "kept.parquet").to_pylist(), pq.read_table(pool / "others.parquet").to_pylist()
    assert (len(kept), len(others)) == (50, 150)
    assert sorted(one["rank"] for one in kept) == list(range(50))
    reasons = [one["reason"] for one in others]
    assert (reasons.count("score is NaN"), reasons.count("below the cut")) == (20, 130)
    assert "- rejected, score is NaN: 20" in card_path(pool / "kept.parquet").read_text()


def test_several_scores_decide_together_by_rank(pool: Path) -> None:
    out = pool / "kept.jsonl"
    done = choose(pool, "--rate", 0.1, "--out", out, "--format", "messages", "--documents", pool / "documents.jsonl")
    assert done.code == 0, done.err
    values = {name: [row["score"] for row in lines(pool / f"{name}.jsonl")] for name in ("one", "two")}
    usable = [row for row in range(200) if row % 10]
    rank = {
        name: {row: sum(held[other] < held[row] for other in range(200) if held[other] is not None) for row in usable}
        for name, held in values.items()
    }
    best = sorted(usable, key=lambda row: -(rank["one"][row] / 179 + rank["two"][row] / 199))[:20]
    assert {one["id"] for one in lines(out)} == {f"row {row}" for row in best}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--by", "three", "--rate", "0.5"], "--by: no --scores is named 'three'"),
        (["--rate", "0.001"], "0.001 of 200 candidates is less than one"),
        (["--by", "one", "--rate", "0.95"], "one: 20 of 200 scores are NaN (first: id 'row 0'); keeping 0.95"),
        (["--rate", "0.5", "--format", "messages", "--out", "kept.jsonl"], "--format messages: expected --documents FILE"),
        (["--rate", "0.5", "--rejected", "{out}"], "choose another name"),
        (["--rate", "0.5", "--out", "{candidates}"], "choose another name"),
        (["--rate", "0.5", "--out", "kept.jsonl"], "expected a name that ends in .parquet"),
        (["--rate", "0.5", "--prompt", "no place"], "--prompt: expected a template that contains {document} once"),
    ],
)
def test_what_cannot_be_selected_is_told(pool: Path, options: list[str], message: str) -> None:
    names = {"out": pool / "kept.parquet", "candidates": pool / "candidates.jsonl"}
    done = choose(pool, "--out", pool / "kept.parquet", *(one.format(**names) for one in options))
    assert done.code == 2
    assert message in done.err
    assert not list(pool.glob("kept*"))
