"""Plans at the paper's scale, made without data or weights."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from summ_collapse.plan.here import machine
from tests.conftest import inside

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize(("name", "train"), [("xsum_llama2_7b", 204_045), ("xlsum_llama2_7b", 307_000)])
def test_the_papers_recipes_are_planned_offline(name: str, train: int) -> None:
    done = inside("plan", RECIPES / f"{name}.yaml", "--json")
    assert done.code == 0, done.err
    plan = json.loads(done.out)
    stages = {stage["name"]: stage for stage in plan["stages"]}
    of_slice = round(train / 8)
    assert stages["train/generator"]["rows"] == of_slice
    assert stages["generate/generator"]["rows"] == train - of_slice
    assert stages["train/llama3-0.125"]["rows"] == round((train - of_slice) / 8)
    assert stages["train/real-full"]["rows"] == stages["train/llama3"]["rows"] == train
    assert stages["train/real-full"]["tokens"] > 2 * 500 * train
    assert {"model meta-llama/Llama-2-7b-hf", "model meta-llama/Meta-Llama-3-8B"} <= set(plan["unresolved"])
    assert not any(stage["cached"] for stage in plan["stages"])


def test_twenty_rounds_of_a_small_model_are_planned_offline() -> None:
    done = inside("plan", RECIPES / "xsum_smollm_20_rounds.yaml", "--gpu", "h100", "--devices", "1", "--json")
    assert done.code == 0, done.err
    plan = json.loads(done.out)
    stages = {stage["name"]: stage for stage in plan["stages"]}
    assert len([name for name in stages if name.startswith("train/")]) == 3 * (1 + 2 * 20)
    assert stages["generate/oracle-19-generator@2"]["rows"] == 20_000
    assert stages["train/random-20@1"]["rows"] == stages["select/oracle-1@0"]["rows"] == 5000
    assert plan["total"]["unknown"] == []
    assert all(stage["fits"] in (True, None) for stage in plan["stages"])


def test_a_plan_knows_what_is_cached(small_run: tuple[Path, Path]) -> None:
    recipe, run = small_run
    plan = json.loads(inside("plan", recipe, "--out", run, "--json").out)
    assert all(stage["cached"] for stage in plan["stages"])
    assert plan["unresolved"] == []


def test_the_table_rounds_and_the_wide_one_has_every_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    recipe = RECIPES / "xsum_llama2_7b.yaml"
    plan = json.loads(inside("plan", recipe, "--gpu", "a10g", "--json").out)
    stage = next(stage for stage in plan["stages"] if stage["name"] == "train/generator")
    narrow, wide = inside("plan", recipe, "--gpu", "a10g").out, inside("plan", recipe, "--gpu", "a10g", "--wide").out
    memory, hours = f"{stage['memory_bytes']['total'] / 1e9:.1f}", f"{stage['device_hours']:.2f}"
    known = ["train/generator", f"{stage['rows']:,}", "8", memory]
    costs = [hours, *(["does", "not", "fit"] if stage["fits"] is False else [])]
    rows = {line.split()[0]: line.split() for line in narrow.splitlines() if line}
    assert rows["train/generator"] == [*known, f"{stage['tokens'] / 1e6:.1f}", "M", *costs]
    assert rows["total"][1:3] == [f"{plan['total']['tokens'] / 1e9:.1f}", "B"]
    assert any(line.endswith("does not fit") for line in narrow.splitlines())
    assert "KV cache" not in narrow
    rows = {line.split()[0]: line.split() for line in reversed(wide.splitlines()) if line}
    assert rows["train/generator"] == [*known, f"{stage['tokens']:,}", f"{stage['flops']:.2e}", *costs]


def test_local_files_are_counted(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    rows = [{"document": f"a text of {row} and of five more words", "summary": f"text {row}"} for row in range(300)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {"kind": "summarization", "data": "rows.jsonl", "rows": None, "test": None, "test_share": 0.2}
    plan = json.loads(inside("plan", write_recipe(task=data), "--json").out)
    stages = {stage["name"]: stage for stage in plan["stages"]}
    assert stages["prepare/data"]["rows"] == 300
    assert stages["train/generator"]["rows"] == 60
    assert stages["train/real-full"]["rows"] == 240
    assert stages["train/real-full"]["tokens"]


@pytest.mark.parametrize(
    ("name", "gpu"),
    [
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA A100-SXM4-80GB", "a100-80gb"),
        ("NVIDIA A100-PCIE-40GB", "a100-40gb"),
        ("NVIDIA GeForce RTX 4090", "rtx4090"),
        ("NVIDIA A10G", "a10g"),
        ("Tesla T4", None),
    ],
)
def test_this_machines_gpus_are_counted_on_where_none_is_named(
    name: str, gpu: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\nprintf '{name}\\n{name}\\n'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found, told = machine(None, None, 0.4)
    assert (found.gpu, found.devices) == ((gpu, 2) if gpu else ("h100", 8))
    assert told is not None
    assert name in told
    assert machine("a10g", 3, 0.4)[1] is None


def test_without_a_gpu_a_plan_says_what_it_counts_on(write_recipe: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    told = inside("plan", write_recipe()).out
    assert "no GPU is visible here: counted on 8 x h100" in told.replace("\n", " ")
