"""Whole plans through the command line: what they cost, held against sums done by hand, and what they refuse."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from summ_collapse.plan.plan import Machine, plan
from summ_collapse.plan.table import as_json
from summ_collapse.recipe.load import load
from tests.conftest import ENVIRONMENT, inside

XLSUM = Path(__file__).parents[2] / "recipes" / "xlsum_llama2_7b.yaml"


def planned(*arguments: object) -> dict[str, Any]:
    done = inside("plan", XLSUM, "--json", *arguments)
    assert done.code == 0, done.err
    shown: dict[str, Any] = json.loads(done.out)
    return shown


def stage_of(shown: dict[str, Any], name: str) -> dict[str, Any]:
    return next(stage for stage in shown["stages"] if stage["name"] == name)


def test_the_papers_experiment_costs_what_a_hand_count_says() -> None:
    seven, eight = 6.74e9, 8.03e9
    row = 525 + 25
    train, test = 307_000, 11_535
    of_slice = 38_375  # 12.5%
    pool = train - of_slice
    selected = 4 * (0.125 + 0.25 + 0.5) * pool  # four verifiers, three rates
    generator = 2 * of_slice * row * 6 * seven  # two epochs; what is recomputed is no operation of the model
    verifier = train * row * 4 * eight  # one epoch, LoRA: 4N
    retrained = 2 * (selected + of_slice + train + pool) * row * 4 * seven  # 12 arms, real-slice, real-full, unfiltered
    generated = pool * row * 2 * seven
    scored = pool * row * 2 * (eight + seven)  # llama3 and self
    evaluated = 16 * test * row * 2 * seven  # 12 arms, three controls that are trained, and the generator
    expected = generator + verifier + retrained + generated + scored + evaluated
    shown = planned()
    assert shown["total"]["flops"] == pytest.approx(expected, rel=0.05)
    assert shown["total"]["unknown"] == []
    assert stage_of(shown, "train/generator")["flops"] == pytest.approx(generator, rel=0.05)
    assert stage_of(shown, "train/llama3")["flops"] == pytest.approx(verifier, rel=0.05)
    # 989 TFLOP/s at 40%, but for decoding, which waits for memory.
    assert expected / (0.4 * 989e12) / 3600 < shown["total"]["device_hours"] < 1.2 * expected / (0.4 * 989e12) / 3600
    assert shown["total"]["device_hours"] == pytest.approx(sum(stage["device_hours"] for stage in shown["stages"]))


def test_seven_billion_parameters_do_not_fully_train_on_24_gb_but_qlora_does() -> None:
    shown = planned("--gpu", "a10g", "generator.train.micro_batch_size=1", "launch.train=single")
    full = stage_of(shown, "train/generator")
    assert full["fits"] is False
    assert full["memory_bytes"]["total"] > 16 * 6.7e9
    assert "a10g has 24 GB" in full["warning"]
    small = ("method=qlora", "micro_batch_size=1", "gradient_checkpointing=true")
    shown = planned("--gpu", "a10g", "launch.train=ddp", *(f"retrain.{setting}" for setting in small))
    quantised = stage_of(shown, "train/oracle-0.5")
    assert quantised["fits"] is True
    assert quantised["warning"] is None
    # The linear layers in half a byte, embeddings and logits' map in two, and 40 million parameters of adapters.
    assert quantised["memory_bytes"]["weights"] == pytest.approx(0.516 * 6.48e9 + 2 * 0.26e9 + 6 * 0.04e9, rel=0.01)


def test_seven_billion_parameters_fully_train_on_eight_sharded_gpus() -> None:
    sharded = stage_of(planned("launch.train=fsdp"), "train/generator")
    assert sharded["fits"] is True
    assert sharded["devices"] == 8
    assert stage_of(planned("launch.train=ddp"), "train/generator")["fits"] is False
    jobs = planned("launch.train=fsdp")["jobs"]
    assert [(way["jobs"], way["devices_each"], way["fits"]) for way in jobs] == [
        (1, 8, True),
        (2, 4, True),
        (4, 2, True),
        (8, 1, False),  # with one device each there is nothing to shard over
    ]


def test_the_table_names_the_quickest_way_and_what_does_not_fit() -> None:
    shared = ["launch.generate=ddp", "launch.verify=ddp", "launch.evaluate=ddp"]
    out = inside("plan", XLSUM, "launch.train=fsdp", *shared, "--devices", 4).out
    assert "one after another: " in out
    assert "--jobs 4, 1 device each: " in out
    assert "--jobs 8" not in out
    assert "quickest: " in out
    assert "warning" not in out
    alone = inside("plan", XLSUM, "--devices", 1).out
    assert "warning: train/generator: needs 1" in alone
    assert "h100 has 80 GB" in alone


def test_what_is_there_already_is_not_left_to_run() -> None:
    found = plan(load(XLSUM, ["launch.train=fsdp"]), None, Machine("h200", devices=4))
    stages = [replace(stage, cached=not stage.name.startswith("train/")) for stage in found.stages]
    shown = as_json(replace(found, stages=stages))
    assert 0 < shown["left"]["device_hours"] < shown["total"]["device_hours"]
    assert shown["left"]["flops"] == sum(stage.flops or 0 for stage in stages if stage.name.startswith("train/"))
    assert (shown["gpu"], shown["devices"], shown["efficiency"]) == ("h200", 4, 0.4)


@pytest.mark.parametrize("name", ["demo", "headlines", "xsum_llama2_7b"])
def test_every_recipe_is_planned_and_tiny_models_cost_next_to_nothing(name: str) -> None:
    done = inside("plan", name, "--json")
    assert done.code == 0, done.err
    shown = json.loads(done.out)
    assert all(stage["memory_bytes"]["total"] > 0 for stage in shown["stages"] if stage["devices"])
    if name == "demo":
        assert stage_of(shown, "pretrain/base")["flops"] > stage_of(shown, "train/generator@0")["flops"] > 0
        assert shown["total"]["device_hours"] < 0.1
        assert all(way["fits"] for way in shown["jobs"])


def test_beams_and_short_candidates_count() -> None:
    shown = planned("synthesis.decoding=beam", "synthesis.beams=4", "synthesis.max_new_tokens=20")
    pool = 307_000 - 38_375
    assert stage_of(shown, "generate/generator")["tokens"] == 4 * pool * (525 + 20)
    assert stage_of(shown, "verify/self")["tokens"] == pool * (525 + 20)
    assert stage_of(shown, "train/unfiltered")["tokens"] == 2 * pool * (525 + 20)
    assert stage_of(shown, "train/real-full")["tokens"] == 2 * 307_000 * (525 + 25)


def test_a_model_of_unknown_shape_leaves_its_costs_out_and_says_so() -> None:
    shown = planned("verifiers.llama3.model=nobody/knows-this")
    for name in ("train/llama3", "verify/llama3"):
        unknown = stage_of(shown, name)
        assert unknown["flops"] is unknown["memory_bytes"] is unknown["device_hours"] is None
        assert "nobody/knows-this" in unknown["warning"]
    assert shown["total"]["unknown"] == ["train/llama3", "verify/llama3"]
    assert shown["jobs"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--gpu", "h10"], ["--gpu", "h10", "h100", "rtx4090"]),
        (["--devices", "0"], ["--devices", "positive"]),
        (["--efficiency", "1.5"], ["--efficiency", "1.5", "(0, 1]"]),
        (["--efficiency", "nan"], ["--efficiency", "nan"]),
        (["--efficiency", "much"], ["--efficiency", "much"]),
    ],
)
def test_what_no_machine_is_is_refused(arguments: list[str], words: list[str]) -> None:
    done = inside("plan", XLSUM, *arguments)
    assert done.code == 2
    assert all(word in done.err for word in words), done.err
    assert done.out == ""


def test_a_plan_imports_no_model_library() -> None:
    code = (
        "import sys; from summ_collapse.cli import main; "
        f"code = main(['plan', {str(XLSUM)!r}, '--json']); "
        "sys.exit(code or ', '.join({'torch', 'transformers', 'peft', 'datasets'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
