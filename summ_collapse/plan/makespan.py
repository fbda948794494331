"""How long stages take when several run at once: list scheduling over their edges. Pure: names, inputs, seconds.

makespan({"a": 2.0, "b": 3.0, "c": 1.0}, {"c": ["a", "b"]}, jobs=2)      # 4.0
"""

import heapq
from collections.abc import Mapping, Sequence

from summ_collapse.graph import descendants


def makespan(seconds: Mapping[str, float], inputs: Mapping[str, Sequence[str]], jobs: int) -> float:
    """Seconds until the last stage ends, with at most `jobs` at once.

    `seconds` holds every stage, after all that it waits for, which `inputs` names. Whenever a place is free, the stage
    that most others wait for takes it, of those that are ready (as `schedule.py` does); at most 2 - 1/jobs times the
    best (Graham 1966).
    """
    if jobs < 1:
        raise ValueError(f"expected at least one job, got {jobs}")
    waits_for = {name: set(inputs.get(name, ())) for name in seconds}
    _check_order(waits_for)
    waiting_for = descendants(waits_for)
    waiting = sorted(seconds, key=lambda name: -waiting_for[name])
    running: list[tuple[float, str]] = []
    now = 0.0
    while waiting or running:
        for name in [name for name in waiting if not waits_for[name]][: jobs - len(running)]:
            waiting.remove(name)
            heapq.heappush(running, (now + seconds[name], name))
        now, ended = heapq.heappop(running)
        for sources in waits_for.values():
            sources.discard(ended)
    return now


def _check_order(waits_for: Mapping[str, set[str]]) -> None:
    """ValueError where a stage waits for one that does not stand before it, and so perhaps for ever."""
    seen: set[str] = set()
    for name, sources in waits_for.items():
        if not sources <= seen:
            raise ValueError(f"{name}: expected {', '.join(sorted(sources - seen))} to stand before it")
        seen.add(name)
