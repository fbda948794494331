"""A table's columns have one order, and what it could not see stands with it."""

import csv
import io

import pytest

from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.report.layout import rendered
from summ_collapse.report.results import Delta, Entry, Outputs, PredictedDelta
from summ_collapse.report.tables import as_csv, as_html, as_latex, as_markdown, as_rich, cells
from tests.report.results import entry, results

DELTA = Delta(1.0, 0.5, 1.5, 0.2, 1.8, 0.01, 0.02)
MEAN = Interval(50.0, 49.0, 51.0)
METRICS = ["rouge2", "exact"]


def arms() -> list[Entry]:
    both = dict.fromkeys(METRICS, DELTA)
    return [
        entry("lead", metrics={}, failed="why"),
        entry("oracle", metrics=dict.fromkeys(reversed(METRICS), MEAN), vs={"random-0.5": both, "generator": both}),
        entry(
            "random",
            metrics=dict.fromkeys(METRICS, MEAN),
            vs={"real-slice": both},
            outputs=Outputs(0.0, 0.1, 0.1, 0.2),
            predicted_delta=PredictedDelta(1.0, 0.0, 2.0, 0.7),
        ),
    ]


def headings(entries: list[Entry]) -> list[str]:
    return next(csv.reader(io.StringIO(as_csv(entries, METRICS))))


def test_columns_have_one_order_whichever_arm_comes_first() -> None:
    found = headings(arms())
    assert headings(arms()[::-1]) == found
    assert found[:6] == ["arm", "control", "slice", "pool", "verifier", "verifier_kind"]
    assert found.index("observed") < found.index("withheld") < found.index("failed") < found.index("metrics.rouge2.mean")
    parts = ("delta", "low", "high", "low_all", "high_all", "p", "p_all")
    metrics = [f"metrics.{metric}.{part}" for metric in METRICS for part in ("mean", "low", "high")]
    roles = ("real-slice", "generator", "random-0.5")
    assert found[-48:] == [*metrics, *(f"vs.{role}.{metric}.{part}" for role in roles for metric in METRICS for part in parts)]
    assert [name for name in found if name.startswith("predicted_delta")] == [
        f"predicted_delta.{part}" for part in ("delta", "low", "high", "probability")
    ]
    assert headings([one.model_copy(update={"run": "mine"}) for one in arms()]) == ["run", *found]


def test_every_number_is_below_its_heading() -> None:
    lead, oracle, random = csv.DictReader(io.StringIO(as_csv(arms(), METRICS)))
    assert (lead["failed"], lead["metrics.exact.mean"], lead["seeds"]) == ("why", "", "0")
    assert (oracle["vs.generator.exact.low_all"], oracle["vs.real-slice.exact.low_all"]) == ("0.2", "")
    assert (random["outputs.unfinished"], random["predicted_delta.probability"]) == ("0.2", "0.7")


@pytest.mark.parametrize("width", [80, 200])
def test_terminal_shows_all_columns_where_they_fit_and_cuts_none(width: int) -> None:
    shown = entry("oracle-strata-0.125", vs={"real-slice": {"rouge1": DELTA}}, observed="helps", p=0.25)
    found = results(shown, entry("lead", metrics={}, failed="why")).model_copy(update={"warnings": ["beware [-1, 2]"]})
    text = "\n".join(rendered(as_rich([found]), width))
    for part in ("50.0 ±1.0", "+1.0 [+0.2, +1.8]", "failed" if width == 200 else "no room here for"):
        assert part in text
    assert ("0.250" in text and "↑ helps" in text and "oracle-strata-0.125" in text) == (width == 200)
    assert "…" not in text


def test_every_cell_is_what_its_heading_says() -> None:
    shares = {"p": 0.4, "p_star": 0.9, "kept_error": 0.1, "coverage": 0.8}
    random = Delta(3.0, 2.0, 4.0, -0.04, 6.1, 0.01, 0.02)
    arm = entry(
        "oracle-0.5",
        n_train=1234,
        vs={"real-slice": {"rouge1": DELTA}, "random-0.5": {"rouge1": random}, "generator": {"rouge1": random}},
        predicted_delta=PredictedDelta(-2.0, -3.0, -1.0, 0.1),
        predicted="hurts",
        observed="undecided",
        **shares,
    )
    silent = entry("self-0.5", withheld="a floor")
    headings, first, second, failed = cells([results(arm, silent, entry("lead", metrics={}, failed="why"))])
    assert dict(zip(headings, first, strict=True)) == {
        "arm": "oracle-0.5",
        "rows": "1,234",
        "rouge1": "50.0 ±1.0",
        "Δ rouge1 vs real-slice": "+1.0 [+0.2, +1.8]",
        "vs random": "+3.0 [+0.0, +6.1]",
        "p": "0.400",
        "p*": "0.900",
        "p′": "0.100",
        "coverage": "0.800",
        "predicted Δ": "-2.0 ±1.0",
        "predicted": "hurts",
        "observed": "· undecided",
    }
    assert (second[-1], failed[-1], failed[2]) == ("withheld", "failed: why", "")


def test_every_format_has_what_stands_above_and_below_and_escapes_what_it_must() -> None:
    found = results(entry("a_b<50%", observed="helps")).model_copy(update={"warnings": ["beware of <this>"]})
    below = "differences from real-slice of 1.5 in rouge1 would show"
    markdown, latex, page = as_markdown([found]), as_latex([found]), as_html([found])
    for text in (markdown, latex, page):
        assert text.index("beware") < text.index("helps") < text.index(below)
    assert markdown.startswith("**beware of <this>**")
    assert "| a_b<50% | 100 | 50.0 ±1.0 |" in markdown
    assert r"a\_b$<$50\% & 100 & 50.0 $\pm$1.0 &" in latex
    assert r"$\uparrow$ helps \\" in latex
    assert "% beware of" in latex
    assert "<td>a_b&lt;50%</td><td>100</td>" in page
    assert "beware of &lt;this&gt;" in page
