"""What a reader sees first: the arms that answer the question, and the answer with its numbers, in 80 columns."""

from pathlib import Path
from typing import Any

from summ_collapse.metrics.bootstrap import Interval
from summ_collapse.report.conclusion import conclusion
from summ_collapse.report.results import Delta, Entry, Results
from summ_collapse.report.summary import MOST, chosen, summary
from tests.report.results import entry, results

REAL = 80.0
OUT = Path("runs/small")


def delta(value: float, half: float = 1.0) -> Delta:
    """A difference; the interval for all arms together is 1.5 times as wide as that for one."""
    return Delta(
        delta=value,
        low=value - half,
        high=value + half,
        p=0.5,
        p_all=0.5,
        low_all=value - 1.5 * half,
        high_all=value + 1.5 * half,
    )


def arm(name: str, value: float, seeds: list[int], **more: Any) -> Entry:
    """An arm so many points above the real slice."""
    found = delta(value - REAL)
    judged = "helps" if found.low_all > 0 else "hurts" if found.high_all < 0 else "undecided"
    given = {
        "seed": seeds[0] if len(seeds) == 1 else None,
        "seeds": seeds,
        "metrics": {"rouge1": Interval(value, value - 1, value + 1)},
        "vs": {} if more.get("control") == "real-slice" else {"real-slice": {"rouge1": found}},
        "observed": None if len(seeds) == 1 or more.get("control") == "real-slice" else judged,
        "slice": 0.05,
        **more,
    }
    return entry(name, **given)


def controls(seeds: list[int], unfiltered: float = REAL - 0.2, prefix: str = "", **more: Any) -> list[Entry]:
    values = {"lead": 30.0, "generator": 79.0, "real-slice": REAL, "real-full": 95.0, "unfiltered": unfiltered}
    return [arm(prefix + name, value, seeds, control=name, **more) for name, value in values.items()]


def selected(name: str, values: dict[float, float], seeds: list[int], prefix: str = "", **more: Any) -> list[Entry]:
    """A verifier's arms, by rate; random rows do as well as the real slice."""
    return [
        arm(
            f"{prefix}{name}-{rate:g}",
            value,
            seeds,
            verifier=name,
            verifier_kind="random" if name == "random" else "perplexity",
            rate=rate,
            **{
                "n_train": int(1000 * rate),
                "vs": {
                    "real-slice": {"rouge1": delta(value - REAL)},
                    **({} if name == "random" else {f"random-{rate:g}": {"rouge1": delta(value - REAL + 1)}}),
                },
                **more,
            },
        )
        for rate, value in values.items()
    ]


def random(seeds: list[int], prefix: str = "", **more: Any) -> list[Entry]:
    return selected("random", {0.125: REAL - 1, 0.25: REAL - 1, 0.5: REAL - 1}, seeds, prefix, **more)


def found(*arms: Entry, **more: Any) -> Results:
    return results(*arms).model_copy(update={"smallest": {"rouge1": None}} | more)


def told(given: Results, recipe: list[str] | None = None) -> list[str]:
    lines = summary(given, OUT, recipe or ["small"])
    assert all(len(line) <= 80 for line in lines), [line for line in lines if len(line) > 80]
    assert "…" not in "".join(lines)
    assert "\N{NO-BREAK SPACE}" not in "".join(lines)
    return lines


def rows(lines: list[str]) -> list[str]:
    """Names of the arms in the table."""
    start = next(place for place, line in enumerate(lines) if line.startswith("─")) + 1
    end = next(place for place in range(start, len(lines)) if not lines[place] or " more arm" in lines[place])
    return [line.split()[0] for line in lines[start:end]]


def demo(seeds: list[int]) -> list[Entry]:
    return [
        *controls(seeds),
        *selected("oracle", {0.125: 83.0, 0.25: 84.4, 0.5: 83.5}, seeds),
        *selected("trained", {0.125: 76.0, 0.5: 80.5}, seeds),
        *selected("self", {0.125: 74.0, 0.5: 77.0}, seeds),
        *random(seeds),
    ]


def test_several_seeds_end_in_verdicts_and_one_sentence_with_simultaneous_intervals() -> None:
    lines = told(found(*demo([0, 1, 2]), smallest={"rouge1": 1.8}))
    assert lines[0] == "small: 10 test rows, seeds 0, 1, 2"
    assert rows(lines) == [
        *("real-slice", "real-full", "generator", "unfiltered"),
        *("oracle-0.25", "random-0.25", "trained-0.5", "random-0.5", "self-0.5"),
    ]
    assert lines[2].split() == ["arm", "rows", "rouge1", "Δ", "real-slice", "verdict"]
    (oracle,) = (line for line in lines if line.startswith("oracle-"))
    assert oracle.split() == ["oracle-0.25", "250", "84.4", "+4.4", "[+2.9,", "+5.9]", "↑", "helps"]
    assert "6 more arms: --wide, or table.csv in the report" in lines
    text = " ".join(lines)
    beaten = "real data alone (real-slice) by 4.4 [2.9, 5.9] points of rouge1, and as many random rows by 5.4 [3.9, 6.9]"
    assert f"oracle 25% beats {beaten}; self 50% does worse" in text
    assert "; self 50% does worse by 3.0 [1.5, 4.5]; trained 50% and unfiltered cannot be told from it. " in text
    assert "The smallest difference that this table could have called is 1.8 points." in text
    assert "for all arms together" in text
    assert lines[-3:] == [
        "report: runs/small/report",
        "figure: runs/small/report/figures/rates.svg",
        "next:   summ-collapse diagnose runs/small",
    ]


def test_one_seed_has_differences_and_no_verdict() -> None:
    lines = told(found(*demo([4])), ["small", "seeds=[4]", "task.rows=200"])
    assert lines[0] == "small: 10 test rows, seed 4"
    assert lines[2].split() == ["arm", "rows", "rouge1", "Δ", "real-slice"]
    text = " ".join(lines)
    assert "helps" not in text
    assert "training's own luck is not in the intervals, so there is no verdict" in text
    assert "oracle 25%, differs from real data alone (real-slice) by +4.4 [+2.9, +5.9] points of rouge1." in text
    assert "for the test rows alone" in text
    assert lines[-2:] == [
        'next:   summ-collapse run small task.rows=200 "seeds=[4,5,6]" --jobs 2 \\',
        "          --out runs/small",
    ]
    assert told(found(*demo([0])))[-1] == 'next:   summ-collapse run small "seeds=[0,1,2]" --jobs 2 --out runs/small'


def test_where_nothing_can_be_told_the_reach_of_the_table_is() -> None:
    seeds = [0, 1]
    lines = told(found(*controls(seeds), *selected("oracle", {0.25: 80.3}, seeds), *random(seeds), smallest={"rouge1": 2.04}))
    text = " ".join(lines)
    assert "No arm trained on generated data can be told from real data alone (real-slice) with 2 seeds; the best, " in text
    assert "oracle 25%, differs by +0.3 [-1.2, +1.8] points of rouge1. The smallest difference that this table could have" in text
    assert text.split("this table could have called is ")[1].startswith("2.0 points.")


def test_worse_arms_behind_an_undecided_best_one_are_not_passed_over() -> None:
    seeds = [0, 1]
    text = " ".join(told(found(*controls(seeds), *selected("self", {0.125: 74.0, 0.5: 80.3}, seeds), *random(seeds))))
    assert "No arm trained on generated data beats real data alone (real-slice) with 2 seeds; the best, self 50%, differs" in text
    assert "by +0.3 [-1.2, +1.8] points of rouge1, and 1 does worse." in text


def test_random_rows_that_help_are_an_answer_too() -> None:
    seeds = [0, 1]
    arms = [*controls(seeds), *selected("self", {0.25: 80.3}, seeds), *selected("random", {0.125: 80.0, 0.25: 83.0}, seeds)]
    text = " ".join(told(found(*arms)))
    assert "random 25% beats real data alone (real-slice) by 3.0 [1.5, 4.5] points of rouge1; self 25% and" in text


def test_what_only_hurts_is_said_and_what_is_no_better_than_random_too() -> None:
    seeds = [0, 1]
    hurts = found(*controls(seeds, unfiltered=76.0), *selected("self", {0.25: 77.0}, seeds))
    assert conclusion(hurts).replace("\N{NO-BREAK SPACE}", " ") == (
        "No arm trained on generated data beats real data alone (real-slice; points of rouge1); "
        "self 25% does worse by 3.0 [1.5, 4.5]; unfiltered does worse by 4.0 [2.5, 5.5]."
    )
    (one,) = selected("self", {0.25: 84.0}, seeds)
    level = one.model_copy(update={"vs": {**one.vs, "random-0.25": {"rouge1": delta(0.4)}}})
    assert "but cannot be told from as many random rows (+0.4" in conclusion(found(*controls(seeds), level))
    below = one.model_copy(update={"vs": {**one.vs, "random-0.25": {"rouge1": delta(-3.0)}}})
    assert "but is worse than as many random rows (-3.0" in conclusion(found(*controls(seeds), below))


def test_many_arms_are_cut_down_to_the_best_of_each_verifier() -> None:
    seeds = [0, 1]
    verifiers = [
        one
        for place in range(9)
        for one in selected(f"verifier-with-a-name-{place}", {0.125: 70.0 + place, 0.25: 71.0 + place}, seeds)
    ]
    arms = [*verifiers, *random(seeds), *controls(seeds)]
    lines = told(found(*arms))
    shown = [one.arm for one in chosen(arms, "rouge1")]
    assert len(shown) == MOST
    assert shown[:6] == [
        *("real-slice", "real-full", "generator", "unfiltered"),
        *("verifier-with-a-name-8-0.25", "random-0.25"),
    ]
    assert shown[6:] == [f"verifier-with-a-name-{place}-0.25" for place in (7, 6, 5, 4)]
    assert f"{len(arms) - MOST} more arms: --wide, or table.csv in the report" in lines
    assert all(name in rows(lines) for name in shown)
    assert "verifier-with-a-name-5 25% does worse by 4.0 [2.5, 5.5]; 5 more do worse; verifier-with-a-name-8" in " ".join(lines)


def test_the_best_arm_is_one_that_helps_where_there_is_one() -> None:
    unsure, sure = selected("oracle", {0.25: 85.0, 0.5: 84.0}, [0, 1])
    unsure = unsure.model_copy(update={"observed": "undecided"})
    assert [one.arm for one in chosen([unsure, sure], "rouge1")] == ["oracle-0.5"]


def test_random_rows_stand_beside_what_keeps_as_much() -> None:
    seeds = [0, 1]
    near = selected("oracle", {0.25: 84.0}, seeds, n_train=230)  # near-duplicates are out
    threshold = arm("trained", 83.0, seeds, verifier="trained", verifier_kind="perplexity", n_train=321)
    follow = arm("random-as-trained", 79.0, seeds, verifier="random", verifier_kind="random", n_train=321)
    other = arm("random-as-other", 79.0, seeds, verifier="random", verifier_kind="random", n_train=500)
    shown = [one.arm for one in chosen([*near, *random(seeds), other, follow, threshold], "rouge1")]
    assert shown == ["oracle-0.25", "random-0.25", "trained", "random-as-trained"]


def test_no_arm_of_a_verifier_is_no_difficulty() -> None:
    lines = told(found(*controls([0, 1])))
    assert rows(lines) == ["real-slice", "real-full", "generator", "unfiltered"]
    assert "1 more arm: --wide, or table.csv in the report" in lines
    assert "No arm trained on generated data can be told from real data alone" in " ".join(lines)
    alone = told(found(*(one for one in controls([0, 1]) if one.control == "real-slice")))
    assert "No arm that was trained on generated data can be compared with real data." in alone
    assert not any(" more arm" in line for line in alone)


def test_warnings_come_first_and_failures_say_why() -> None:
    seeds = [0, 1]
    oracle = selected("oracle", {0.25: 84.0}, seeds, withheld="real-full is not above real-slice")
    failed = arm("strong-0.25", 0.0, seeds, verifier="strong", verifier_kind="rouge", rate=0.25, failed="all scores are NaN")
    failed = failed.model_copy(update={"metrics": {}, "vs": {}, "observed": None})
    warning = "real-full is not above real-slice, so there is nothing that more data could teach, and no verdict means anything"
    lines = told(found(*controls(seeds, withheld="so"), *oracle, failed, warnings=[warning]))
    assert lines[:2] == [
        "warning: real-full is not above real-slice, so there is nothing that more data",
        "  could teach, and no verdict means anything",
    ]
    assert "failed: strong-0.25: all scores are NaN" in lines
    assert [line.split()[-1] for line in lines if line.startswith(("oracle-", "strong-"))] == ["withheld", "failed"]
    assert "There is no conclusion: all verdicts are withheld." in lines
    several = [failed.model_copy(update={"arm": f"strong-{place}"}) for place in range(5)]
    assert "failed: 2 more arms; see table.csv" in told(found(*controls(seeds), *several))


def test_each_of_several_generators_has_its_best_arm() -> None:
    seeds = [0, 1]
    arms = []
    for share in (0.025, 0.05, 0.1):
        prefix = f"g{share:g}-"
        arms += selected("oracle", {0.25: 84.0 + 100 * share, 0.5: 83.0}, seeds, prefix, slice=share)
        arms += random(seeds, prefix, slice=share)
        arms += [one for one in controls(seeds, prefix=prefix, slice=share) if one.control not in ("lead", "real-full")]
    arms.append(arm("real-full", 95.0, seeds, control="real-full", slice=None).model_copy(update={"vs": {}, "observed": None}))
    lines = told(found(*arms))
    shown = rows(lines)
    assert len(shown) == MOST
    assert shown[0] == "real-full"
    for share in ("0.025", "0.05", "0.1"):
        assert {f"g{share}-real-slice", f"g{share}-oracle-0.25"} <= set(shown)
        assert f"g{share}-oracle-0.5" not in shown
    text = " ".join(lines)
    assert "oracle 25% of the 10% slice beats real data alone (real-slice) by 14.0 [12.5, 15.5] points of rouge1" in text
    assert "; oracle 25% of the 5% slice beats it by 9.0" in text


def test_an_arm_of_another_design_is_one_of_the_answers() -> None:
    seeds = [0, 1]
    lines = told(found(*controls(seeds), arm("mixture", 86.0, seeds), *selected("self", {0.25: 77.0}, seeds)))
    assert rows(lines)[4:] == ["mixture", "self-0.25"]
    assert "mixture beats real data alone (real-slice) by 6.0 [4.5, 7.5] points of rouge1; self 25% does" in " ".join(lines)
