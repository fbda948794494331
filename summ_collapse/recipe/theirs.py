"""The block `arms`: models that were trained by other means, told by what they predict."""

from pydantic import Field

from summ_collapse.recipe.blocks import Options
from summ_collapse.recipe.names import DataName


class Theirs(Options):
    """One model, and its answers to the test rows."""

    predictions: DataName = Field(description="file with `id` and `candidate` of every test row; `export DIR --test` lists them")
