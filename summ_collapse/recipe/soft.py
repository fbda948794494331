"""The block `soft`: row weights that undo a noisy verifier's errors on the average, beside the hard filter."""

from pydantic import Field

from summ_collapse.recipe.blocks import Options


class Soft(Options):
    """Whose verdict, and from which score on it says right."""

    verifier: str = Field(description="whose verdict")
    at_least: float = Field(description="the least score that it takes for right")
    clipped: list[bool] = Field(
        [False, True],
        min_length=1,
        description="false: rows that it takes for wrong weigh less than nothing; true: they weigh nothing",
    )
