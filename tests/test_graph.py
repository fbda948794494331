"""A graph takes only inputs of the tables that a stage reads."""

import pytest

from summ_collapse.errors import InputError
from summ_collapse.graph import Graph
from summ_collapse.recipe.load import validate
from summ_collapse.stages.prepare import Prepare
from summ_collapse.stages.slice import Slice
from summ_collapse.stages.stage import Stage
from tests.conftest import SMALL


def graph() -> tuple[Graph[Stage], Prepare]:
    return Graph(several_seeds=False), Prepare(task=validate(SMALL, "small").task, names={})


def test_a_missing_input_and_a_wrong_table_are_told() -> None:
    stages, prepare = graph()
    examples = stages.add(prepare, "data", None, {})
    with pytest.raises(TypeError, match="slice/all: expected an input 'examples'"):
        stages.add(Slice(share=1.0), "all", None, {})
    rows = stages.add(Slice(share=0.5), "half", None, {"examples": examples})
    with pytest.raises(TypeError, match="slice/half gives rows, and the role 'examples' takes examples"):
        stages.add(Slice(share=1.0), "all", None, {"examples": rows})


def test_one_name_stands_for_one_content() -> None:
    stages, prepare = graph()
    examples = stages.add(prepare, "data", None, {})
    first = stages.add(Slice(share=0.5), "half", None, {"examples": examples})
    assert stages.add(Slice(share=0.5), "half", None, {"examples": examples}) == first
    with pytest.raises(InputError, match="two stages would be called slice/half"):
        stages.add(Slice(share=0.6), "half", None, {"examples": examples})
