"""The block `mixtures`: real rows beside synthetic ones, how many of each, which, and what the real ones weigh."""

from typing import Annotated

from pydantic import Field, model_validator

from summ_collapse.recipe.blocks import Options, Rate
from summ_collapse.theory.mixing import Weighing

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Weighing | Annotated[float, Field(gt=0, lt=1)]


class Mixtures(Options):
    """Every combination is an arm, beside the real rows alone."""

    real: list[Share] | None = Field(
        None,
        min_length=1,
        description="shares of the training rows whose references are learnt from, nested; the generator's slice where absent",
    )
    synthetic: list[Annotated[int, Field(ge=0)]] | None = Field(
        None, min_length=1, description="synthetic rows, drawn at random; all that there are where absent"
    )
    unfiltered: bool = Field(True, description="mix with the whole pool too")
    verifiers: list[str] | None = Field(None, description="mix with what these keep; all where absent, none where empty")
    rates: list[Rate] | None = Field(
        None, min_length=1, description="shares of the pool that are kept; the selection's where absent"
    )
    weights: list[Weight] = Field(
        ["pooled", "optimal"],
        min_length=1,
        description="of the real rows as a whole: pooled (rows alike), equal (half), optimal (a Gaussian mean's), or a number",
    )

    @model_validator(mode="after")
    def _each_once(self) -> "Mixtures":
        for name in ("real", "synthetic", "verifiers", "rates", "weights"):
            values = getattr(self, name) or []
            if len(set(values)) < len(values):
                raise ValueError(f"expected each of `{name}` once, got {values}")
        return self

    @model_validator(mode="after")
    def _something(self) -> "Mixtures":
        if self.synthetic is not None and not any(self.synthetic):
            raise ValueError("expected an amount of synthetic rows above 0")
        if self.real is not None and not any(self.real) and self.synthetic is None:
            raise ValueError("expected a share of real rows above 0, or amounts of synthetic ones: else nothing is mixed")
        return self
