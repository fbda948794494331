"""The figure of ways to select: which arms it shows, and that it is drawn of several generators."""

from pathlib import Path

from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.report.figures.variants import draw_variants, varied
from summ_collapse.report.results import Entry
from tests.report.results import entry


def arm(verifier: str, variant: str | None, share: float, mean: float) -> Entry:
    facts = {"verifier": verifier, "verifier_kind": "rouge", "variant": variant, "rate": 0.25, "slice": share}
    return entry(f"{verifier}-{variant}-{share}", **facts, metrics={"rouge1": Interval(mean, mean - 1, mean + 1)})


WAYS = (None, "easiest", "hardest", "spread")
MANY = [arm("oracle", variant, share, 50 + place) for place, variant in enumerate(WAYS) for share in (0.1, 0.2)]


def test_verifiers_with_few_ways_to_select_stand_in_the_table_alone() -> None:
    few = [arm("self", variant, 0.1, 40) for variant in WAYS[:3]]
    threshold = entry("strict", verifier="oracle", verifier_kind="rouge", variant="strict", rate=None)
    assert varied([*MANY, *few, threshold, entry("real-slice", control="real-slice")]) == MANY
    assert varied(few) == []


def test_it_is_drawn_and_alike_each_time(tmp_path: Path) -> None:
    controls = [entry("g0.1-real-slice", control="real-slice", slice=0.1)]
    paths = [tmp_path / name for name in ("one.svg", "other.svg")]
    for path in paths:
        draw_variants(MANY, controls, "rouge1", [path], "keep")
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert b"svg" in paths[0].read_bytes()
