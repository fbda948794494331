"""Ranks that start, join and add up their ranks once: what `check` launches in every shape that a recipe uses.

accelerate launch --config_file accelerate_configs/cpu_ddp.yaml -m summ_collapse.launch.meet
"""

import sys

from summ_collapse.launch.process import die_with_parent
from summ_collapse.launch.ranks import joined


def main() -> int:
    """Exit code 0 where every rank has heard of the last one."""
    import torch

    from summ_collapse.models.loading import device

    die_with_parent()
    with joined() as world:
        total = torch.tensor([float(world.rank)], device=device())
        if world.size > 1:
            torch.distributed.all_reduce(total)
        met = total.item() == world.size * (world.size - 1) / 2
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
