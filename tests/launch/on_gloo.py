"""The command line on gloo ranks that think they have GPUs, so that sharding, which accelerate keeps from CPUs, is real.

accelerate launch --config_file accelerate_configs/fsdp.yaml --num_processes 2 tests/launch/on_gloo.py run RECIPE --out DIR
"""

import os
import sys
from typing import Any

import accelerate.state
from accelerate.utils import DistributedType

_as_it_is = accelerate.state.PartialState.__init__


def _sharding(self: accelerate.state.PartialState, cpu: bool = False, **kwargs: Any) -> None:
    kwargs.pop("backend", None)  # the arguments' own choice, which would be NCCL
    _as_it_is(self, True, **kwargs)
    if self.distributed_type == DistributedType.MULTI_CPU:
        deepspeed = os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true"
        self.distributed_type = DistributedType.DEEPSPEED if deepspeed else DistributedType.MULTI_GPU


if __name__ == "__main__":
    accelerate.state.PartialState.__init__ = _sharding
    from summ_collapse.cli import main

    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # gloo's threads can outlive the interpreter, whose end then aborts the process now and again
