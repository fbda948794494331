"""What a recipe's `dtype: auto` is on this machine, told without loading any model library where there is no GPU."""

from functools import cache
from pathlib import Path
from typing import Literal

ComputeType = Literal["float32", "bfloat16"]
# What the drivers of NVIDIA's and AMD's GPUs make. Importing torch to be told that there is none takes seconds.
DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/kfd"), Path("/dev/dxg"))


def resolved(dtype: str) -> ComputeType:
    """The compute type by name: fingerprints hold it, and it is what runs.

    It is the machine's, not the process's: a launch on CPU beside a GPU computes in what the stage is called.
    """
    if dtype == "auto":
        return "bfloat16" if _has_bfloat16() else "float32"
    return "bfloat16" if dtype == "bfloat16" else "float32"


@cache
def _has_bfloat16() -> bool:
    if not any(driver.exists() for driver in DRIVERS):
        return False
    import torch

    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
