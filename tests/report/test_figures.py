"""Which arms stand on one line of a figure, and where a line begins."""

from pathlib import Path
from typing import Any

from summ_collapse.predict.agreement import agreement
from summ_collapse.report.figures.corruption import corruption_lines, draw_corruption
from summ_collapse.report.figures.prediction import draw_prediction
from summ_collapse.report.figures.quality import draw_quality
from summ_collapse.report.results import Delta, Entry, PredictedDelta
from summ_collapse.verifiers.request import Attack
from tests.report.results import entry

SHARES = (10, 20)
ATTACKS = {
    f"{how}-{share}": Attack("oracle", how, None, target)
    for how, target in (("flip", "at random"), ("poison", "topic sport"))
    for share in SHARES
}


def arm(verifier: str | None, share: float = 0.05, variant: str | None = None, **more: Any) -> Entry:
    tampered = int(verifier.partition("-")[2]) / 200 if verifier in ATTACKS else None
    known = {
        "control": None if verifier else "unfiltered",
        "verifier": verifier,
        "variant": variant,
        "rate": 0.25 if verifier else None,
        "slice": share,
        "p_star": 0.5,
        "tampered": tampered,
        "vs": {"real-slice": {"rouge1": Delta(1.0, 0.0, 2.0, -0.5, 2.5, 0.5, 0.5)}},
        "predicted_delta": PredictedDelta(1.0, 0.0, 2.0, 0.5),
    }
    return entry(f"g{share:g}-{verifier}-{variant}-0.25", **{**known, **more})


def test_a_line_of_attacks_begins_with_the_honest_verifier_and_stands_at_what_was_touched() -> None:
    lines = corruption_lines([arm("oracle"), *(arm(name) for name in ATTACKS)], ATTACKS)
    assert set(lines) == {"oracle, flip at random, 25%", "oracle, poison topic sport, 25%"}
    assert [share for share, _ in lines["oracle, flip at random, 25%"]] == [0.0, 0.05, 0.1]


def test_generators_and_variants_have_lines_of_their_own() -> None:
    arms = [
        arm(name, share, variant)
        for name in ("oracle", *ATTACKS)
        for share, variant in ((0.05, None), (0.1, None), (0.1, "strata"))
    ]
    lines = corruption_lines(arms, ATTACKS)
    assert len(lines) == 6
    for name, points in lines.items():
        assert [share for share, _ in points] == [0.0, 0.05, 0.1], name


def test_figures_are_drawn_and_equal_results_give_equal_bytes(tmp_path: Path) -> None:
    arms = [arm(name, share) for name in (None, "oracle", *ATTACKS) for share in (0.05, 0.1)]
    found = agreement([], "rouge1")
    for folder in ("one", "two"):
        draw_prediction(arms, found, [tmp_path / folder / "prediction.svg"], "t")
        draw_corruption(corruption_lines(arms, ATTACKS), "rouge1", [tmp_path / folder / "corruption.svg"], "t")
        controls = [arm(None, share, control="real-slice") for share in (0.05, 0.1)]
        draw_quality([*arms, *controls], "rouge1", [tmp_path / folder / "quality.svg"], "t")
    for name in ("prediction", "corruption", "quality"):
        first, second = ((tmp_path / folder / f"{name}.svg").read_bytes() for folder in ("one", "two"))
        assert first == second
    assert b"unfiltered" in (tmp_path / "one" / "prediction.svg").read_bytes()
