"""What a node needs beside its GPUs, held against sums done by hand for Llama-2-7B."""

from dataclasses import replace
from pathlib import Path

import pytest

from summ_collapse.plan.costs import START_SECONDS
from summ_collapse.plan.host import checkpoint_bytes, host_bytes, stored_bytes
from summ_collapse.plan.plan import Machine, Plan, plan
from summ_collapse.recipe.load import load
from tests.plan.test_costs import training, workload

XLSUM = Path(__file__).parents[2] / "recipes" / "xlsum_llama2_7b.yaml"
SEVEN = 6.738e9
RANK = 4e9


@pytest.mark.parametrize(
    ("shape", "method", "expected"),
    [
        ("single", "full", RANK + 6 * SEVEN),  # float32 gathered, bfloat16 stored
        ("ddp", "lora", 8 * RANK),  # read onto the devices; an adapter is nothing
        ("fsdp", "full", 8 * RANK + 10 * SEVEN),  # the first rank's masters, and the same at the end
        ("fsdp", "lora", 8 * RANK + 2 * SEVEN),  # a frozen base in the compute type
        ("zero3", "full", 8 * RANK + 8 * 4 * SEVEN + 6 * SEVEN),  # every rank's masters
    ],
)
def test_weights_lie_in_the_cpus_memory_where_a_launch_shards(shape: str, method: str, expected: float) -> None:
    ranks = 1 if shape == "single" else 8
    found = host_bytes(workload(training=training(method=method)), 0, 550, shape, ranks)
    assert found == pytest.approx(expected, rel=0.01)


def test_texts_are_held_by_the_rank_that_encodes_and_by_all_that_generate() -> None:
    texts = 300_000 * 550 * 6 * 3
    training_one = host_bytes(workload(training=training(method="lora")), 300_000, 550, "ddp", 8)
    generating = host_bytes(workload(kind="generate", training=None), 300_000, 550, "ddp", 8)
    assert training_one == pytest.approx(8 * RANK + texts)
    assert generating == pytest.approx(8 * RANK + 8 * texts)
    assert host_bytes(None, 300_000, 550, "single", 1) == pytest.approx(RANK + texts)


def test_a_checkpoint_is_masters_and_two_moments_and_what_stays_is_the_model() -> None:
    full, lora = workload(training=training()), workload(training=training(method="lora"))
    assert checkpoint_bytes(full) == pytest.approx(12 * SEVEN, rel=0.01)
    assert stored_bytes(full) == pytest.approx(2 * SEVEN, rel=0.01)
    assert checkpoint_bytes(lora) == 3 * stored_bytes(lora)
    assert stored_bytes(workload(kind="generate", training=None)) == 0


@pytest.fixture(scope="module")
def papers() -> Plan:
    return plan(load(XLSUM, []), None, Machine(devices=8))


def test_the_papers_recipe_says_what_stays_on_disk_and_what_does_only_meanwhile(papers: Plan) -> None:
    adapters = sum(stage.stored_bytes for stage in papers.stages if stage.name.startswith("train/")) - 2 * SEVEN
    assert papers.disk_bytes == pytest.approx(2 * SEVEN + adapters + 2 * 12 * SEVEN, rel=0.01)
    # Lora arms and the verifier's: 17 of 80 to 170 MB.
    assert 1e9 < adapters < 4e9


def test_every_launch_takes_a_minute_before_it_computes(papers: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    one = papers.ways[0]
    monkeypatch.setattr("summ_collapse.plan.plan.START_SECONDS", 0.0)
    without = plan(load(XLSUM, []), None, Machine(devices=8)).ways[0]
    assert papers.launches == 36
    assert one.hours - without.hours == pytest.approx(papers.launches * START_SECONDS / 3600)
    assert replace(papers, stages=[replace(stage, cached=True) for stage in papers.stages]).launches == 0
