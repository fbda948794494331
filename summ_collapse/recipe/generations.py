"""The block `generations`: training on one's own output again and again, under one regime or several beside each other."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator

from summ_collapse.recipe.blocks import Options, Rate, Retrain, Training

Mixture = Literal["replace", "accumulate", "subsample", "latest", "uniform"]
OF_ALL: tuple[Mixture, ...] = ("accumulate", "subsample", "uniform")  # these count the real rows among what there is


class Regime(Options):
    """What every generation learns from: which of the data so far, and what a verifier keeps of each generation's."""

    mixture: Mixture = Field(
        "replace",
        description="replace: the newest synthetic rows alone; accumulate: all so far, real ones too; subsample: of all so "
        "far, as many rows as are newest; uniform: as many, of every generation alike; latest: as many, of the latest alike",
    )
    latest: int | None = Field(None, gt=0, description="latest: of how many generations")
    real: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of the generator's real rows that every generation learns from too; where absent none under replace "
        "and latest, else all",
    )
    verifier: str | None = Field(
        None, description="what keeps the best of each generation's candidates; all are kept where absent"
    )
    rate: Rate | None = Field(None, description="share of the candidates that the verifier keeps, in (0, 1]")
    across: Literal["corpus", "document"] = Field("corpus", description="the best of all, or every document's best first")
    generators: int = Field(
        1, gt=0, le=100, description="models that each generation trains, in orders of their own; each writes an even share"
    )
    training: dict[str, JsonValue] = Field(
        {}, description="options of `retrain` that its generations are trained with instead, such as weight_decay"
    )

    @property
    def real_share(self) -> float:
        """Of the generator's real rows."""
        return (1.0 if self.mixture in OF_ALL else 0.0) if self.real is None else self.real

    def retrained(self, retrain: Retrain) -> Training:
        """How its generations are trained; ValidationError where that cannot be."""
        return Training.model_validate({**retrain.model_dump(exclude={"start"}), **self.training})

    @model_validator(mode="after")
    def _goes_together(self) -> "Regime":
        if (self.latest is None) == (self.mixture == "latest"):
            raise ValueError("expected `latest` with `mixture: latest`, and only there")
        if (self.verifier is None) != (self.rate is None):
            raise ValueError("expected `verifier` and `rate` together, or neither")
        if self.verifier is None and self.across != "corpus":
            raise ValueError("expected `across` only where a verifier keeps the best")
        return self


class Generations(Options):
    """How often, and under which regimes."""

    rounds: int = Field(gt=0, le=1000, description="generations after the generator, which is generation 0")
    regimes: dict[Annotated[str, Field(pattern=r"^[A-Za-z][\w]*$")], Regime] = Field(
        min_length=1, description="by the name that their arms begin with"
    )
    beside: str | None = Field(
        None, description="a regime with which every other one's same generation is compared; none where absent"
    )

    @model_validator(mode="after")
    def _beside_is_a_regime(self) -> "Generations":
        if self.beside is not None and self.beside not in self.regimes:
            raise ValueError(f"expected `beside` to be a regime, one of {', '.join(self.regimes)}, got {self.beside}")
        return self
