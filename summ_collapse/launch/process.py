"""What holds for a process of ours as a whole: it ends with its parent, keeps freed memory, and its libraries are quiet."""

import ctypes
import gc
import logging
import os
import signal
import sys
import warnings
from functools import cache

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
PR_SET_PDEATHSIG = 1
# glibc's mallopt parameters (malloc.h).
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
NEVER = 2**31 - 1


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent ends, however that ends. Does nothing outside Linux.

    A child must not outlive the run that started it: it would hold the stage's lock and work on unseen.
    """
    if _libc is None:
        return
    parent = parent or os.getppid()
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the call above
        os.kill(os.getpid(), signal.SIGKILL)


def compute_with(threads: int) -> None:
    """Be ready for a model. Rounding depends on the number of threads, so it is the recipe's."""
    import torch

    quieten()
    keep_freed_memory()
    # TF32 keeps 10 bits of what a recipe calls float32. It is off by default, and an environment variable may turn it on.
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


@cache
def keep_freed_memory() -> None:
    """Have glibc neither map large blocks one by one nor give them back; does nothing with another C library.

    Tensors of a training step on CPU are megabytes, and mapped, zeroed and unmapped anew in every step otherwise.
    """
    mallopt = getattr(_libc, "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, NEVER)
        mallopt(M_MMAP_MAX, 0)


@cache
def quieten() -> None:
    """Keep libraries' own bars and advice out of our output; warnings about results stay."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    # transformers 5.23 renames the argument; the releases that we also support know only the old name.
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*deprecated", category=FutureWarning)
    # It tells at import which kernels this machine lacks, to everybody who has it installed.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    logging.getLogger("DeepSpeed").addFilter(_deepspeed_says)
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    set_aside()


_walked = 0  # modules that were loaded when what there is was last set aside


def set_aside() -> None:
    """Leave what libraries made at import, which stays for good, out of further collections: a walk through it takes 0.15 s.

    To be called when no stage is at work: what is set aside is never collected.
    """
    global _walked
    if len(sys.modules) > _walked:
        gc.collect()  # a stage that failed is let go of only after its own collection
        gc.freeze()
        _walked = len(sys.modules)


def _deepspeed_says(record: logging.LogRecord) -> bool:
    """Its logger writes to stdout, which is for results alone, also where it is only installed."""
    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() == "true":
        print(record.getMessage(), file=sys.stderr)
    return False
