"""Tasks that ask potentials for forces in frames made for it: scans, and frames composed of several."""

from collections.abc import Mapping
from typing import Any

from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.spec import Scan
from mlipbench_hpc.plan import cost, sources
from mlipbench_hpc.plan.expand import data
from mlipbench_hpc.plan.expand.graph import TaskGraph
from mlipbench_hpc.plan.expand.models import Trained

SCAN = {"particles", "directions", "each", "distance", "points", "seed"}
LOCALITY = {"radii", "hosts", "waters", "donors", "temperature", "tolerance", "seed"}


def scan(graph: TaskGraph, name: str, committees: Mapping[str, Trained]) -> None:
    """A task for each member of the committee, or one of the reference potential."""
    entry, subject = graph.campaign.scans[name], {"scan": name}
    metal, frames = graph.campaign.analysis.profiles.metal, entry.start.frames
    parameters = entry.model_dump(include=SCAN) | {"metal": metal, "frames": frames}
    if entry.potential:
        _scan_of_reference(graph, entry, subject, parameters)
        return
    trained = committees[str(entry.committee)]
    model = graph.model_of(graph.campaign.committees[str(entry.committee)])
    parameters |= {"batch_size": graph.campaign.evaluation.batch_size, **graph.engine(model)}
    costs = cost.scan(graph.card(model), parameters, _facts(graph, entry))
    for member, key in enumerate(trained.models):
        own = subject | {"committee": entry.committee, "member": member}
        upstream = {"start": _start(graph, entry), "model": key}
        graph.add("scan", own, parameters, upstream, costs, model, maybe=trained.maybe)


def _scan_of_reference(
    graph: TaskGraph, entry: Scan, subject: dict[str, Any], parameters: dict[str, Any]
) -> None:
    card = graph.labeller(str(entry.potential))
    parameters = card.with_options("label", parameters | {"potential": entry.potential}, entry.options)
    costs = cost.scan(card, parameters, _facts(graph, entry))
    own, upstream = subject | {"potential": entry.potential}, {"start": _start(graph, entry)}
    graph.add("scan", own, parameters, upstream, costs, potential=entry.potential)


def _start(graph: TaskGraph, entry: Scan) -> str:
    if entry.start.system:
        return data.system(graph, entry.start.system)
    return data.dataset(graph, str(entry.start.dataset))


def _facts(graph: TaskGraph, entry: Scan) -> DatasetFacts:
    setting, start = graph.setting, entry.start
    return setting.systems[start.system] if start.system else setting.facts[str(start.dataset)]


def locality(graph: TaskGraph, name: str) -> None:
    """One task: frames composed and labelled."""
    entry, campaign = graph.campaign.locality[name], graph.campaign
    split, card = campaign.splits[entry.split], graph.labeller(entry.potential)
    parameters = entry.model_dump(include=LOCALITY) | {
        "potential": entry.potential,
        "only": split.only,
        "metal": campaign.analysis.profiles.metal,
        "conditions": sources.conditions(campaign.datasets, graph.setting.facts, split.dataset),
    }
    parameters = card.with_options("label", parameters, entry.options)
    upstream = {
        "frames": data.dataset(graph, split.dataset), "split": data.split(graph, entry.split, split.train)
    }  # fmt: skip
    costs = cost.locality(card, parameters, graph.drawn(split))
    graph.add("locality", {"locality": name}, parameters, upstream, costs, potential=entry.potential)
