"""Results as a test needs them: an arm, with whatever of it matters."""

from typing import Any

from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.report.results import RESULTS_VERSION, Entry, Results, agreement_of, main_entries

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
    return Results(
        version=RESULTS_VERSION,
        recipe="small",
        fingerprint="0",
        test_rows=10,
        warnings=[],
        smallest={"rouge1": 1.5},
        arms=list(entries),
        agreement=agreement_of(entries, "rouge1", main_entries(list(entries))),
    )
