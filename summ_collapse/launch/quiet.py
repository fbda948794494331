"""Keeps libraries' own bars and advice out of our output; warnings about results stay."""

import os
from functools import cache


@cache
def quieten() -> None:
    """Once a process, before the first stage that loads a model."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
