"""A rank of a launch: joining the others, sharing one stage with them, leaving.

accelerate launch --config_file accelerate_configs/cpu_ddp.yaml -m summ_collapse run RECIPE --out DIR --only STAGE
"""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from summ_collapse.errors import InputError
from summ_collapse.graph import Node
from summ_collapse.launch import shapes
from summ_collapse.launch.in_process import ensure
from summ_collapse.launch.process import die_with_parent
from summ_collapse.launch.stopping import Stop
from summ_collapse.ranks import ALONE, World
from summ_collapse.run import Request, Run
from summ_collapse.stages.stage import Stage

# The first rank gathers, hashes and publishes while the others wait for the next stage.
PATIENCE = timedelta(hours=2)


def run_in_ranks(run: Run, stages: Sequence[Node[Stage]], request: Request, stop: Stop) -> None:
    """This rank's part of `stages`, which all have to be meant for the shape that it was started in."""
    here = shapes.current()
    launch = run.experiment.recipe.launch
    for stage in stages:
        meant = shapes.shape_of(stage, launch)
        if meant != here:
            ranks = shapes.ranks_here(meant)
            right = shlex.join(shapes.line(meant, ranks, request.arguments(stage.name)))
            raise InputError(f"{stage.name} runs in the shape {meant!r}, and this process was started in {here!r}; use: {right}")
    die_with_parent()
    with joined() as world:
        run.reporter.quiet = not world.first
        for stage in stages:
            ensure(run, stage, request.verify, stop, world)


@contextmanager
def joined() -> Iterator[World]:
    """The world of this launch. Ranks meet here, right after their start, so nobody waits long for anybody."""
    import torch
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    from summ_collapse.models.loading import device

    # Without `cpu` it takes a machine without GPUs for a launch of one.
    state = PartialState(cpu=device().type == "cpu", timeout=PATIENCE)

    def from_first(value: Any) -> Any:
        return broadcast_object_list([value])[0]

    def any_of(value: bool) -> bool:
        flag = torch.tensor([float(value)], device=state.device)
        torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX)
        return bool(flag.item())

    def mean_of(value: float) -> float:
        total = torch.tensor([value], device=state.device, dtype=torch.float64)
        torch.distributed.all_reduce(total)
        return float(total.item()) / state.num_processes

    try:
        # One process that a sharded shape started is a world like any other, only without anybody to ask.
        together = World(state.process_index, state.num_processes, from_first, any_of, mean_of)
        yield together if state.num_processes > 1 else ALONE
    finally:
        state.destroy_process_group()
