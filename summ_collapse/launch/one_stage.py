"""One stage wherever it belongs: in this process, or in the ranks of its launch shape."""

from summ_collapse.graph import Node
from summ_collapse.launch import shapes
from summ_collapse.launch.in_process import ensure, whole
from summ_collapse.launch.spawned import run_spawned
from summ_collapse.launch.stopping import Stop
from summ_collapse.run import Request, Run
from summ_collapse.stages.stage import Stage


def run_stage(run: Run, stage: Node[Stage], request: Request, stop: Stop) -> bool:
    """Have one stage's result in place, in this process or in the ranks of its shape; says whether it had to be made."""
    shape = shapes.shape_of(stage, run.experiment.recipe.launch)
    if shape == shapes.SINGLE:
        return ensure(run, stage, request.verify, stop)
    # Whether a shape can start here matters only where something has to be made.
    if whole(run, stage, request.verify):
        return False
    ranks = shapes.ranks_here(shape)
    if shape == "ddp" and ranks == 1:  # one rank of it is nothing but this process
        return ensure(run, stage, request.verify, stop)
    return run_spawned(run, stage, shape, ranks, request, stop)
