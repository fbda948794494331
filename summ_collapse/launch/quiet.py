"""Keeps libraries' own bars and advice out of our output; warnings about results stay."""

import gc
import logging
import os
import warnings
from functools import cache


@cache
def quieten() -> None:
    """Once a process, before the first stage that loads a model."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    # transformers 5.23 renames the argument; the releases that we also support know only the old name.
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*deprecated", category=FutureWarning)
    # It tells at import which kernels this machine lacks, to everybody who has it installed.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    # What the libraries made at import stays for good; a collection after each training need not walk through it.
    gc.freeze()
