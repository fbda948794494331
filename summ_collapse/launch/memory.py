"""Freed memory stays with the process: the next step wants as much again."""

import ctypes
import sys
from functools import cache

# glibc's mallopt parameters (malloc.h).
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
NEVER = 2**31 - 1


@cache
def keep_freed_memory() -> None:
    """Have glibc neither map large blocks one by one nor give them back; does nothing with another C library.

    Tensors of a training step on CPU are megabytes, and mapped, zeroed and unmapped anew in every step otherwise.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, NEVER)
        mallopt(M_MMAP_MAX, 0)
