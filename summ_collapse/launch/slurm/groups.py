"""Which stages share a job: those that follow each other, such as a selection, the training on it and its evaluation.

A queue is waited in once for all of them. A stage joins its producer's job where nobody else reads that who does not wait for the
stage as well, where all else that it needs is needed by that job anyway (so that no job waits longer than it would), and
where both want the same resources.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from summ_collapse.graph import Graph, Node
from summ_collapse.launch.slurm.profile import Profile, Resources
from summ_collapse.stages.stage import Stage

APART = {"nodes", "time"}  # what may differ: a task takes the nodes that it wants, and a job whose time is up goes on


@dataclass
class Group:
    """Stages in the order in which their job runs them, and what it asks for."""

    stages: list[Node[Stage]]
    resources: Resources
    asks_for_a_device: bool
    after: set[str] = field(default_factory=set)  # missing stages of other jobs that it waits for

    @property
    def head(self) -> str:
        """The stage that the job is named after."""
        return self.stages[0].name


def grouped(graph: Graph[Stage], missing: Mapping[str, Node[Stage]], profile: Profile) -> list[Group]:
    """The missing stages as jobs, in an order in which they can be submitted; a job each unless the profile joins them."""
    upstream = {name: graph.upstream([name]) for name in missing}
    consumers: dict[str, set[str]] = {name: set() for name in missing}
    for name, stage in missing.items():
        for source in missing.keys() & {*stage.inputs.values()}:
            consumers[source].add(name)
    group_of: dict[str, Group] = {}
    groups: list[Group] = []
    for name, stage in missing.items():
        needs = missing.keys() & {*stage.inputs.values()}
        wanted = profile.resources(name, stage.stage.runs_a_model)
        joins = None
        if profile.join:
            # Others may read what it is given too, such as the report, as long as they wait for the stage itself as well.
            alone = [
                source for source in stage.inputs.values() if all(name in upstream[one] for one in consumers.get(source, ()))
            ]
            ready = (group_of[source] for source in alone if source in missing)
            joins = next((group for group in ready if _fits(group, stage, wanted, needs, graph)), None)
        if joins is None:
            joins = Group([], wanted, stage.stage.runs_a_model)
            groups.append(joins)
        elif stage.stage.runs_a_model and not joins.asks_for_a_device:
            joins.resources, joins.asks_for_a_device = wanted, True
        joins.stages.append(stage)
        group_of[name] = joins
        joins.after |= needs - {member.name for member in joins.stages}
    return groups


def _fits(group: Group, stage: Node[Stage], wanted: Resources, needs: set[str], graph: Graph[Stage]) -> bool:
    members = {member.name for member in group.stages}
    if not needs <= graph.upstream(members):
        return False
    if not (stage.stage.runs_a_model and group.asks_for_a_device):
        return True
    return wanted.model_dump(exclude=APART) == group.resources.model_dump(exclude=APART)
