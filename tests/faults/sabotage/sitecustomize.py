"""Imported by every Python that starts with this folder on its path: does harm at an exact system call.

SABOTAGE=<os.replace | os.fsync>|<regular expression of a path>|<n>   SIGKILL at the n-th such call, before it is made
SABOTAGE_RANK=<rank>                                                  only in this rank of a launch
SABOTAGE_CLOCK=<seconds>                                              every look at the clock finds it moved by so much more
"""

import os
import re
import signal
import time
from pathlib import Path


def _path(argument):
    return str(Path(f"/proc/self/fd/{argument}").readlink()) if isinstance(argument, int) else os.fspath(argument)


def _kill_at(call, pattern, count):
    original = getattr(os, call)
    seen = 0

    def counted(*arguments, **named):
        nonlocal seen
        # Of a rename it is the new name that says what it means.
        if re.search(pattern, _path(arguments[-1])):
            seen += 1
            if seen == count:
                os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **named)

    setattr(os, call, counted)


def _jumping_clock(seconds):
    original = time.time
    looks = 0

    def jumped():
        nonlocal looks
        looks += 1
        return original() + (seconds * looks if looks % 2 else -seconds * looks)

    time.time = jumped


_wanted = os.environ.get("SABOTAGE")
if _wanted and os.environ.get("RANK", "") == os.environ.get("SABOTAGE_RANK", os.environ.get("RANK", "")):
    _call, _pattern, _count = _wanted.split("|")
    _kill_at(_call.removeprefix("os."), _pattern, int(_count))
if os.environ.get("SABOTAGE_CLOCK"):
    _jumping_clock(float(os.environ["SABOTAGE_CLOCK"]))
