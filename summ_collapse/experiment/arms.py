"""What an experiment compares: pools, models, and arms with the facts that are known of them. Names of arms are for people."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import Field

from summ_collapse.graph import Node
from summ_collapse.recipe.blocks import MAIN, Options, Sampled
from summ_collapse.recipe.resolve import Name
from summ_collapse.stages.reading import Reading
from summ_collapse.stages.stage import Stage
from summ_collapse.tasks.chat import Chat

VERDICT_BASELINE = "real-slice"
GENERATOR_ROLE = "generator"
ELSEWHERE = "elsewhere"  # the method of an arm that was trained by other means
REGIME_ROLE = "regime"  # of the same generation under the regime that all are compared with
MIXTURE = "mixture"  # the method of an arm that learns from real and synthetic rows together
REAL_ROLE = "real-alone"  # to a mixture, its own real rows without the others
POOLED_ROLE = "pooled"  # to a mixture, the same rows where each counts alike
# What is the same whoever selects; a baseline in any other role is random rows.
ROLES = (VERDICT_BASELINE, GENERATOR_ROLE, REGIME_ROLE, REAL_ROLE, POOLED_ROLE)


@dataclass(frozen=True)
class Model:
    """A model as later stages see it: the node that makes it, or what its name stands for; and the model below an adapter."""

    node: Node[Stage] | None
    name: Name | None
    below: "Model | None" = None
    chat: Chat | None = None  # how it is asked, also after it was trained further

    def parts(self, role: str) -> "Iterator[tuple[str, Model]]":
        """The model and what lies below it, each with the role that it plays where the model plays `role`."""
        yield role, self
        if self.below is not None:
            yield from self.below.parts(role + Reading.below)

    def made(self, role: str) -> "dict[str, Node[Stage]]":
        """The nodes that make the model and what lies below it, by role."""
        return {part: below.node for part, below in self.parts(role) if below.node is not None}

    @property
    def called(self) -> str:
        """What an adapter's configuration calls it: a hub id, or the stage that made it."""
        if self.node is not None:
            return f"{self.node.name} {self.node.fingerprint[:12]}"
        return self.name.short() if self.name else "unresolved"


@dataclass(frozen=True)
class Pool:
    """The candidates that arms choose from under one seed, with who wrote them and which real rows that one learnt from."""

    seed: int
    owner: str  # prefix of the names of all that depends on the generator; empty where there is one
    name: str  # which of its generator's pools it is
    how: Sampled
    candidates: Node[Stage]
    judge: Node[Stage]  # whose scores say which candidates are wrong
    start: Model  # what arms are trained from
    generator: Model | None = None
    slice: float | None = None
    scores: Mapping[str, Node[Stage]] = field(default_factory=dict)  # by verifier
    first: bool = True  # of the pools of one seed: what no generator has a part in stands beside this one

    @property
    def main(self) -> bool:
        """Whether it is the pool that its generator's controls stand beside."""
        return self.name == MAIN

    @property
    def prefix(self) -> str:
        """Of the names of all that depends on this pool."""
        return pool_prefix(self.owner, self.name)


def pool_prefix(owner: str, name: str) -> str:
    """What names begin with of all that depends on a pool, whose generator's begin with `owner`."""
    return owner if name == MAIN else f"{owner}{name}-"


class Mixed(Options):
    """How much of what an arm learns from together."""

    source: str = Field(description="what the synthetic rows are called: unfiltered, or a verifier and its rate")
    real: float = Field(description="share of the training rows whose references are among them")
    synthetic: int | None = Field(description="rows; none where all that there are")
    weight: str | None = Field(description="of the real rows, as the recipe says it; none where one kind is alone")


class Arm(Options):
    """One model that is trained (or, for `lead`, not) and evaluated, under one seed; stages by name."""

    name: str
    seed: int
    evaluate: str
    train: str | None = None
    rows: str | None = Field(None, description="the table that it was trained on, where that is part of the comparison")
    control: str | None = Field(None, description="which one, for an arm that no verifier selects")
    verifier: str | None = None
    verifier_kind: str | None = None
    variant: str | None = Field(None, description="of the recipe's selection; none for the main one")
    rate: float | None = Field(None, description="none where a threshold decides")
    slice: float | None = Field(None, description="the pool's generator; none where generators share the arm")
    pool: str | None = Field(None, description="which of its generator's pools; none for the main one")
    regime: str | None = Field(None, description="under which its line of generations was trained")
    generation: int | None = Field(None, description="how many times its line has learnt from its own output")
    mixture: str | None = Field(None, description="which of the generations before it, a generation learns from")
    real_share: float | None = Field(None, description="of the generator's real rows, which a generation learns from too")
    method: str | None = Field(None, description="how it learns from verdicts on its own samples, or from real rows beside them")
    mixed: Mixed | None = Field(None, description="of a mixture, and of the real rows that it stands beside")
    drawn: list[str] = Field([], description="samples behind it that are not of its pool: rollouts, another model's pool")
    attempts: str | None = Field(None, description="several answers to every test row")
    collapse: str | None = Field(None, description="what is measured of its collapse")
    scores: str | None = None
    judge: str | None = None
    candidates: str | None = Field(None, description="the pool; none where its rows are not of one")
    baselines: Mapping[str, str] = Field({}, description="arms that it stands beside, by what they are to it")

    @property
    def nodes(self) -> set[str]:
        """The stages that a report of it reads."""
        found = (self.evaluate, self.train, self.rows, self.scores, self.judge, self.candidates, self.collapse, self.attempts)
        return {name for name in found if name is not None} | set(self.drawn)
