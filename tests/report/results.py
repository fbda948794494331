"""Results as a test needs them: an arm, with whatever of it matters."""

from typing import Any

from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.predict.agreement import agreement
from summ_collapse.report.results import RESULTS_VERSION, Entry, Results

NOBODY = dict.fromkeys(("control", "slice", "verifier", "verifier_kind", "variant", "rate", "slice_overlap", "observed"))


def entry(arm: str, **more: Any) -> Entry:
    """One arm under seed 0."""
    return Entry(
        arm=arm,
        **{
            **NOBODY,
            "seed": 0,
            "seeds": [0],
            "n_train": 100,
            "diversity": {},
            "truncated": {"train": 0.0, "test": 0.0},
            "metrics": {"rouge1": Interval(50.0, 49.0, 51.0)},
            "vs": {},
            **more,
        },
    )


def results(*entries: Entry) -> Results:
    """What a run would have written of these arms."""
    found = agreement([point for one in entries if (point := one.point("rouge1"))], "rouge1")
    return Results(version=RESULTS_VERSION, recipe="small", fingerprint="0", test_rows=10, arms=list(entries), agreement=found)
