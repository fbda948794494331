"""A rehearsal: every different stage of a recipe once, on a few rows, with small models of the same make as the recipe's.

What a model would write is stood in for by references, half of them other documents', so that what comes after meets right
texts and wrong ones. It says nothing of quality, memory or speed; it says what a run would end with.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from summ_collapse import store
from summ_collapse.errors import ArmFailed, InputError, first_line
from summ_collapse.experiment.experiment import Experiment
from summ_collapse.graph import Node
from summ_collapse.launch.process import compute_with, quieten
from summ_collapse.plan import few_rows
from summ_collapse.plan.check_site import Finding, Verdict
from summ_collapse.progress import unseen
from summ_collapse.recipe.blocks import Options, Pretrain, Tiny, Training
from summ_collapse.recipe.decoding import Decoding
from summ_collapse.recipe.resolve import Name
from summ_collapse.stages.reading import Reading
from summ_collapse.stages.stage import Context, Outcome, Stage
from summ_collapse.store import Artifact

if TYPE_CHECKING:
    from summ_collapse.models.loading import ModelSource

BATCH, SEQUENCES, LAYERS = 2, 32, 2  # at most: rows of a batch, sequences that are written at once, layers
UNTRIED = 2  # stages of which it is said why they were not tried


@dataclass
class Rehearsal:
    """What has been made so far, by stage, below a folder that is thrown away."""

    experiment: Experiment
    folder: Path
    whole: dict[str, Artifact] = field(default_factory=dict)  # what stages made of all rows, which no model was needed for
    made: dict[str, Artifact | None] = field(default_factory=dict)  # of a few rows; None where nothing came of it
    known: dict[str, Artifact | None] = field(default_factory=dict)  # the same, by what was done
    small: dict["ModelSource", Path] = field(default_factory=dict)  # models, by what they are made like
    strange: dict["ModelSource", str] = field(default_factory=dict)  # models that have no small copy, and why
    unable: dict[str, str] = field(default_factory=dict)  # by stage, why it could not be tried
    told: set[str] = field(default_factory=set)
    rows: int = 0

    @property
    def unresolved(self) -> set[str]:
        """Models that this machine knows nothing of, which another check tells."""
        return {one.place for one in self.experiment.names.values() if one.unresolved}

    def prepare(self) -> Outcome:
        """The stage itself, on all rows. InputError as it would raise it."""
        node = self.experiment.prepare
        outcome = self._run(node, node.stage, {})
        self.whole[node.name] = self._artifact(node)
        return outcome

    def findings(self) -> Iterator[Finding]:
        """What every different stage after `prepare` would end with."""
        quieten()
        stages, seed = self.experiment.stages, self.experiment.recipe.seeds[0]
        of_one_seed = [name for name, node in stages.items() if node.seed in (None, seed) and not node.stage.takes_failed]
        needed = self.experiment.graph.upstream(of_one_seed)  # and what was trained once, under a seed of its own
        nodes = [node for name, node in stages.items() if name in needed]
        for node in nodes:
            if _on_all_rows(node) and node.name not in self.whole and set(node.inputs.values()) <= self.whole.keys():
                yield from self._tried(node, "failed", partial(self._make_whole, node))
        self._cut()
        for node in nodes:
            if node.name not in self.made and not node.stage.takes_failed:
                yield from self._rehearsed(node)
        yield from self._summary()

    def _rehearsed(self, node: Node[Stage]) -> Iterator[Finding]:
        """Make the stage's result, if what it needs is there; what is made already in the same way serves for it too."""
        self.made[node.name] = None
        inputs = {role: found for role, source in node.inputs.items() if (found := self.made.get(source)) is not None}
        if len(inputs) < len(node.inputs):
            return
        alike = self._alike(node, inputs)
        if alike not in self.known:
            # Without a model it is the rows alone that a stage can dislike, and these are few.
            verdict: Verdict = "failed" if node.stage.runs_a_model else "warning"
            yield from self._tried(node, verdict, partial(self._make, node, inputs, alike))
        self.made[node.name] = self.known.get(alike)

    def _alike(self, node: Node[Stage], inputs: Mapping[str, Artifact]) -> str:
        """What two stages share that do the same."""
        gives = {role: self.experiment.stages[source].stage.gives for role, source in node.inputs.items()}
        read = {role: few_rows.like(artifact, gives[role]) for role, artifact in inputs.items()}
        return store.fingerprint({"kind": node.kind, "config": node.stage.described(), "read": read})

    def _tried(self, node: Node[Stage], verdict: Verdict, make: Callable[[], None]) -> Iterator[Finding]:
        try:
            make()
        except ArmFailed as error:
            self.unable[node.name] = error.reason
        except InputError as error:
            few = "" if verdict == "failed" else f" (tried on {self.rows} rows)"
            yield from self._told(node, verdict, f"{error}{few}")
        except Exception as error:  # whatever it is, the run would end with it
            yield from self._told(node, "failed", repr(error))

    def _told(self, node: Node[Stage], verdict: Verdict, what: str) -> Iterator[Finding]:
        """Once, of the first stage that it is true of."""
        if what not in self.told:
            self.told.add(what)
            yield Finding("rehearsal", verdict, f"{node.name}: {self._named(what)}")

    def _named(self, told: str) -> str:
        """A message with the recipe's models in the place of their small copies."""
        for source, place in self.small.items():
            told = told.replace(str(place), source.name)
        return told

    def _make_whole(self, node: Node[Stage]) -> None:
        self.made[node.name] = None
        self._run(node, node.stage, {role: self.whole[source] for role, source in node.inputs.items()})
        self.whole[node.name] = self._artifact(node)

    def _make(self, node: Node[Stage], inputs: Mapping[str, Artifact], alike: str) -> None:
        stage = shortened(node.stage, partial(self._read_small, inputs=inputs))
        try:
            outcome = self._run(node, stage, inputs)
            if stage.gives == "candidates" and not outcome.rows_out:
                raise ArmFailed("nothing to write for among so few documents")
        except ArmFailed:  # another one like it may have the rows for it
            raise
        except Exception:
            self.known[alike] = None
            raise
        self.known[alike] = made = self._artifact(node)
        examples = self.made[self.experiment.prepare.name]
        if stage.gives == "candidates" and stage.runs_a_model and examples is not None:
            few_rows.stand_in(made, examples)

    def _run(self, node: Node[Stage], stage: Stage, inputs: Mapping[str, Artifact]) -> Outcome:
        place = self._place(node)
        work = place / "work"
        work.mkdir(parents=True)
        if stage.threads is not None:
            compute_with(stage.threads)
        context = Context(f"{node.kind}/{node.arm}", inputs, node.seed or 0, work, place, checkpoint_steps=100, progress=unseen)
        outcome = stage.run(context)
        few_rows.leave(place, node.fingerprint, outcome.rows_out, dict(outcome.notes))
        return outcome

    def _place(self, node: Node[Stage]) -> Path:
        return self.folder / "stages" / node.kind / node.folder

    def _artifact(self, node: Node[Stage]) -> Artifact:
        return Artifact(self._place(node))

    def _cut(self) -> None:
        """A few rows of everything that was made of all."""
        gives = {name: self.experiment.stages[name].stage.gives for name in self.whole}
        ids, self.rows = few_rows.chosen(self.whole, gives)
        for name, artifact in self.whole.items():
            self.made[name] = few_rows.cut(artifact, ids, self.folder / "few" / name)

    def _read_small(self, reading: Reading, inputs: Mapping[str, Artifact]) -> Reading:
        """With small models in the place of named ones, what lies below an adapter first."""
        models = dict(reading.models)
        for role in sorted(models, key=len, reverse=True):
            source = reading.model_copy(update={"models": models}).source(inputs, role)
            if source not in self.small:
                self.small[source] = self._small(source)
            models[role] = Name(place=str(self.small[source]))
        # Its kernels are those of the machines that stages will run on.
        attention = "sdpa" if reading.attention == "flash_attention_2" else reading.attention
        return reading.model_copy(update={"models": models, "attention": attention})

    def _small(self, source: "ModelSource") -> Path:
        """A small model like this one; ArmFailed where there can be none, InputError where a run could not read this one."""
        from summ_collapse.models.small import small_copy

        if source in self.strange:
            raise ArmFailed(self.strange[source])
        place = Path(tempfile.mkdtemp(dir=self.folder, prefix="model-"))
        try:
            small_copy(source, place)
        except InputError as error:
            if source.name not in self.unresolved:
                raise InputError(str(error).replace(str(place), source.name)) from error
            self.strange[source] = f"model {source.name} is not at hand"
        except Exception as error:  # whatever a stranger's architecture says of it
            self.strange[source] = f"no small model like {source.name} can be made: {first_line(error)}"
        if source in self.strange:
            raise ArmFailed(self.strange[source])
        return place

    def _summary(self) -> Iterator[Finding]:
        done = [name for name, found in self.made.items() if found is not None]
        kinds = {self.experiment.stages[name].kind for name in done}
        count = len({found.path for found in self.made.values() if found is not None})
        told = f"{count} different stages of {len(kinds)} kinds ran, on {self.rows} documents"
        reasons: dict[tuple[str, str], str] = {}
        for name, reason in self.unable.items():
            reasons.setdefault((self.experiment.stages[name].kind, reason), name)
        untried = [f"{name} ({reason})" for (_, reason), name in reasons.items()]
        if len(untried) > UNTRIED:
            untried[UNTRIED:] = [f"and {len(untried) - UNTRIED} more"]
        yield Finding("rehearsal", "ok", told + (f"; not tried: {', '.join(untried)}" if untried else ""))


def shortened(value: Any, small: Callable[[Reading], Reading]) -> Any:
    """A stage, or what stands in it, with one step for every training, small batches, and models that `small` gives."""
    if isinstance(value, Reading):
        return small(value)
    if isinstance(value, Decoding):
        return replace(value, batch_size=min(value.batch_size, max(1, SEQUENCES // value.sequences)))
    if isinstance(value, dict):
        return {key: shortened(entry, small) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(shortened(entry, small) for entry in value)
    if not isinstance(value, Options):
        return value
    changed = {name: shortened(getattr(value, name), small) for name in type(value).model_fields}
    if isinstance(value, Training):
        changed |= {"epochs": None, "steps": 1, "micro_batch_size": None}
    if isinstance(value, Pretrain):
        changed["steps"] = 1
    if isinstance(value, Tiny):
        changed["layers"] = min(value.layers, LAYERS)
    if isinstance(changed.get("batch_size"), int):
        changed["batch_size"] = min(changed["batch_size"], BATCH)
    return value.model_copy(update=changed)


def _on_all_rows(node: Node[Stage]) -> bool:
    """Whether a stage reads the data, or a file of the user's, with no model in play: it is quick, and rows are its matter."""
    stage = node.stage
    if stage.runs_a_model or stage.gives == "model":
        return False
    return set(stage.inputs) | set(node.inputs) <= {"examples"} or _names_files(stage)


def _names_files(block: BaseModel) -> bool:
    values = [getattr(block, name) for name in type(block).model_fields]
    return any(isinstance(one, Name) for value in values for one in (value.values() if isinstance(value, dict) else [value]))
