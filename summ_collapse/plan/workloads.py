"""What each stage of a plan works on: its rows, what passes through its model, and the shape of that model.

Every stage says this of itself (`size`, `chunks`, `work`); here it is asked, from the examples down the graph.
"""

import math

from summ_collapse.experiment.experiment import Experiment
from summ_collapse.graph import Node
from summ_collapse.launch import shapes
from summ_collapse.plan import architecture
from summ_collapse.plan.costs import Workload
from summ_collapse.plan.local_data import counted
from summ_collapse.recipe.resolve import Name
from summ_collapse.stages.prepare import Counts
from summ_collapse.stages.reading import Reading
from summ_collapse.stages.size import Lengths, Size
from summ_collapse.stages.stage import Stage
from summ_collapse.store import Artifact


class Workloads:
    """What each stage of an experiment works on; `prepared` are the examples, where they have been read."""

    def __init__(self, experiment: Experiment, prepared: Artifact | None) -> None:
        self.recipe = experiment.recipe
        self.stages = experiment.stages
        expected = self.recipe.task.expected() or counted(self.recipe.task, experiment.names)
        limit = self.recipe.synthesis.max_new_tokens
        self.lengths = Lengths(expected.get("document_tokens"), expected.get("summary_tokens"), limit)
        self.sizes: dict[str, Size] = {}
        for name, node in self.stages.items():  # an order in which they can run
            self.sizes[name] = node.stage.size(self._of(node))
            if name != experiment.prepare.name:
                continue
            if prepared is not None:
                found = Counts.of(prepared)
                self.sizes[name] = Size(found.train, found.test, completion=self.lengths.summary)
            elif self.sizes[name].rows is None:
                self.sizes[name] = Size(expected.get("train"), expected.get("test"), completion=self.lengths.summary)

    def _of(self, node: Node[Stage]) -> dict[str, Size]:
        return {role: self.sizes[source] for role, source in node.inputs.items()}

    @property
    def tokens_a_row(self) -> int:
        """Tokens of a row's texts; as long as a model reads them at most where nobody says."""
        return (self.lengths.document or self.recipe.task.max_document_tokens) + (self.lengths.summary or 0)

    def shape(self, node: Node[Stage]) -> str:
        """The launch shape, by name."""
        return shapes.shape_of(node, self.recipe.launch)

    def devices(self, node: Node[Stage], most: int) -> int:
        """How many devices the stage's shape makes use of, of `most`."""
        return 1 if self.shape(node) == shapes.SINGLE else most

    def largest_part(self, node: Node[Stage], devices: int) -> float:
        """The part of the work that the busiest of `devices` does: rows are dealt out to them in whole chunks."""
        chunks = node.stage.chunks(self._of(node))
        return 1 / devices if not chunks else math.ceil(chunks / devices) / chunks

    def tokens(self, node: Node[Stage]) -> int | None:
        """Tokens that a model reads or writes, over all epochs; None also for what only reads whole tables."""
        work = node.stage.work(self._of(node), self.lengths)
        return work.tokens if work else 0 if node.stage.launch else None

    def of(self, node: Node[Stage]) -> Workload | None:
        """The stage's work for `costs.py`; None where it runs no model, or one whose shape is not known."""
        work, name, base = node.stage.work(self._of(node), self.lengths), self.bottom(node), self.recipe.base
        if name is not None:
            shape = architecture.find(name.place, name.commit)
        else:
            shape = architecture.of_tiny(base.tiny) if base.tiny is not None else None
        if work is None or shape is None:
            return None
        return Workload(
            **vars(work),
            architecture=shape,
            dtype_bytes=4 if base.dtype == "float32" else 2,
            eager=base.attention == "eager",
        )

    def bottom(self, node: Node[Stage]) -> Name | None:
        """The model that a stage trains or runs, adapters aside; None where it is made here."""
        reading = node.stage.reads
        if reading is None:
            return None
        role = next(role for role in ("model", "base") if role in node.inputs or role in reading.models)
        while role + Reading.below in {*node.inputs, *reading.models}:
            role += Reading.below
        return self.bottom(self.stages[node.inputs[role]]) if role in node.inputs else reading.models[role]
