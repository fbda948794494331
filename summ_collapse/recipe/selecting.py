"""The block `selection`: how much of the synthetic data is kept, which of it, and what is promised of it."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from summ_collapse.recipe.blocks import Options, Rate


class Ordering(Options):
    """In which order candidates are taken, best first; a rate cuts it off, so that selections nest."""

    across: Literal["corpus", "document", "strata"] = Field(
        "corpus",
        description="corpus: all together; document: every document's best before its second best (rate 1/samples is best of n); "
        "strata: the same share of each stratum",
    )
    by: str | None = Field(None, description="strata: length or cluster (default) of the candidates, or a column of the examples")
    strata: int | None = Field(None, gt=1, description="strata: how many lengths or clusters (default: 16)")
    temperature: float | None = Field(
        None, gt=0, description="draw by softmax of the scores instead of taking the best; in standard deviations of the scores"
    )
    near_duplicates: float | None = Field(
        None, gt=0, le=1, description="pass over candidates whose word trigrams overlap this much with a better one's (Jaccard)"
    )
    verifiers: list[str] | None = Field(
        None, min_length=1, description="verifiers that arms are selected by; all of them where absent"
    )
    pools: list[str] | None = Field(
        None,
        min_length=1,
        description="pools that arms choose from: main, or variants of the synthesis; all of them where absent",
    )

    @model_validator(mode="after")
    def _strata_only_where_used(self) -> "Ordering":
        if self.across != "strata" and (self.by, self.strata) != (None, None):
            raise ValueError("expected `by` and `strata` only with `across: strata`")
        return self


class Keeping(Options):
    """Which of the candidates that pass are kept: the easiest, the hardest, or others."""

    which: Literal["easiest", "middle", "hardest", "spread"] = Field(description="of those that pass, by how easy they are")
    by: str = Field(description="the verifier whose score says how easy a candidate is, higher for easier")
    among: Rate | None = Field(None, description="share of the candidates that pass, the best ones; or give `among_at_least`")
    among_at_least: float | None = Field(None, description="whatever scores this or more passes; or give `among`")

    @model_validator(mode="after")
    def _one_of_both(self) -> "Keeping":
        if (self.among is None) == (self.among_at_least is None):
            raise ValueError("expected either `among` or `among_at_least`")
        return self


class Variant(Ordering):
    """A further way to select, whose arms stand beside the others."""

    keep: Keeping | None = Field(None, description="keep not the best, but the easiest or hardest of those that pass")
    rates: list[Rate] | None = Field(None, min_length=1, description="shares of the candidates that are kept, each in (0, 1]")
    at_least: float | None = Field(None, description="keep whatever scores this or more, instead of a share")

    @model_validator(mode="after")
    def _rates_or_threshold(self) -> "Variant":
        if (self.rates is None) == (self.at_least is None):
            raise ValueError("expected either `rates` or `at_least`")
        if self.keep is not None and (self.rates is None or self.across != "corpus" or self.temperature is not None):
            raise ValueError("expected `keep` with `rates`, and with neither `across` nor `temperature`")
        if self.keep is not None and self.keep.among is not None and max(self.rates or [0]) > self.keep.among:
            raise ValueError(f"expected rates of at most keep.among, {self.keep.among:g}, got {self.rates}")
        if self.at_least is not None and self.temperature is not None:
            raise ValueError("expected `at_least` without `temperature`: a threshold keeps all above it")
        return self


class Certify(Options):
    """A promise on what is kept, from the references that there are of it."""

    wrong_below: float = Field(gt=0, lt=1, description="at most this share of what is kept is wrong")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="of the promise, over pools; verifiers share what is left of it")


class Selection(Ordering):
    """How much of the synthetic data is kept, and which."""

    rates: list[Rate] = Field(min_length=1, description="shares of the candidates that are kept, each in (0, 1]")
    variants: dict[Annotated[str, Field(pattern=r"^[A-Za-z][\w]*$")], Variant] = Field(
        {}, description="further ways to select, by the name that their arms bear"
    )
    certify: Certify | None = Field(
        None, description="promise how little of what is kept is wrong, from the strictest rate on, or say how many labels lack"
    )

    def all(self) -> dict[str | None, Variant]:
        """Every way to select by its variant's name; the main one under None."""
        ways: dict[str | None, Variant] = {None: Variant(**self.model_dump(exclude={"variants", "certify"}))}
        return ways | dict(self.variants.items())

    def of(self, pool: str) -> dict[str | None, Variant]:
        """Those that choose from a pool."""
        return {name: how for name, how in self.all().items() if how.pools is None or pool in how.pools}
