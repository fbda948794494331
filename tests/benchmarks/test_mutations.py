"""The list of mutations still fits the package, and the script tells a mistake that tests notice from one that they don't."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "mutations.py"


@pytest.fixture(scope="module")
def mutations() -> ModuleType:
    specification = importlib.util.spec_from_file_location("mutations", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["mutations"] = module  # data classes look their module up
    specification.loader.exec_module(module)
    return module


def test_every_mutation_of_the_list_fits(mutations: ModuleType) -> None:
    found = mutations.read_mutations()
    assert len(found) >= 40
    assert [misfit for one in found if (misfit := one.misfit(mutations.ROOT))] == []
    rooms = {one.file.partition("/")[0] for one in found}
    assert {"metrics", "report", "selection", "stages", "verifiers", "predict", "models", "store.py", "launch"} <= rooms


LIST = """
- {name: more, file: sums.py, text: one + other, instead: one + other + 1, breaks: sums, tests: [tests]}
- {name: other way round, file: sums.py, text: one + other, instead: other + one, breaks: nothing, tests: [tests]}
- {name: nonsense, file: sums.py, text: one + other, instead: one + another, breaks: all, tests: [tests]}
- {name: gone, file: sums.py, text: one - other, instead: one, breaks: differences, tests: [tests]}
"""


@pytest.fixture
def house(mutations: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of one function with one test and four mutations."""
    root = tmp_path / "house"
    for folder in ("summ_collapse", "tests"):
        (root / folder).mkdir(parents=True)
    (root / "summ_collapse" / "__init__.py").touch()
    (root / "summ_collapse" / "sums.py").write_text("def add(one, other):\n    return one + other\n")
    (root / "tests" / "test_sums.py").write_text(
        "from summ_collapse.sums import add\n\n\ndef test_sum():\n    assert add(2, 3) == 5\n"
    )
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\nmarkers = ['slow', 'nightly']\n")
    (root / "list.yaml").write_text(LIST)
    listed = mutations.read_mutations(root / "list.yaml")
    monkeypatch.setattr(mutations, "ROOT", root)
    monkeypatch.setattr(mutations, "read_mutations", lambda: listed)
    return root


def test_a_mistake_is_caught_and_an_equal_text_survives(
    mutations: ModuleType, house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (house / "summ_collapse" / "sums.py").read_bytes()
    assert mutations.main(["more", "2", "--out", str(tmp_path / "found.json")]) == 1
    assert (house / "summ_collapse" / "sums.py").read_bytes() == before
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["mutations"], found["caught"]) == (2, 1)
    assert [(one["name"], one["result"]) for one in found["found"]] == [("more", "caught"), ("other way round", "SURVIVED")]
    assert found["found"][0]["by"] == "tests/test_sums.py::test_sum"
    told = capsys.readouterr().out
    assert "1 of 2 caught" in told
    assert "SURVIVED: other way round (sums.py): nothing" in told


def test_what_was_found_of_other_mutations_stays_as_long_as_they_are_listed(
    mutations: ModuleType, house: Path, tmp_path: Path
) -> None:
    out = tmp_path / "found.json"
    mutations.main(["other way round", "--out", str(out)])
    kept = json.loads(out.read_text())
    # One of a mistake that is listed no more, though its name is; and one of before.
    kept["found"] += [{**kept["found"][0], "name": "more", "digest": "0" * 12, "result": "SURVIVED"}]
    kept["found"][0]["day"] = "2000-01-01"
    out.write_text(json.dumps(kept))
    assert mutations.main(["more", "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert [(one["name"], one["result"]) for one in found["found"]] == [("more", "caught"), ("other way round", "SURVIVED")]
    assert found["found"][1]["day"] == "2000-01-01"
    assert (found["mutations"], found["caught"]) == (2, 1)


def test_what_no_longer_fits_or_does_not_run_is_told(
    mutations: ModuleType, house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mutations.main([]) == 1
    assert "no longer fits: gone: expected its text once in summ_collapse/sums.py, found it 0 times" in capsys.readouterr().err
    assert mutations.main(["nonsense"]) == 1
    assert "nonsense: not a mistake but nonsense" in capsys.readouterr().err
    assert mutations.main(["5"]) == 2
    assert "no mutation is called 5; expected names, or numbers from 1 to 4" in capsys.readouterr().err


def test_tests_that_fail_anyway_say_nothing(mutations: ModuleType, house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (house / "tests" / "test_sums.py").write_text("def test_sum():\n    assert False\n")
    assert mutations.main(["more"]) == 1
    assert "the tests fail without any mutation" in capsys.readouterr().err
