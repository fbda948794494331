"""Launch shapes: one process, or the ranks of a file in `accelerate_configs/`; which one this process was started in."""

import os
import sys
from pathlib import Path

from summ_collapse.errors import InputError
from summ_collapse.graph import Node
from summ_collapse.packaged import required
from summ_collapse.recipe.blocks import Launch
from summ_collapse.stages.stage import Stage

SINGLE = "single"
ON_CPU = "ACCELERATE_USE_CPU"
CPU_RANKS = 2  # what accelerate_configs/cpu_ddp.yaml starts


def shape_of(node: Node[Stage], launch: Launch) -> str:
    """The shape that the recipe gives a stage; what needs no model is over before ranks have started."""
    return node.stage.shape(launch) if node.stage.runs_a_model else SINGLE


def config_file(shape: str) -> Path:
    """The accelerate configuration of a shape; InputError where the installation lacks it."""
    return required("accelerate_configs", f"{shape}.yaml")


def current() -> str:
    """The shape that this process was started in, by what `accelerate launch` leaves in the environment."""
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true":
        return "fsdp"
    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() == "true":
        return "zero3"
    if "RANK" not in os.environ or int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return SINGLE
    import torch

    on_cpu = os.environ.get(ON_CPU, "").lower() == "true" or not torch.cuda.is_available()
    return "cpu_ddp" if on_cpu else "ddp"


def ranks_here(shape: str) -> int:
    """How many processes a shape starts on this machine; InputError where it wants GPUs and there is none."""
    if shape == SINGLE:
        return 1
    if shape == "cpu_ddp":
        return CPU_RANKS
    import torch

    gpus = torch.cuda.device_count()
    if gpus == 0:
        raise InputError(f"launch shape {shape!r} needs a GPU, and none is visible here; `single` and `cpu_ddp` need none")
    return gpus


def alone(shape: str, ranks: int) -> bool:
    """Whether a stage needs no launch: one rank of `ddp` is nothing but this process."""
    return shape == SINGLE or (shape == "ddp" and ranks == 1)


def launcher(shape: str, ranks: int) -> list[str]:
    """How `accelerate launch` is started for a shape of `ranks` processes in all."""
    launch = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--config_file", str(config_file(shape))]
    if shape == "cpu_ddp":  # a launch of many does not pass `use_cpu` on, and would take the GPUs of a machine that has some
        launch = ["env", f"{ON_CPU}=true", *launch]
    return [*launch, "--num_processes", str(ranks)]


def line(shape: str, ranks: int, arguments: list[str], module: str = "summ_collapse") -> list[str]:
    """The command that starts a module of ours (the command line itself) in a shape, here or typed by hand."""
    if shape == SINGLE:
        return [sys.executable, "-m", module, *arguments]
    # Port 0 has it find a free one: two stages may be launched side by side.
    return [*launcher(shape, ranks), "--main_process_port", "0", "-m", module, *arguments]
