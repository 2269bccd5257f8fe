"""expand(campaign, setting, decisions): the task graph, in topological order. Pure."""

from collections.abc import Mapping

from mlipbench_hpc.architectures.card import InstalledArchitecture
from mlipbench_hpc.campaign.spec import Campaign
from mlipbench_hpc.contract.verbs import verb_of, verbs
from mlipbench_hpc.plan.cost import analyse
from mlipbench_hpc.plan.expand import data, md, models, probes, recorded, reweighting, speed
from mlipbench_hpc.plan.expand.graph import TaskGraph
from mlipbench_hpc.plan.expand.setting import Setting
from mlipbench_hpc.plan.graph import Planned
from mlipbench_hpc.potentials.card import InstalledPotential

__all__ = ["Setting", "environments", "expand"]


def environments(
    campaign: Campaign,
    architectures: Mapping[str, InstalledArchitecture],
    potentials: Mapping[str, InstalledPotential],
) -> list[str]:
    """The environments a campaign needs, sorted."""
    names = {verb_of(verb).environment for verb in ("build", "split", "analyse")}
    sources = [dataset.generate or dataset.label for dataset in campaign.datasets.values()]
    used = [use.potential for use in (*campaign.md.values(), *sources) if use and use.potential]
    used += [use.potential for use in campaign.locality.values()]
    used += [use.potential for use in campaign.scans.values() if use.potential]
    names |= {potentials[potential].card.environment for potential in used}
    names |= {verb.environment for verb in verbs().values() if verb.is_foreign}
    for model in campaign.models.values():
        card = architectures[model.architecture].card
        names |= {card.environment, card.by(model.kernel).environment}
        names |= {card.kernels[model.kernel].preparing} if model.kernel else set()
    return sorted(names)


def expand(campaign: Campaign, setting: Setting, decisions: Mapping[str, bool]) -> list[Planned]:
    """Every task of the campaign, upstream first.

    decisions: by key of a committed `decide` task, whether the loop it belongs to has had enough. An open
    loop is unrolled to its stated maximum and what may still be pruned is marked `maybe`.
    """
    graph = TaskGraph(campaign, setting)
    for name in campaign.datasets:
        data.dataset(graph, name)
        data.dipole(graph, name)
    for name, split in campaign.splits.items():
        data.split(graph, name, split.train)
    for name in campaign.committees:
        models.visibility(
            graph, name
        )  # Of all, before any is trained: tasks run in this order where they can.
    committees = {name: models.committee(graph, name, decisions) for name in campaign.committees}
    runs = {name: md.md(graph, name, committees) for name in campaign.md}
    for name in campaign.trajectories:
        recorded.recorded(graph, name)
    for name in campaign.reweighting:
        reweighting.reweighting(graph, name, runs, committees)
    _probes(graph, committees)
    _add_verbs_from_outside(graph)
    return list(graph.planned.values())


def _probes(graph: TaskGraph, committees: Mapping[str, models.Trained]) -> None:
    """Timings, scans and composed frames."""
    for name in graph.campaign.speed:
        speed.speed(graph, name, committees)
    for name in graph.campaign.scans:
        probes.scan(graph, name, committees)
    for name in graph.campaign.locality:
        probes.locality(graph, name)


def _add_verbs_from_outside(graph: TaskGraph) -> None:
    """One task of such a verb for each task of the verb that it consumes."""
    for verb in verbs().values():
        if not verb.is_foreign:
            continue
        (consumed,) = verb.consumes
        for item in [item for item in graph.planned.values() if item.task.verb == consumed]:
            upstream = {consumed: item.key}
            for subject in item.subjects:
                graph.add(
                    verb.name, dict(subject), dict(verb.parameters), upstream, analyse(0), maybe=item.maybe
                )
