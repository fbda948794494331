"""The theory commands: shapes of their JSON, grids, files, refusals; and that they start without torch."""

import csv
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from summ_collapse.cli import main
from summ_collapse.store import write_json
from summ_collapse.theory import gaussian, recursion, sources
from tests.conftest import ENVIRONMENT, command, inside
from tests.report.results import entry, results

SIZES = ("--real", "5", "--synthetic", "5", "--generations", "2")


@pytest.fixture
def theory(capsys):
    """Runs `theory …` in this process and returns what it printed as JSON."""

    def run(*words: object) -> dict:
        assert main(["theory", *map(str, words), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_breakdown_of_one_point_has_the_four_numbers(theory) -> None:
    assert theory("breakdown", "--phi", 0.9, "--psi", 0.3) == {
        "p_star": 0.75,
        "kept_error": None,
        "kept_fraction": None,
        "accuracy": None,
    }
    found = theory("breakdown", "--phi", 0.9, "--psi", 0.3, "--p", 0.4, "--mu", 2, "--d", 50, "--n", 1000)
    assert found["kept_error"] == pytest.approx(0.12 / 0.66)
    assert found["kept_fraction"] == pytest.approx(0.66)
    assert found["accuracy"] == float(gaussian.finite_sample_accuracy(0.4, 0.9, 0.3, 2, 50, 1000))
    endless = theory("breakdown", "--phi", 0.9, "--psi", 0.3, "--p", 0.4, "--mu", 2)
    assert endless["accuracy"] == float(gaussian.infinite_sample_accuracy(0.4, 0.9, 0.3, 2))


def test_breakdown_takes_a_grid_and_writes_it(theory, tmp_path: Path) -> None:
    files = ("--csv", tmp_path / "grid.csv", "--figure", tmp_path / "grid.svg")
    found = theory("breakdown", "--phi", "0.5,0.9", "--psi", "0.1:0.9:0.1", "--p", 0.3, *files)["grid"]
    assert [point["psi"] for point in found[:9]] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert [point["phi"] for point in found] == [0.5] * 9 + [0.9] * 9
    assert [point["p_star"] for point in found] == [point["phi"] / (point["phi"] + point["psi"]) for point in found]
    with (tmp_path / "grid.csv").open() as file:
        assert [float(row["kept_error"]) for row in csv.DictReader(file)] == [point["kept_error"] for point in found]
    assert (tmp_path / "grid.svg").read_text().startswith("<?xml")


def test_recursion_has_a_value_a_generation_beginning_with_the_first_model(theory) -> None:
    sizes = ("--symbols", 10, "--real", 100, "--synthetic", 50, "--generations", 6)
    found = theory("recursion", *sizes, "--simulate", 300)
    first = 1 / 100 + (1 - 1 / 100) / 10
    assert found["S"] == pytest.approx(recursion.collision(first, 100, 50, 6))
    assert found["D"][0] == found["l1_bound"][0] == 0
    assert found["l1_bound"] == pytest.approx([(10 * d) ** 0.5 for d in found["D"]])
    simulated = found["simulated"]
    for name in ("S", "D"):
        assert len(simulated[name]) == 7
        for mean, error, exact in zip(simulated[name], simulated[f"{name}_se"], found[name], strict=True):
            assert abs(mean - exact) <= 5 * error
    fully = theory("recursion", "--symbols", 10, "--real", 0, "--synthetic", 50, "--generations", 2)
    assert 1 - fully["S"][2] == pytest.approx((1 - 1 / 50) ** 3 * 0.9)


def test_recursion_compares_regimes_over_a_corpus(theory, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("the cat and the dog\nthe cat sat\n")
    words = ("--corpus", corpus, "--context", "the", "--real", 20, "--synthetic", 10, "--generations", 5, "--simulate", 50)
    found = theory("recursion", *words, "--mix", "real,latest:1,all", "--figure", tmp_path / "regimes.svg")["regimes"]
    first = recursion.first_collision(sources.from_corpus(["the cat the dog the cat"], "the"), 20, 10)
    assert found["latest:1"]["S"] == pytest.approx(1 - (1 - 1 / 10) ** np.arange(6) * (1 - first))
    figure = tmp_path / "closed.svg"
    closed = theory("recursion", "--symbols", 5, *SIZES, "--mix", "real,all", "--figure", figure)["regimes"]
    assert "simulated" not in closed["all"]
    assert figure.read_text().startswith("<?xml")
    assert found["real"]["S"][-1] < found["all"]["S"][-1] < found["latest:1"]["S"][-1]


def test_a_table_of_several_regimes_has_every_number_under_its_own_name(capsys) -> None:
    sizes = ["--symbols", "5", "--real", "0", "--synthetic", "5", "--generations", "0", "--simulate", "3"]
    assert main(["theory", "recursion", *sizes, "--mix", "all,real", "--wide"]) == 0
    heading, rule, *lines = capsys.readouterr().out.splitlines()[:4]
    assert set(rule) == {"─"}
    ends = [found.end() for found in re.finditer(r"\S+", heading)]  # numbers stand to the right
    cells = [[line[start:end].strip() for start, end in zip([0, *ends], ends, strict=False)] for line in (heading, *lines)]
    bound = cells[0].index("survival_bound")
    assert [row[bound] for row in cells[1:]] == ["", "1"]
    alike = [at for at, name in enumerate(cells[0]) if name not in ("mix", "survival_bound")]
    assert [cells[1][at] for at in alike] == [cells[2][at] for at in alike]


def test_recursion_tells_how_much_synthetic_data_is_safe(theory) -> None:
    sizes = ("recursion", "--symbols", 10, "--real", 100, "--synthetic", 50, "--generations", 1, "--tolerance")
    assert theory(*sizes, 0.2)["safe_synthetic"] == 459
    assert theory(*sizes, 0.3)["safe_synthetic"] == "unbounded"


def test_phase_lays_measured_arms_on_the_map(theory, tmp_path: Path) -> None:
    arm = {"p": 0.6, "phi": 0.5, "psi": 0.1, "p_star": 5 / 6, "kept_error": 0.23}
    arms = [
        entry("oracle-0.25", **arm, predicted="helps", observed="helps"),
        entry("self-0.25", **arm | {"psi": 0.7}, predicted="hurts", observed="undecided"),
        entry("unlucky", **arm | {"phi": 0.0}, predicted="hurts", observed="hurts"),
        entry("far off", **arm | {"p": 0.97, "phi": 1e-9, "psi": 0.5}, predicted=None, observed=None),
        entry("generator", **arm | {"p": None, "phi": None, "psi": None}, predicted=None, observed="hurts"),
    ]
    write_json(tmp_path / "report" / "results.json", results(*arms).model_dump())
    found = theory("phase", "--run", tmp_path, "--p", "0.1:0.9:0.1", "--ratio", "0,0.5,1", "--figure", tmp_path / "phase.svg")
    assert [(point["arm"], point["ratio"], point["observed"]) for point in found["measured"]] == [
        ("oracle-0.25", pytest.approx(0.2), "helps"),
        ("self-0.25", pytest.approx(1.4), "undecided"),
        ("unlucky", None, "hurts"),
        ("far off", pytest.approx(5e8), None),
    ]
    drawn = (tmp_path / "phase.svg").read_text()
    for text in ("oracle-0.25", "self-0.25", "far off", "observed: nothing", "observed: undecided", "observed: helps"):
        assert f"<!-- {text} -->" in drawn
    assert "<!-- unlucky -->" not in drawn  # it keeps nothing that is right: its psi / phi is nowhere
    assert len(found["grid"]) == 27
    for point in found["grid"]:
        side = {True: "helps", False: "hurts"}[point["p"] < point["p_star"]]
        assert point["p_star_verdict"] == ("undecided" if point["p"] == pytest.approx(point["p_star"]) else side)


def test_simulate_takes_every_kind_of_selection(theory) -> None:
    small = ("--n", 60, "--d", 5, "--repetitions", 20, "--workers", 1)
    independent = theory("simulate", *small, "--p", "0.1,0.4", "--phi", 0.9, "--psi", 0.3)["grid"]
    assert [point["p"] for point in independent] == [0.1, 0.4]
    angled = theory("simulate", *small, "--generator", 60, "--verifier", 30, "--between", 70, "--learner", "logistic")["grid"]
    exact = gaussian.selection_from_margins(2 * 0.5, 3**0.5, np.cos(np.radians(70)))
    assert [angled[0][name] for name in ("p", "phi", "psi")] == pytest.approx([float(share) for share in exact])
    at_random = theory("simulate", *small, "--generator", 60, "--supervision", "random", "--rate", "0.2,1")["grid"]
    assert [(point["rate"], point["phi"], point["psi"]) for point in at_random] == [(0.2, 0.2, 0.2), (1, 1, 1)]
    trained = ("--supervision", "oracle", "--generator-samples", 3, "--learner", "ridge")
    (oracle,) = theory("simulate", *small, *trained)["grid"]
    assert (oracle["phi"], oracle["psi"]) == (1, 0)
    assert all(0 <= point["accuracy"] <= 1 for point in (*independent, *angled, oracle))


@pytest.mark.parametrize("name", ["transition", "samples", "sweet-spot", "quality"])
def test_reproductions_draw_the_same_bytes_again(name: str, theory, tmp_path: Path, monkeypatch) -> None:
    from summ_collapse.theory import reproductions

    # As much of each as runs in a moment: what is drawn, not what is found, is looked at here.
    monkeypatch.setattr(reproductions, "KEPT", 1000)
    monkeypatch.setattr(reproductions, "LARGEST_LOG10", 3)
    drawn = []
    for file in ("once.svg", "again.svg"):
        words = ("--repetitions", 2, "--workers", 1, "--seed", 3, "--figure", tmp_path / file)
        assert theory("simulate", "--reproduce", name, *words)["grid"]
        drawn.append((tmp_path / file).read_bytes())
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["breakdown", "--phi", "0", "--psi", "0"], "phi and psi are both 0"),
        (["breakdown", "--phi", "1.2", "--psi", "0"], "phi is a share and lies in [0, 1], got 1.2"),
        (["breakdown", "--phi", "nan", "--psi", "0"], "'nan'"),
        (["breakdown", "--phi", "0.9:0.1:0.1", "--psi", "0"], "START <= STOP"),
        (["breakdown", "--phi", "0:1:1e-9", "--psi", "0"], "at most 100,000"),
        (["breakdown", "--phi", "0:1:1e-4", "--psi", "0.1:1:1e-4"], "at most 1,000,000 points"),
        (["breakdown", "--phi", "1", "--psi", "0", "--p", "0.1", "--mu", "2", "--d", "5", "--n", "1"], "at least 2, got 1"),
        (["breakdown", "--phi", "1", "--psi", "0", "--d", "5"], "d and n belong together"),
        (["breakdown", "--phi", "1", "--psi", "0", "--mu", "1"], "accuracy needs p"),
        (["breakdown", "--phi", "1", "--psi", "0.1,0.2", "--figure", "x.pdf"], ".svg or .png"),
        (["breakdown", "--phi", "1", "--psi", "0", "--figure", "x.svg"], "a figure needs a grid"),
        (["simulate", "--generator", "10", "--verifier", "10", "--between", "90"], "no three vectors"),
        (["simulate", "--generator", "10"], "needs --generator and --verifier and --between"),
        (["breakdown", "--phi", "0:1e300:1e-999999", "--psi", "0"], "at most 100,000"),
        (["phase", "--n", "1" + "0" * 400], "of up to 18 digits"),
        (["phase", "--phi", "nan"], "phi is a share"),
        (["phase", "--figure", "."], "a figure's name ends in"),
        (["phase", "--figure", "a.svg", "--csv", "./a.svg"], "--csv and --figure name one file"),
        (["phase", "--figure", "a.svg", "--csv", "."], ".: cannot be written (a folder)"),
        (["phase", "--csv", "/proc/version/x.csv"], "/proc/version/x.csv: cannot be written (/proc/version takes no files)"),
        (["simulate", "--p", "0.1", "--phi", "1", "--psi", "0", "--repetitions", "1" + "0" * 9], "repetitions in all"),
        (["simulate", "--generator-samples", "1e30", "--verifier-samples", "3"], "the generator is trained on 1 to"),
        (["simulate", "--generator", "190", "--supervision", "oracle"], "(190 degrees)"),
        (["recursion", *SIZES, "--symbols", "5", "--seed", "1"], "--seed is for --simulate"),
        (["recursion", *SIZES[2:], "--symbols", "5", "--real", "1" + "0" * 400], "of up to 18 digits"),
        (["simulate", "--p", "0.1"], "needs --p, --phi and --psi"),
        (["simulate", "--generator", "10", "--supervision", "oracle", "--rate", "0.5"], "--rate is for --supervision random"),
        (["simulate", "--generator", "10", "--supervision", "random", "--rate", "0"], "rate of random selection"),
        (["simulate", "--p", "0.1", "--phi", "1", "--psi", "0", "--penalty", "2"], "--penalty is for the learners ridge"),
        (["simulate", "--reproduce", "samples", "--generator-samples", "5"], "leave out --generator-samples"),
        (["simulate", "--reproduce", "samples", "--mu", "3"], "leave out --mu"),
        (["simulate"], "expected either"),
        (["simulate", "--p", "0.1", "--phi", "1", "--psi", "0", "--n", "1e20"], "at most 1,000,000,000,000,000"),
        (
            ["simulate", "--p", "0.1", "--phi", "1", "--psi", "0", "--learner", "logistic", "--penalty", "0"],
            "penalty lies in [1e-12, 1e+12], got 0",
        ),
        (["phase", "--run", "nowhere"], "no such file"),
        (["phase", "--phi", "2"], "phi is a share"),
        (["recursion", "--symbols", "5", "--real", "0", "--synthetic", "1", "--generations", "2"], "synthetic is at least 2"),
        (["recursion", "--real", "5", "--synthetic", "5", "--generations", "2"], "--symbols or --corpus"),
        (["recursion", *SIZES, "--symbols", "5", "--context", "the"], "--context is for a --corpus"),
        (["recursion", *SIZES, "--corpus", "nowhere.txt", "--zipf", "1"], "--zipf is for --symbols"),
        (["recursion", *SIZES, "--corpus", sys.executable], f"{sys.executable}: expected UTF-8 text"),
        (["recursion", *SIZES, "--symbols", "5", "--mix", "all", "--tolerance", "0.1"], "--tolerance is for"),
        (["recursion", "--corpus", "nowhere.txt", "--real", "5", "--synthetic", "5", "--generations", "2"], "nowhere.txt"),
        (["recursion", "--symbols", "5", "--real", "5", "--synthetic", "5", "--generations", "2", "--mix", "some"], "latest:K"),
    ],
)
def test_bad_input_is_told_once_and_exits_with_2(words, told, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["theory", *words]) == 2
    printed = capsys.readouterr()
    assert told in printed.err
    assert printed.err.count("error:") == 1
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_drawn_is_refused_before_any_work(capsys, monkeypatch, tmp_path: Path) -> None:
    from summ_collapse.theory import simulation

    def work(*_):
        raise AssertionError("a simulation was started")

    monkeypatch.setattr(simulation, "_run", work)
    monkeypatch.chdir(tmp_path)
    selection = ("--phi", "1", "--psi", "0.5")
    for words, told in (
        (["--p", "0.1:0.3:0.1", "--figure", "x.pdf"], ".svg or .png"),
        (["--p", "0.1", "--figure", "x.svg"], "needs a grid"),
        (["--p", "0:1:0.01", "--n", "10:40:1", "--figure", "x.svg"], "at most 20 lines, and this grid has 31"),
    ):
        assert main(["theory", "simulate", *selection, *words]) == 2
        assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    process = subprocess.Popen(
        command("theory", "phase", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(50)
        process.stdout.close()
        assert process.wait(timeout=60) == 128 + signal.SIGPIPE
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.communicate()


def test_theory_starts_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from summ_collapse.cli import main; "
        "main(['theory', 'breakdown', '--phi', '0.9', '--psi', '0.1:0.3:0.1', '--figure', sys.argv[1]]); "
        "main(['theory', 'recursion', '--symbols', '5', '--real', '5', '--synthetic', '5', '--generations', '2']); "
        "main(['theory', 'phase', '--run', 'nowhere']); "
        "sys.exit(sum(name in sys.modules for name in ('torch', 'transformers', 'datasets')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "grid.svg")], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_real_rows_should_weigh_is_told_on_a_grid() -> None:
    done = inside("theory", "mixture", "--ratio", "0.1,1", "--json")
    assert done.code == 0, done.err
    few, even = json.loads(done.out)["grid"]
    assert even["optimal_weight"] == pytest.approx((5**0.5 - 1) / 2)
    assert few["pooled_error"] / few["optimal_error"] == pytest.approx(1.94, abs=0.005)
    assert inside("theory", "mixture", "--ratio", "0").code == 2


def test_easy_or_hard_is_told_and_drawn(tmp_path: Path) -> None:
    figure = tmp_path / "keep.svg"
    done = inside("theory", "keep", "--angle", "2,60", "--n", "400,100000", "--json", "--figure", figure)
    assert done.code == 0, done.err
    found = {(row["angle"], row["n"]): row for row in json.loads(done.out)["grid"]}
    assert found[2, 400]["hard_right"] > found[2, 400]["easy_right"]
    assert found[60, 100000]["easy"] > found[60, 100000]["hard"]
    assert found[60, 400]["p"] == pytest.approx(1 / 3)
    assert figure.read_text().startswith("<?xml")
    refused = inside("theory", "keep", "--angle", "2,60", "--n", "400,800", "--d", "10,20", "--figure", figure)
    assert refused.code == 2
    assert "a figure has a grid along one axis" in refused.err
    assert json.loads(inside("theory", "keep", "--angle", "90", "--rate", "0.6", "--json").out)["grid"][0]["easy_right"] is None
