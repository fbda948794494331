"""What an experiment compares: arms, how their rows are chosen, and whose output these rows are. Names of stages, no files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERDICT_BASELINE = "real-slice"


@dataclass(frozen=True)
class Model:
    """A model as later stages see it: the stage that makes it, or a name; and the model below an adapter."""

    stage: str | None
    identity: Mapping[str, Any] | None
    below: "Model | None" = None


@dataclass(frozen=True)
class Generated:
    """One generator under one seed, and its candidates."""

    seed: int
    slice: float
    prefix: str  # of the names of all that depends on this generator; empty where there is one
    candidates: str
    judge: str
    generator: Model
    start: Model  # what arms are trained from


@dataclass(frozen=True)
class Chosen:
    """How an arm's rows are chosen from the candidates."""

    verifier: str
    kind: str  # the verifier's
    variant: str | None  # of the recipe's selection; None for the main one
    rate: float | None  # None where a threshold decides
    scores: str
    select: str
    random: str | None  # the arm of random rows that it stands beside; None for that one itself


@dataclass(frozen=True)
class Arm:
    """One model that is trained (or, for `lead`, not) and evaluated, under one seed; stages by name."""

    name: str
    seed: int
    evaluate: str
    train: str | None = None
    control: str | None = None  # which one, for an arm that no verifier selects
    chosen: Chosen | None = None
    generated: Generated | None = None  # whose candidates it is made of, or whose slice; None where generators share it
    baselines: Mapping[str, str] = field(default_factory=dict)  # arms that it stands beside, by what they are to it

    def described(self) -> dict[str, Any]:
        """What a report is told of it."""
        chosen, generated = self.chosen, self.generated
        return {
            "arm": self.name,
            "control": self.control,
            "verifier": chosen.verifier if chosen else None,
            "verifier_kind": chosen.kind if chosen else None,
            "variant": chosen.variant if chosen else None,
            "rate": chosen.rate if chosen else None,
            "seed": self.seed,
            "slice": generated.slice if generated else None,
            "baselines": dict(self.baselines),
            "evaluate": self.evaluate,
            "train": self.train,
            "select": chosen.select if chosen else None,
            "scores": chosen.scores if chosen else None,
            "judge": generated.judge if generated else None,
            "candidates": generated.candidates if generated else None,
        }
