"""The block `preference`: learning from a verifier's verdicts on the learner's own samples, the wrong ones among them."""

from typing import Literal

from pydantic import Field, model_validator

from summ_collapse.recipe.blocks import MAIN, Options, Training

Method = Literal["rft", "dpo", "dpo-step"]
StepKind = Literal["solution", "sentence", "clause"]


class PreferenceTraining(Training):
    """A training on pairs, by direct preference optimisation (Rafailov et al. 2023)."""

    beta: float = Field(0.1, gt=0, description="how strongly the model is held to the one that it starts from")
    likelihood: float = Field(
        0.0, ge=0, description="how much the better side's own loss a token counts beside (Pang et al. 2024); 0: not at all"
    )

    @model_validator(mode="after")
    def _on_pairs(self) -> "PreferenceTraining":
        for name in ("early_stopping", "document_noise"):
            if getattr(self, name) is not None:
                raise ValueError(f"expected no `{name}`, which a training on pairs does not have")
        return self


class Preference(Options):
    """Which methods, by whose verdicts, and how pairs are found."""

    arms: list[Method] = Field(
        min_length=1,
        description="rft: retrain on the right samples, those that differ; dpo: right samples preferred to wrong ones; dpo-step: "
        "the step at which a sample went wrong, found by rollouts, against a better way on from there",
    )
    verifier: str = Field(description="whose scores are expected before and behind each step, and say what is right")
    pool: str = Field(MAIN, description="the pool whose samples are learnt from: main, or a variant of the synthesis")
    right: float = Field(1.0, description="least score of what is right")
    real: bool = Field(True, description="rft: learn from the generator's real rows too")
    margin: float = Field(
        0.5, gt=0, description="least difference of score between both sides of a pair, and of a sample gone through"
    )
    each: int = Field(1, gt=0, description="the most pairs of a document")
    weights: Literal["equal", "advantage"] = Field(
        "equal", description="what pairs weigh: all alike, or their difference of score"
    )
    steps: StepKind | None = Field(None, description="what a step is; as the task has it where absent")
    rollouts: int = Field(4, gt=0, description="dpo-step: continuations from each step on")
    most: int | None = Field(None, gt=0, description="dpo-step: the most samples that are gone through; all where absent")
    fall: float = Field(
        0.5, gt=0, description="dpo-step: by how much the expected score falls at a step that is to blame, at least"
    )
    until: Literal["step", "end"] = Field("step", description="dpo-step: both sides are one step, or go on to the end")
    start: Literal["generator", "rft"] = Field(
        "generator", alias="from", description="dpo, dpo-step: the model that training starts from; rft is the arm of that name"
    )
    train: PreferenceTraining | None = Field(None, description="dpo, dpo-step: how pairs are learnt")

    @model_validator(mode="after")
    def _goes_together(self) -> "Preference":
        if self.train is None and set(self.arms) != {"rft"}:
            raise ValueError("expected `train` with the arms dpo and dpo-step")
        if self.start == "rft" and "rft" not in self.arms:
            raise ValueError("expected the arm rft where `from: rft`")
        return self
