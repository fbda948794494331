"""Which stages share a job: those that follow each other, such as a selection, the training on it and its evaluation.

A queue is waited in once for all of them. A stage joins its producer's job where nobody else reads that who does not wait for the
stage as well, where all else that it needs is needed by that job anyway (so that no job waits longer than it would), and
where both want the same resources.
"""

from collections.abc import Collection, Mapping
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


def grouped(
    graph: Graph[Stage], missing: Mapping[str, Node[Stage]], profile: Profile, queued: Collection[str] = ()
) -> list[Group]:
    """The missing stages as jobs, in an order in which they can be submitted; a job each unless the profile joins them.

    Those that are `queued` have a job already: none is made for them, and what reads them waits for it.
    """
    upstream = {name: graph.upstream([name]) for name in missing}
    consumers: dict[str, set[str]] = {name: set() for name in missing}
    for name, stage in missing.items():
        for source in missing.keys() & {*stage.inputs.values()}:
            consumers[source].add(name)
    group_of: dict[str, Group] = {}
    groups: list[Group] = []
    for name, stage in missing.items():
        if name in queued:
            continue
        needs = missing.keys() & {*stage.inputs.values()}
        wanted = profile.resources(name, stage.stage.runs_a_model)
        group = None
        for source in stage.inputs.values() if profile.join else ():
            # Others may read what it is given too, such as the report, as long as they wait for the stage itself as well.
            alone = source in group_of and all(name in upstream[one] for one in consumers[source])
            if alone and _fits(group_of[source], stage, wanted, needs, graph):
                group = group_of[source]
                break
        if group is None:
            group = Group([], wanted, stage.stage.runs_a_model)
            groups.append(group)
        elif stage.stage.runs_a_model and not group.asks_for_a_device:
            group.resources, group.asks_for_a_device = wanted, True
        group.stages.append(stage)
        group_of[name] = group
        group.after |= needs - {member.name for member in group.stages}
    return groups


def _fits(group: Group, stage: Node[Stage], wanted: Resources, needs: set[str], graph: Graph[Stage]) -> bool:
    members = {member.name for member in group.stages}
    if not needs <= graph.upstream(members):
        return False
    if not (stage.stage.runs_a_model and group.asks_for_a_device):
        return True
    return wanted.model_dump(exclude=APART) == group.resources.model_dump(exclude=APART)
