"""Every file in accelerate_configs/, as accelerate's own parser reads it."""

from pathlib import Path
from typing import get_args

import pytest
from accelerate.commands.config.config_args import ClusterConfig, load_config_from_file
from accelerate.utils import DistributedType

from summ_collapse.launch.shapes import CPU_RANKS, config_file
from summ_collapse.recipe.blocks import TrainingShape

FOLDER = Path(__file__).parents[2] / "accelerate_configs"
KINDS = {
    "single": DistributedType.NO,
    "cpu_ddp": DistributedType.MULTI_GPU,
    "ddp": DistributedType.MULTI_GPU,
    "fsdp": DistributedType.FSDP,
    "zero3": DistributedType.DEEPSPEED,
}


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.stem)
def test_accelerate_reads_every_configuration(path: Path) -> None:
    config = load_config_from_file(str(path))
    assert isinstance(config, ClusterConfig)
    assert config.distributed_type == KINDS[path.stem]
    assert config.num_machines == 1
    # How many GPUs a machine has is the machine's affair.
    assert config.num_processes == {"single": 1, "cpu_ddp": CPU_RANKS}.get(path.stem, -1)


def test_every_shape_of_a_recipe_has_its_configuration() -> None:
    assert {config_file(shape) for shape in get_args(TrainingShape)} == set(FOLDER.iterdir())


def test_fsdp_is_fsdp2_with_sharded_state() -> None:
    config = load_config_from_file(str(config_file("fsdp")))
    assert config.fsdp_config["fsdp_version"] == 2
    assert config.fsdp_config["fsdp_state_dict_type"] == "SHARDED_STATE_DICT"
    assert config.fsdp_config["fsdp_cpu_ram_efficient_loading"] is True


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.stem)
def test_no_shape_says_in_what_is_computed(path: Path) -> None:
    """The trainer would take that for a recipe which says float32."""
    assert load_config_from_file(str(path)).mixed_precision == "no"
